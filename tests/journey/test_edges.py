"""Forgers, bad messages, and what other teams read about each service: its OpenAPI and its AsyncAPI."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from openapi_spec_validator import validate

from shared.contracts import ALL_EVENTS
from shared.kernel import webhooks
from shared.kernel.ids import new_id
from tests.journey.town import Town, seen
from wanpu import keys
from wanpu.demo.client import Json, Platform
from wanpu.layout import SERVICES
from wanpu.local.stack import Stack

ROOT = Path(__file__).parents[2]


async def test_a_forged_token_orders_nothing_and_uses_up_no_key(town: Town, tmp_path: Path) -> None:
    keys.init(tmp_path)  # another operator's
    buyer, key = town.buyer(), new_id()
    forger = Platform(town.platform.urls, tmp_path)
    async with forger:
        refused = await forger.caller("buyer", buyer.caller.party).ask(
            "POST", "orders", "/orders", buyer.body(town.line("honey")), key=key
        )
    assert (refused.status, refused.code) == (401, "unauthenticated")
    assert await buyer.orders() == []
    again = await buyer.caller.ask("POST", "orders", "/orders", buyer.body(town.line("honey")), key=key)
    assert again.status == 201


async def test_a_forged_touch_orders_nothing(town: Town) -> None:
    touch = await town.touch("share", shared_by=town.referrer)
    buyer = town.buyer()
    refused = await buyer.tries(town.line("honey"), touch=touch[:-3] + ("AAA" if touch[-3:] != "AAA" else "BBB"))
    assert (refused.status, refused.code) == (422, "touch_invalid")
    assert await buyer.orders() == []


@pytest.mark.parametrize("kind", ["forged", "stale", "unsigned"])
async def test_a_forged_payment_report_pays_nothing(town: Town, stack: Stack, kind: str) -> None:
    order = await town.buyer().order(town.line("honey"), payment="prepaid")
    body = orjson.dumps(capture(order))
    true_key = keys.read(stack.secrets, "sandbox-psp", "webhook_psp").split()[0]
    headers = {
        "forged": webhooks.sign([webhooks.new_key()], body, new_id()),
        "stale": webhooks.sign([true_key], body, new_id(), datetime(2020, 1, 1, tzinfo=UTC)),
        "unsigned": {},
    }[kind]
    refused = await town.platform.send("POST", "orders", "/payments/callbacks/sandbox", content=body, headers=headers)
    assert (refused.status, refused.code) == (401, "signature_invalid")
    found = await town.order(order["order_id"])
    assert (found["state"], found["payment"]["state"]) == ("PLACED", "PENDING")


def capture(order: Json) -> Json:
    """A payment provider's report that an order was paid."""
    return {
        "payment_id": order["payment"]["payment_id"],
        "kind": "captured",
        "amount": order["payable"]["amount"],
        "currency": "CNY",
        "psp_ref": "forged",
        "at": datetime.now(UTC).isoformat(),
    }


async def test_a_forged_carriers_report_moves_no_parcel(town: Town) -> None:
    order = await town.buyer().order(town.line("honey"))
    (parcel,) = await town.parcels(order["order_id"])
    handed = (await town.hand_over(parcel)).body
    report = {"report_id": new_id(), "waybill": handed["waybill"], "kind": "delivered", "at": handed_at(handed)}
    body = orjson.dumps(report)
    headers = webhooks.sign([webhooks.new_key()], body, new_id())
    refused = await town.platform.send("POST", "logistics", "/carriers/sandbox/reports", content=body, headers=headers)
    assert (refused.status, refused.code) == (401, "signature_invalid")
    assert (await town.parcel_in(parcel["shipment_id"], "HANDED_OVER"))["timeline"] == handed["timeline"]


def handed_at(parcel: Json) -> str:
    at: str = parcel["timeline"][-1]["at"]
    return at


async def test_another_party_sees_nothing_of_an_order(town: Town) -> None:
    order = await town.buyer().order(town.line("honey"))
    stranger = await town.buyer().caller.ask("GET", "orders", f"/orders/{order['order_id']}")
    assert stranger.status == 404
    (parcel,) = await town.parcels(order["order_id"])
    kiln = next(each for each in town.market.suppliers if each != parcel["supplier_id"])
    body = {"carrier": "sandbox", "waybill": "T1"}
    path = f"/shipments/{parcel['shipment_id']}/hand-over"
    assert (await town.platform.caller("supplier", kiln).ask("POST", "logistics", path, body)).status == 404


async def test_a_bad_message_is_parked_with_its_cause_and_shown_by_the_dlq_command(town: Town, stack: Stack) -> None:
    key = new_id()
    record = await publish(stack.bootstrap, "orders.orders", key, b"{not json", "wanpu.orders.OrderConfirmed.v1")

    async def parked() -> Json | None:
        letters = json.loads(await wanpu(stack, "dlq", "list", "--json", "--topic", "orders.orders"))
        mine = [each for each in letters if (each["partition"], each["offset"]) == record]
        return mine[0] if mine else None

    letter = await seen("the bad message is parked", parked)
    assert letter["cause"]
    order = await town.buyer().order(town.line("honey"))  # and the topic goes on
    assert len(await town.parcels(order["order_id"])) == 1


async def publish(bootstrap: str, topic: str, key: str, body: bytes, kind: str) -> tuple[int, int]:
    """A record as nobody's outbox would send it; its partition and offset."""
    headers = [("ce_id", new_id().encode()), ("ce_type", kind.encode()), ("ce_aggregateversion", b"1")]
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        sent = await producer.send_and_wait(topic, body, key=key.encode(), headers=headers)
    finally:
        await producer.stop()
    return sent.partition, sent.offset


async def wanpu(stack: Stack, *arguments: str) -> bytes:
    """What the `wanpu` command prints, run as an operator does."""
    command = ["-m", "wanpu", *arguments, "--data", str(stack.data)]
    return await python(*command)


async def python(*arguments: str, **env: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=ROOT,
        env={**os.environ, **env},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out


@pytest.mark.parametrize("service", SERVICES)
async def test_the_openapi_document_of_each_service_is_valid(platform: Platform, service: str) -> None:
    document: Any = (await platform.send("GET", service, "/openapi.json")).body
    validate(document)
    assert document["paths"]


def test_faststreams_docs_of_each_worker_list_its_events_with_their_payloads(tmp_path: Path) -> None:
    """By the tool that people know, run as they run it."""
    tool = Path(sys.executable).with_name("faststream")
    made = {service: tmp_path / f"{service}.json" for service in SERVICES}
    tools = [
        subprocess.Popen([tool, "docs", "gen", f"services.{service}.main:worker", "--out", file], cwd=ROOT)
        for service, file in made.items()
    ]
    assert [each.wait() for each in tools] == [0] * len(SERVICES)
    for service, file in made.items():
        document = json.loads(file.read_text())
        told = [event for event in ALL_EVENTS if event.topic.owner == service]
        assert {event.__name__ for event in told} <= document["components"]["schemas"].keys()
        assert {event.topic.name for event in told} <= {each["address"] for each in document["channels"].values()}

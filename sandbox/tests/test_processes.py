"""The parties as real processes, against a real broker."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from sandbox.settings import Settings
from sandbox.tests import facts
from sandbox.tests.listener import Listener
from shared.contracts.event import Event
from shared.contracts.logistics import (
    COD,
    DISCREPANCIES,
    SHIPMENTS,
    STATEMENTS,
    ShipmentDelivered,
    ShipmentHandedOver,
)
from shared.contracts.orders import PAYMENTS, PAYOUTS, PERSONAL, REFUNDS, ConfirmationCodeIssued
from shared.contracts.values import Money
from shared.embedded.kafka import Kafka
from shared.embedded.process import free_port
from shared.kernel.kafka import apply_topics
from shared.kernel.testing import until

CODE = {
    "order_id": "0190f3a0-0000-7000-8000-000000000001",
    "order_no": "W1",
    "buyer_ref": "buyer-1",
    "phone": "+8613800000000",
    "code": "123456",
    "payable": {"amount": 25000, "currency": "CNY"},
    "expires_at": "2026-01-01T00:00:00Z",
}
QUICK = {"WANPU_SANDBOX_PACE": "0.001", "WANPU_SANDBOX_SEED": "7"}
Start = Callable[..., Awaitable[httpx.AsyncClient]]


class Processes:
    """Parties started by a test, all ended after it."""

    def __init__(self, kafka: Kafka, settings: Settings) -> None:
        self.kafka, self.settings = kafka, settings
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.clients: list[httpx.AsyncClient] = []

    async def start(self, party: str, **env: str) -> httpx.AsyncClient:
        port = free_port()
        told = {
            "WANPU_PORT": str(port),
            "WANPU_KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "WANPU_SECRETS_DIR": str(self.settings.secrets_dir),
        }
        command = (sys.executable, "-m", f"sandbox.{party}", "--name", f"sandbox-{party}")
        self.running[party] = await asyncio.create_subprocess_exec(*command, env=os.environ | told | env)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")
        self.clients.append(client)
        await until(lambda: _is_ready(client))
        return client

    async def stop(self, party: str) -> int:
        process = self.running.pop(party)
        process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(process.wait(), 15)


@pytest.fixture
async def processes(kafka: Kafka, settings: Settings) -> AsyncIterator[Processes]:
    await apply_topics(kafka.bootstrap, [PERSONAL, SHIPMENTS, COD, STATEMENTS, DISCREPANCIES])
    await apply_topics(kafka.bootstrap, [PAYMENTS, REFUNDS, PAYOUTS])
    processes = Processes(kafka, settings)
    yield processes
    for party in list(processes.running):
        await processes.stop(party)
    for client in processes.clients:
        await client.aclose()


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).is_success
    except httpx.TransportError:
        return False


async def publish(kafka: Kafka, event: Event, position: int = 1) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    said = {"ce_type": event.type, "ce_time": datetime.now(UTC).isoformat(), "ce_aggregateversion": f"{position}"}
    headers = [(name, value.encode()) for name, value in said.items()]
    await producer.send_and_wait(
        event.topic.name, event.model_dump_json().encode(), event.key.encode(), headers=headers
    )
    await producer.stop()


async def test_a_code_reaches_the_phone_also_after_a_restart(processes: Processes) -> None:
    await publish(processes.kafka, ConfirmationCodeIssued.model_validate(CODE))
    for _ in range(2):
        phone = await processes.start("phone")
        (message,) = (await phone.get("/phones/buyer-1/messages")).json()
        assert (message["order_no"], message["code"]) == ("W1", "123456")
        assert await processes.stop("phone") == 0


async def test_a_phone_that_got_nothing_shows_nothing(processes: Processes) -> None:
    phone = await processes.start("phone")
    assert (await phone.get("/phones/nobody/messages")).json() == []


async def test_the_carrier_learns_from_the_topic_what_it_took_over_and_what_has_ended(processes: Processes) -> None:
    await publish(processes.kafka, handed_over("W-open"))
    await publish(processes.kafka, handed_over("W-done"))
    await publish(processes.kafka, delivered("W-done"))
    carrier = await processes.start("carrier", WANPU_QUIET_SANDBOX="1")
    items = {item["waybill"]: item for item in (await carrier.get("/parcels")).json()["items"]}
    assert items["W-open"]["cod_amount"] == {"amount": 12900, "currency": "CNY"}
    assert (items["W-open"]["ended"], items["W-done"]["ended"]) == (False, True)


async def test_the_provider_serves_its_page_and_stops_when_told(processes: Processes) -> None:
    psp = await processes.start("psp")
    assert (await psp.get("/pay/p1")).status_code == 403
    assert await processes.stop("psp") == 0


async def test_a_bank_that_is_restarted_repeats_the_call_that_it_made(processes: Processes, listener: Listener) -> None:
    await publish(processes.kafka, facts.payout_submitted("po-restart"), 3)
    for count in (1, 2):
        bank = await processes.start("bank", WANPU_ORDERS_URL=listener.url, WANPU_QUIET_SANDBOX="1", **QUICK)
        assert (await bank.post("/control/payouts/po-restart", json={"behaviour": "pay"})).status_code == 204
        await until(_says(listener, count))
        assert await processes.stop("bank") == 0
    assert listener.taken[0] == listener.taken[1]


async def test_a_statement_that_was_matched_is_credited_with_the_operators_token(
    processes: Processes, listener: Listener
) -> None:
    bank = await processes.start("bank", WANPU_LOGISTICS_URL=listener.url, WANPU_QUIET_SANDBOX="1", **QUICK)
    assert (await bank.post("/control/statements/SB-T", json={"parts": 2})).status_code == 204
    await publish(processes.kafka, facts.matched("SB-T"))
    await until(_says(listener, 2))
    assert [(path, body["amount"]["amount"]) for path, _, body in listener.taken] == [
        ("/bank-credits", 5_000),
        ("/bank-credits", 5_001),
    ]


async def test_the_provider_settles_what_it_finds_captured_on_the_topic(
    processes: Processes, listener: Listener
) -> None:
    await publish(processes.kafka, facts.captured("pay-a", 10_000), 1)
    await publish(processes.kafka, facts.captured("pay-b", 20_000), 1)
    await publish(processes.kafka, facts.settled("pay-b", 20_000), 2)
    psp = await processes.start("psp", WANPU_ORDERS_URL=listener.url, WANPU_QUIET_SANDBOX="1")
    assert (await psp.post("/control/settle")).json()["owed"] == 0
    ((path, _, body),) = listener.taken
    assert path == "/payments/settlements/sandbox"
    assert body["payments"] == [{"payment_id": "pay-a", "gross": 10_000, "fee": 60}]


async def test_the_carrier_states_the_cash_it_finds_collected_on_the_topic(
    processes: Processes, listener: Listener
) -> None:
    await publish(processes.kafka, facts.collected("W-stated"))
    await publish(processes.kafka, facts.remitted("W-stated"), 2)
    await publish(processes.kafka, facts.collected("W-waits"))
    carrier = await processes.start("carrier", WANPU_LOGISTICS_URL=listener.url, WANPU_QUIET_SANDBOX="1")
    assert (await carrier.post("/control/statements", json={})).json()["waiting"] == 0
    ((path, _, text),) = listener.taken
    assert path == "/carriers/sandbox/statements"
    assert text.splitlines()[1:] == ["W-waits,2026-03-02T12:00:00+00:00,12900,129,12771"]


def _says(listener: Listener, count: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return len(listener.taken) == count

    return look


def handed_over(waybill: str) -> ShipmentHandedOver:
    return ShipmentHandedOver(**_shipment(waybill), parcel_state="HANDED_OVER", handed_over_at=datetime.now(UTC))


def delivered(waybill: str) -> ShipmentDelivered:
    return ShipmentDelivered(**_shipment(waybill), parcel_state="DELIVERED", delivered_at=datetime.now(UTC))


def _shipment(waybill: str) -> dict[str, Any]:
    ids = ("order_id", "supplier_order_id", "supplier_id")
    return dict.fromkeys(ids, "0190f3a0-0000-7000-8000-000000000002") | {
        "shipment_id": waybill,
        "carrier": "sandbox",
        "waybill": waybill,
        "attempts": 0,
        "cod_amount": Money(amount=12900, currency="CNY"),
        "region": "CN-ZJ",
        "lines": (),
    }

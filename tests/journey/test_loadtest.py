"""A load test goes all the way through logistics and back, says so at each step, and leaves no mark on the books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from load import books, market
from load.books import Books
from load.market import Market
from load.target import Target
from load.wire import address_of
from shared.contracts import TOPICS
from shared.kernel.ids import new_id
from shared.kernel.kafka import read_all
from tests.journey.town import ADDRESS, Town
from wanpu.demo.client import Answer, Caller, Json, Platform, money
from wanpu.local.stack import Stack

LISTINGS = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """A load test's market, and the town that goes on beside it."""

    platform: Platform
    market: Market
    target: Target
    town: Town

    def buyer(self) -> Caller:
        return self.platform.caller("buyer", f"load-{new_id()}")

    def body(self, buyer: Caller, payment: str = "cod") -> Json:
        """An order of one piece of the load test's first listing."""
        first = self.market.listings[0]
        return {
            "storefront_id": self.market.storefront_id,
            "buyer_ref": buyer.party,
            "payment": payment,
            "lines": [{"listing_id": first.listing_id, "qty": 1, "unit_price": money(first.price)}],
            "ship_to": ADDRESS,
        }

    async def order(self, buyer: Caller, payment: str = "cod") -> Json:
        answer = await buyer.order(self.body(buyer, payment))
        assert answer.status == 201, answer
        return answer.body

    async def books(self) -> Books:
        assert await books.settle(self.target) == []
        return await books.read(self.platform, self.target, self.market)


@pytest.fixture(scope="module")
async def trial(stack: Stack, town: Town) -> AsyncIterator[Trial]:
    urls = town.platform.urls
    target = Target(dict(urls), (address_of(urls["orders"]),), stack.secrets, stack.auditor_dsn(), stack.bootstrap)
    async with Platform(urls, stack.secrets, loadtest=True) as platform:
        yield Trial(platform, await market.build(platform, LISTINGS, pieces=1_000), target, town)


async def test_a_load_tests_order_goes_to_logistics_and_back_and_never_travels(trial: Trial) -> None:
    before = await trial.books()
    buyer = trial.buyer()
    order = await trial.order(buyer)
    assert order["state"] == "CONFIRMED"
    (parcel,) = await trial.town.parcels(order["order_id"])
    refused = await trial.town.hand_over(parcel)
    assert (refused.status, refused.code) == (409, "loadtest")
    asked = await buyer.ask("POST", "orders", f"/orders/{order['order_id']}/cancel", {"reason": "load test"})
    assert asked.status == 202
    await trial.town.order_in(order["order_id"], "CLOSED")
    assert before.moved(await trial.books(), live=False) == []


async def test_a_load_tests_payment_is_captured_and_booked_nowhere(trial: Trial) -> None:
    before = await trial.books()
    order = await trial.order(trial.buyer(), "prepaid")
    pressed = await trial.platform.http.post(order["payment"]["pay_url"])
    assert pressed.status_code == 200
    await trial.town.order_in(order["order_id"], "CONFIRMED")
    assert before.moved(await trial.books(), live=False) == []


async def test_a_load_tests_order_that_nobody_pays_expires_and_is_booked_nowhere(trial: Trial) -> None:
    before = await trial.books()
    order = await trial.order(trial.buyer(), "prepaid")
    await trial.town.order_in(order["order_id"], "EXPIRED")
    assert before.moved(await trial.books(), live=False) == []


async def test_every_event_that_load_traffic_causes_says_so(trial: Trial, stack: Stack) -> None:
    orders = [await trial.order(trial.buyer(), payment) for payment in ("cod", "prepaid")]
    await trial.platform.operator.post("orders", f"/orders/{orders[0]['order_id']}/cancel", {"reason": "load test"})
    await trial.town.order_in(orders[0]["order_id"], "CLOSED")
    await trial.town.order_in(orders[1]["order_id"], "EXPIRED")
    await trial.books()
    ids = [each["order_id"] for each in orders]
    told = await flags(stack.bootstrap, [trial.market.supplier_id, trial.market.storefront_id, *ids])
    assert {"OrderPlaced", "OrderConfirmed", "OrderClosed", "OrderExpired", "ShipmentCreated"} <= told.keys()
    assert {
        "ShipmentCancelled",
        "CancellationRequested",
        "StockAdjusted",
        "OfferPublished",
        "OfferAdopted",
    } <= told.keys()
    assert {name for name, said in told.items() if said != {b"true"}} == set()


async def flags(bootstrap: str, mentioned: Sequence[str]) -> dict[str, set[bytes | None]]:
    """By the event's name what `ce_loadtest` said, over all records that mention one of these ids."""
    found: dict[str, set[bytes | None]] = {}
    wanted = [each.encode() for each in mentioned]
    async for record in read_all(bootstrap, [topic.name for topic in TOPICS]):
        if record.value and any(each in record.value for each in wanted):
            headers: dict[str, Any] = dict(record.headers)
            found.setdefault(headers["ce_type"].decode().split(".")[2], set()).add(headers.get("ce_loadtest"))
    return found


async def test_a_real_buyer_cannot_order_what_a_load_test_sells(trial: Trial) -> None:
    buyer = trial.town.platform.caller("buyer", f"buyer-{new_id()}")
    refused(await buyer.order(trial.body(buyer)))


async def test_a_load_tests_buyer_cannot_order_what_is_really_sold(trial: Trial) -> None:
    buyer = trial.buyer()
    refused(await buyer.order(trial.town.buyer().body(trial.town.line("honey")) | {"buyer_ref": buyer.party}))


def refused(answer: Answer) -> None:
    assert (answer.status, answer.code) == (422, "unknown_listing")
    assert "load test" in answer.body["detail"]

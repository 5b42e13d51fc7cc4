"""A load test's order lives like any other, says at each step what it is, and is booked nowhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.tests.journey import CHEAP, Edge, Journey

OPERATOR = Asker("operator", "ops")
Life = Callable[[Journey], Awaitable[Placed]]


async def expired(journey: Journey) -> Placed:
    order = await journey.prepaid(CHEAP, loadtest=True)
    await journey.expire(order)
    return order


async def called_off(journey: Journey) -> Placed:
    order = await journey.order(CHEAP, loadtest=True)
    await journey.cancel(order)
    await journey.hear(*(parcel.cancelled() for parcel in journey.parcels(order)))
    return order


async def paid_and_called_off(journey: Journey) -> Placed:
    order = await journey.paid(CHEAP, loadtest=True)
    await journey.cancel(order)
    await journey.hear(*(parcel.cancelled() for parcel in journey.parcels(order)))
    return order


async def paid_too_late(journey: Journey) -> Placed:
    order = await expired(journey)
    await journey.capture(order)
    return order


@pytest.mark.parametrize("life", [expired, called_off, paid_and_called_off, paid_too_late])
async def test_whatever_becomes_of_it(journey: Journey, life: Life) -> None:
    """None of those who act on it here says that it is a load test: the order itself knows."""
    order = await life(journey)
    rows = await journey.db.pool.fetch(
        "SELECT type, headers->>'ce_loadtest' AS said FROM outbox WHERE key = ANY($1) OR topic = 'orders.payments'",
        [order.order_id, order.payment_id or "none"],
    )
    assert len(rows) >= 3
    assert {row["type"] for row in rows if row["said"] != "true"} == set()
    assert await journey.stock(order) == [(0, 0)]
    assert await journey.db.pool.fetchval("SELECT count(*) FROM journals") == 0
    assert await journey.db.pool.fetchval("SELECT count(*) FROM balances") == 0


async def test_its_parties_have_earned_nothing(journey: Journey, edge: Edge) -> None:
    order = await journey.order(CHEAP, loadtest=True)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(), parcel.delivered())
    shares = order.lines[0].split
    assert {share.party_kind for share in shares} >= {"supplier", "creator", "platform"}
    for share in shares:
        found = (await edge.get(OPERATOR, f"/balances/{share.party}")).json()
        assert (found["held"]["amount"], found["available"]["amount"], found["entries"]) == (0, 0, [])

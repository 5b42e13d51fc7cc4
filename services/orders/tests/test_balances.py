"""Who is owed what, as the parties read it."""

from __future__ import annotations

import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.tests.journey import CHEAP, Edge, Journey

OPERATOR = Asker("operator", "op")


def cny(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "CNY"}


@pytest.fixture
async def delivered(journey: Journey) -> Placed:
    order = await journey.paid(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    return order


async def test_a_creator_sees_what_is_held_for_them_and_why(edge: Edge, delivered: Placed) -> None:
    creator = Asker("creator", delivered.creator_id)
    shown = (await edge.get(creator, f"/balances/{delivered.creator_id}")).json()
    earned = CHEAP * 15 // 100
    assert shown["held"] == cny(earned)
    assert (shown["available"], shown["in_payout"], shown["paid"]) == (cny(0), cny(0), cny(0))
    (entry,) = shown["entries"]
    assert (entry["kind"], entry["amount"], entry["order_id"]) == ("line_delivered", cny(earned), delivered.order_id)
    assert entry["cause"]


async def test_the_shares_of_all_parties_are_the_order(edge: Edge, delivered: Placed) -> None:
    (line,) = delivered.lines
    parties = [line.listing.supplier_id, delivered.creator_id]
    shown = [(await edge.get(OPERATOR, f"/balances/{party}")).json() for party in (*parties, "platform")]
    held = sum(balance["held"]["amount"] for balance in shown)
    (revenue,) = shown[-1]["entries"]
    assert held + revenue["amount"]["amount"] == CHEAP


async def test_the_newest_entry_comes_first(journey: Journey, edge: Edge) -> None:
    orders = [await journey.order(CHEAP) for _ in range(3)]
    for order in orders:
        (parcel,) = await journey.shipped(order)
        await journey.hear(parcel.delivered())
    shown = (await edge.get(OPERATOR, "/balances/platform")).json()
    assert [entry["order_id"] for entry in shown["entries"]] == [order.order_id for order in reversed(orders)]


async def test_a_party_that_has_earned_nothing_sees_zeros(edge: Edge) -> None:
    shown = (await edge.get(Asker("creator", "new"), "/balances/new")).json()
    assert (shown["held"], shown["entries"]) == (cny(0), [])


async def test_another_currency_is_asked_for(edge: Edge, delivered: Placed) -> None:
    shown = (await edge.get(OPERATOR, f"/balances/{delivered.creator_id}?currency=USD")).json()
    assert (shown["held"], shown["entries"]) == ({"amount": 0, "currency": "USD"}, [])


async def test_somebody_elses_balance_is_not_there(edge: Edge, delivered: Placed) -> None:
    answer = await edge.get(Asker("creator", "nosy"), f"/balances/{delivered.creator_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

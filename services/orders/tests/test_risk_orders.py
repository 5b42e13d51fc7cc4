"""Refusals that orders hear of, and what they make of the next order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.orders.domain.order import Placed, PlaceOrder
from services.orders.domain.risk import Histories, History, Policy, Risk
from services.orders.store import intake as store
from services.orders.tests.edge import Edge, order_body, serving
from services.orders.tests.journey import CHEAP, DEAR, Journey, Parcel
from services.orders.tests.market import ADDRESS, RULES, Goods, Market, order_of, request_of
from services.orders.usecases.intake import Intake
from shared.kernel.errors import Rejected

RISKY = replace(RULES, risk=Policy())
HERE, ELSEWHERE = "CN-ZJ", "CN-SH"


async def remember(market: Market, kind: str, subject: str, delivered: int, refused: int) -> None:
    query = "INSERT INTO cod_history VALUES ($1, $2, $3, $4)"
    await market.db.pool.execute(query, kind, subject, delivered, refused)


async def histories(market: Market) -> list[Any]:
    return await market.rows("SELECT kind, subject, delivered, refused FROM cod_history ORDER BY 1, 2")


async def kept(market: Market) -> list[Any]:
    return [row[0] for row in await market.rows("SELECT cod_risk FROM orders ORDER BY order_id")]


# What parcels teach -------------------------------------------------------------------------------------------------


async def test_a_parcel_taken_in_counts_for_its_buyer_and_its_region_once(journey: Journey) -> None:
    (parcel,) = await journey.shipped(await journey.order(CHEAP))
    await journey.hear(parcel.delivered(), parcel.delivered(), parcel.returned())
    assert await histories(journey.market) == [("buyer", "buyer-1", 1, 0), ("region", HERE, 1, 0)]


@pytest.mark.parametrize("reason", ["refused", "attempts_exhausted"])
async def test_a_parcel_that_nobody_took_in_counts_as_refused_once(journey: Journey, reason: str) -> None:
    (parcel,) = await journey.shipped(await journey.order(CHEAP))
    await journey.hear(parcel.returned(reason), parcel.returned(reason), parcel.delivered())
    assert await histories(journey.market) == [("buyer", "buyer-1", 0, 1), ("region", HERE, 0, 1)]


async def test_each_parcel_of_an_order_counts_for_itself(journey: Journey) -> None:
    one, other = await journey.shipped(await journey.order(CHEAP, CHEAP))
    await journey.hear(one.delivered(), other.returned())
    assert await histories(journey.market) == [("buyer", "buyer-1", 1, 1), ("region", HERE, 1, 1)]


async def test_what_was_no_choice_of_the_buyers_teaches_nothing(journey: Journey) -> None:
    undeliverable, lost = await journey.shipped(await journey.order(CHEAP, CHEAP))
    await journey.hear(undeliverable.returned("undeliverable"), lost.turned("LOST"))
    (called_off,) = journey.parcels(await journey.order(CHEAP))
    await journey.hear(called_off.created(), called_off.cancelled())
    assert await histories(journey.market) == []


async def test_only_cash_teaches_about_cash(journey: Journey) -> None:
    (back,) = await journey.shipped(await journey.paid())
    (taken,) = await journey.shipped(await journey.paid())
    await journey.hear(back.returned(), taken.delivered())
    assert await histories(journey.market) == []


async def test_load_tests_teach_nothing(journey: Journey) -> None:
    (back,) = await journey.shipped(await journey.order(CHEAP, loadtest=True))
    (taken,) = await journey.shipped(await journey.order(CHEAP, loadtest=True))
    await journey.hear(back.returned(), taken.delivered())
    assert await histories(journey.market) == []


async def test_parcels_heard_of_together_add_up(journey: Journey) -> None:
    orders = [await journey.order(CHEAP, buyer_ref=buyer) for buyer in ("b1", "b2", "b1")]
    parcels = [parcel for order in orders for parcel in await journey.shipped(order)]
    await journey.hear_together([parcel.returned() for parcel in parcels])
    assert await histories(journey.market) == [("buyer", "b1", 0, 2), ("buyer", "b2", 0, 1), ("region", HERE, 0, 3)]


async def test_parcels_that_end_at_the_same_time_all_count(journey: Journey) -> None:
    orders = [await journey.order(CHEAP, buyer_ref=f"b{place % 3}") for place in range(12)]
    parcels = [parcel for order in orders for parcel in await journey.shipped(order)]
    batches = [parcels[place::4] for place in range(4)]
    back = (journey.hear_together([parcel.returned() for parcel in batch]) for batch in batches[:2])
    taken = (journey.hear_together([parcel.delivered() for parcel in batch]) for batch in batches[2:])
    await asyncio.gather(*back, *taken)
    counted = {(kind, subject): (taken, back) for kind, subject, taken, back in await histories(journey.market)}
    assert counted["region", HERE] == (6, 6)
    assert sum(sum(counted["buyer", f"b{each}"]) for each in range(3)) == 12


# What orders make of it ---------------------------------------------------------------------------------------------


async def refuse(journey: Journey, order: Placed) -> None:
    """The buyer confirms where asked to, and sends the courier away."""
    if order.code:
        await journey.confirm(order)
    parcels: list[Parcel] = await journey.shipped(order)
    await journey.hear(*(parcel.returned() for parcel in parcels))


async def test_a_refuser_is_asked_for_a_code_then_for_payment_in_advance_and_nobody_else_is(journey: Journey) -> None:
    market = journey.market
    goods = await market.sell(Goods(price=CHEAP))
    asked = order_of(goods)
    states = []
    for _ in range(3):
        order = await market.placed(asked, RISKY)
        states.append((order.state, order.risk and order.risk.band))
        await refuse(journey, order)
    assert states == [("CONFIRMED", "auto"), ("PLACED", "code"), ("PLACED", "code")]
    refusal = await market.refused(asked, RISKY)
    assert (refusal.code, refusal.extra) == ("cod_not_available", {"reason": "refusals"})
    assert (await market.placed(replace(asked, payment="prepaid"), RISKY)).state == "PLACED"
    assert (await market.placed(replace(asked, buyer_ref="b2"), RISKY)).state == "CONFIRMED"


async def test_a_buyer_who_takes_parcels_in_again_needs_no_code_any_more(journey: Journey) -> None:
    market = journey.market
    asked = order_of(await market.sell(Goods(price=CHEAP)))
    await refuse(journey, await market.placed(asked, RISKY))
    bands = []
    for _ in range(4):
        order = await market.placed(asked, RISKY)
        bands.append(order.risk and order.risk.band)
        if order.code:
            await journey.confirm(order)
        (parcel,) = await journey.shipped(order)
        await journey.hear(parcel.delivered())
    assert bands == ["code", "code", "auto", "auto"]


async def test_a_code_asked_for_a_small_amount_is_one_like_any_other(journey: Journey) -> None:
    market = journey.market
    await remember(market, "buyer", "buyer-1", 0, 1)
    order = await market.placed(order_of(await market.sell(Goods(price=1))), RISKY)
    assert await journey.timers(order.order_id) == ["expire_order"]
    assert [name for name, _, _ in await market.told(order.order_id)] == [
        "OrderPlaced",
        "DeliveryDetailsGiven",
        "ConfirmationCodeIssued",
    ]
    await journey.confirm(order)
    assert await journey.state(order) == "CONFIRMED"


async def test_a_region_of_refusers_asks_newcomers_for_a_code_and_refuses_none(market: Market) -> None:
    goods = await market.sell(Goods(price=CHEAP))
    await remember(market, "region", HERE, 0, 1_000_000)
    await remember(market, "buyer", "good", 20, 0)
    there = order_of(goods, ship_to=ADDRESS.model_copy(update={"region": ELSEWHERE}))
    newcomer, known, elsewhere = await market.place(
        order_of(goods), order_of(goods, buyer_ref="good"), there, rules=RISKY
    )
    assert [order.state for order in (newcomer, known, elsewhere) if isinstance(order, Placed)] == [
        "PLACED",
        "CONFIRMED",
        "CONFIRMED",
    ]


async def test_a_region_that_bears_a_buyers_name_is_another_subject(market: Market) -> None:
    goods = await market.sell(Goods(price=CHEAP))
    await remember(market, "region", "buyer-1", 0, 99)
    await remember(market, "buyer", HERE, 0, 99)
    assert (await market.placed(order_of(goods), RISKY)).state == "CONFIRMED"


async def test_nothing_is_asked_when_it_is_off_or_of_a_load_test(market: Market) -> None:
    await remember(market, "buyer", "buyer-1", 0, 99)
    assert (await market.placed(order_of(await market.sell(Goods(price=CHEAP))))).state == "CONFIRMED"
    load = await market.sell(Goods(price=CHEAP, loadtest=True))
    assert (await market.placed(order_of(load, loadtest=True), RISKY)).state == "CONFIRMED"
    assert await kept(market) == [None, None]


async def test_the_reason_is_kept_with_the_order(market: Market) -> None:
    goods = await market.sell(Goods(price=CHEAP))
    await remember(market, "buyer", "buyer-1", 1, 2)
    await remember(market, "region", HERE, 90, 10)
    order = await market.placed(order_of(goods), RISKY)
    await market.placed(order_of(goods, payment="prepaid"), RISKY)
    # the region: (10 + 5 % of 100) of 200 parcels; the buyer: (2 + 7.5 % of 2) of 5
    assert order.risk == Risk("code", 430_000, History(1, 2), History(90, 10))
    reason = {"delivered": 1, "refused": 2}, {"delivered": 90, "refused": 10}
    assert await kept(market) == [{"band": "code", "score_ppm": 430_000, "buyer": reason[0], "region": reason[1]}, None]


async def test_a_refuser_in_a_list_does_not_fail_its_neighbours(market: Market) -> None:
    goods = await market.sell(Goods(price=CHEAP))
    await remember(market, "buyer", "refuser", 0, 9)
    orders: list[PlaceOrder] = [
        order_of(goods),
        order_of(goods, buyer_ref="refuser"),
        order_of(goods, buyer_ref="refuser", payment="prepaid"),
    ]
    answers = await market.place(*orders, rules=RISKY)
    assert [each.code if isinstance(each, Rejected) else each.state for each in answers] == [
        "CONFIRMED",
        "cod_not_available",
        "PLACED",
    ]
    assert await market.stock_of(goods) == (100, 2, 0)


async def test_a_suppliers_own_no_comes_first_and_says_that_it_is_theirs(market: Market) -> None:
    await remember(market, "buyer", "buyer-1", 0, 9)
    goods = await market.sell(Goods(cod_allowed=False))
    refusal = await market.refused(order_of(goods), RISKY)
    assert refusal.extra == {"reason": "supplier", "listing_ids": [goods.listing_id]}


async def test_histories_cost_no_statement(market: Market) -> None:
    goods = await market.sell(Goods(), 1_000)
    for place in range(20):
        await remember(market, "buyer", f"b{place}", 5, 1)
    await remember(market, "region", HERE, 5, 1)
    desk = Intake(lambda: RISKY)
    asked = [order_of(goods, buyer_ref=f"b{place}") for place in range(20)]
    assert [await statements(market, desk, orders) for orders in (asked[:1], asked, asked[:1])] == [4, 3, 3]


async def statements(market: Market, desk: Intake, orders: list[PlaceOrder]) -> int:
    seen: list[Any] = []
    async with market.db.transaction() as tx:
        with tx.query_logger(seen.append):
            await desk.take_orders(tx, [request_of(order) for order in orders])
    return len(seen)


async def test_histories_come_with_the_moment_however_much_was_decided_before(market: Market) -> None:
    goods = await market.sell(Goods())
    await remember(market, "buyer", "b1", 1, 2)
    await remember(market, "region", HERE, 3, 4)
    desk, asked = Intake(lambda: RISKY), [request_of(order_of(goods), f"k{place}") for place in range(5)]
    await market.db.run(lambda tx: desk.take_orders(tx, asked))
    cash = [("b1", HERE), ("b2", HERE), ("b1", ELSEWHERE)]
    for keys in ([], [each.key for each in asked]):
        moment = await market.db.run(lambda tx, keys=keys: store.begin(tx, keys, cash))  # type: ignore[misc]
        assert moment.histories == Histories({"b1": History(1, 2)}, {HERE: History(3, 4)})
        assert len(moment.known) == len(keys)
    nobody = await market.db.run(lambda tx: store.begin(tx, [], []))
    assert nobody.histories == Histories()


# Through the edge ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def shop(market: Market, tmp_path: Path) -> AsyncIterator[Edge]:
    async with serving(market.db, tmp_path) as edge:
        yield edge


async def test_a_refusal_is_stored_and_said_again_byte_for_byte_whatever_has_come_since(
    market: Market, shop: Edge
) -> None:
    goods = await market.sell(Goods(price=CHEAP))
    await remember(market, "buyer", "buyer-1", 0, 3)
    first = await shop.post("/orders", order_body(goods), key="k")
    problem = first.json()
    assert (first.status_code, problem["code"], problem["reason"]) == (409, "cod_not_available", "refusals")
    assert problem["detail"]
    await market.db.pool.execute("UPDATE cod_history SET delivered = 100")
    again = await shop.post("/orders", order_body(goods), key="k")
    assert (again.status_code, again.content) == (409, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await shop.post("/orders", order_body(goods), key="k2")).json()["state"] == "CONFIRMED"


async def test_an_order_is_answered_again_as_it_was_whatever_its_buyer_has_refused_since(
    market: Market, shop: Edge
) -> None:
    goods = await market.sell(Goods(price=CHEAP))
    first = await shop.post("/orders", order_body(goods), key="k")
    await remember(market, "buyer", "buyer-1", 0, 9)
    again = await shop.post("/orders", order_body(goods), key="k")
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)


async def test_the_counts_stay_among_operators_and_services(market: Market, shop: Edge) -> None:
    goods = await market.sell(Goods(price=DEAR))
    await remember(market, "buyer", "buyer-1", 0, 1)
    path = f"/orders/{(await shop.post('/orders', order_body(goods))).json()['order_id']}"
    for role in ("operator", "service"):
        shown = (await shop.get(path, role=role, party="any")).json()
        assert shown["cod_risk"] == {
            "band": "code",
            "score_ppm": 366_666,
            "buyer": {"delivered": 0, "refused": 1},
            "region": {"delivered": 0, "refused": 0},
        }
    assert "cod_risk" not in (await shop.get(path)).json()
    assert "cod_risk" not in (await shop.get(path, role="creator", party=goods.creator_id)).json()


async def test_a_prepaid_order_shows_no_risk(market: Market, shop: Edge) -> None:
    goods = await market.sell(Goods())
    made = (await shop.post("/orders", order_body(goods, payment="prepaid"))).json()
    assert "cod_risk" not in (await shop.get(f"/orders/{made['order_id']}", role="operator", party="any")).json()

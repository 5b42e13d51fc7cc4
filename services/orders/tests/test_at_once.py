"""A few orders at once: two statements without a transaction, and nothing at all if something moved in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from services.orders.domain.order import PlaceOrder
from services.orders.store import intake as store
from services.orders.tests.market import RULES, Goods, Market, order_of, request_of
from services.orders.usecases.intake import Answer, Intake, Refused, Request, Taken
from shared.kernel import database
from shared.kernel.database import Tx
from shared.kernel.group_commit import Contended

Meanwhile = Callable[[], Awaitable[object]]


@pytest.fixture
async def goods(market: Market) -> Goods:
    return await market.sell(Goods(), 3)


@pytest.fixture
async def desk(market: Market, goods: Goods) -> Intake:
    """One that remembers the goods."""
    made = Intake(lambda: RULES)
    await market.db.run(lambda tx: made.take_orders(tx, [request_of(order_of(goods, goods.wanted(1_001)))]))
    await market.db.pool.execute("DELETE FROM idempotency")
    return made


@asynccontextmanager
async def connected(market: Market) -> AsyncIterator[Tx]:
    connection = await database.connect(market.db.dsn, market.db.schema, "test", **database.PLANNED_ONCE)
    try:
        yield connection
    finally:
        await connection.close()


async def at_once(market: Market, desk: Intake, *requests: Request) -> list[Answer]:
    async with connected(market) as connection:
        return await desk.take_at_once(connection, requests)


async def contended(market: Market, desk: Intake, *requests: Request) -> None:
    """It needs a transaction, and has left nothing."""
    before = await market.everything(), await market.rows("SELECT * FROM idempotency ORDER BY key")
    with pytest.raises(Contended):
        await at_once(market, desk, *requests)
    assert (await market.everything(), await market.rows("SELECT * FROM idempotency ORDER BY key")) == before


def moves(monkeypatch: pytest.MonkeyPatch, meanwhile: Meanwhile) -> None:
    """Something happens between the look and the write."""
    look = store.begin

    async def begin(*given: Any) -> store.Moment:
        moment = await look(*given)
        await meanwhile()
        return moment

    monkeypatch.setattr(store, "begin", begin)


async def test_it_takes_two_statements_and_leaves_what_a_transaction_leaves(
    market: Market, goods: Goods, desk: Intake
) -> None:
    seen: list[Any] = []
    async with connected(market) as connection:
        await desk.take_at_once(connection, [request_of(order_of(goods, goods.wanted(4)))])  # asyncpg learns types once
        with connection.query_logger(seen.append):
            (first,) = await desk.take_at_once(connection, [request_of(order_of(goods, payment="prepaid"))])
    (second,) = await market.db.run(lambda tx: desk.take_orders(tx, [request_of(order_of(goods, payment="prepaid"))]))
    assert (len(seen), type(first), type(second)) == (2, Taken, Taken)
    assert await market.stock_of(goods) == (3, 2, 0)
    written = (
        "SELECT state, currency, payable, placed_at = (placement ->> 'placed_at')::timestamptz, events FROM orders"
    )
    one, other = await market.rows(written)
    assert one == other and one[3]
    assert await market.rows("SELECT count(*), count(DISTINCT subject) FROM idempotency") == [(3, 2)]
    assert await market.rows("SELECT kind FROM timers WHERE kind = 'expire_order'") == [("expire_order",)] * 2


async def test_each_gets_its_own_answer_and_what_was_refused_is_kept(
    market: Market, goods: Goods, desk: Intake
) -> None:
    two, dear = order_of(goods, goods.wanted(2)), order_of(goods, goods.wanted(1_001))
    answers = await at_once(market, desk, *map(request_of, (two, two, dear)))
    assert [type(answer) for answer in answers] == [Taken, Refused, Refused]
    assert await market.stock_of(goods) == (3, 2, 0)
    assert await market.rows("SELECT status FROM idempotency ORDER BY status") == [(201,), (409,), (409,)]


async def test_what_nothing_is_kept_of_writes_nothing(market: Market, goods: Goods, desk: Intake) -> None:
    before = await market.everything()
    await at_once(market, desk, request_of(order_of(goods, storefront_id="01890000-0000-7000-8000-000000000000")))
    assert await market.everything() == before


async def test_a_service_and_goods(market: Market, goods: Goods, desk: Intake) -> None:
    service, slot = await market.offer(1, storefront_id=goods.storefront_id, creator_id=goods.creator_id)
    both = order_of(goods, goods.wanted(), service.wanted(slot=slot))
    await contended(market, desk, request_of(both))  # the listing is new here
    await market.placed(order_of(goods, goods.wanted(), service.wanted(slot=slot)))
    await market.db.run(lambda tx: desk.take_orders(tx, [request_of(order_of(goods, goods.wanted(1_001)))]))
    await market.db.run(lambda tx: desk.take_orders(tx, [request_of(both)]))
    (answer,) = await at_once(market, desk, request_of(both))
    assert isinstance(answer, Refused) and answer.refusal is not None and answer.refusal.code == "slot_full"


async def test_a_changed_mirror_needs_a_transaction(market: Market, goods: Goods, desk: Intake) -> None:
    await market.hear(goods.product(version=2))
    await contended(market, desk, request_of(order_of(goods)))


async def test_a_hot_variant_needs_a_transaction(market: Market, goods: Goods, desk: Intake) -> None:
    hot = replace(RULES, hot=frozenset({goods.variant_id}), hot_pieces=1)
    await contended(market, replace(desk, rules=lambda: hot), request_of(order_of(goods)))


async def test_what_was_decided_before_is_told_by_a_transaction(market: Market, goods: Goods, desk: Intake) -> None:
    asked = request_of(order_of(goods))
    await at_once(market, desk, asked)
    await contended(market, desk, asked)


async def test_stock_that_somebody_holds_is_not_waited_for(market: Market, goods: Goods, desk: Intake) -> None:
    async with market.db.transaction() as tx:
        await tx.execute("SELECT 1 FROM stock FOR UPDATE")
        with pytest.raises(Contended):
            await at_once(market, desk, request_of(order_of(goods)))
    assert await market.stock_of(goods) == (3, 0, 0)


async def test_stock_that_moved_in_between_is_not_overwritten(
    market: Market, goods: Goods, desk: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves(monkeypatch, lambda: market.db.pool.execute("UPDATE stock SET reserved = 3"))
    with pytest.raises(Contended):
        await at_once(market, desk, request_of(order_of(goods)))
    assert await market.stock_of(goods) == (3, 3, 0)
    assert await market.rows("SELECT count(*) FROM orders") == [(0,)]


async def test_a_key_that_was_taken_in_between_leaves_nothing(
    market: Market, goods: Goods, desk: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request_of(order_of(goods), "k")
    rival = Intake(lambda: RULES)

    async def meanwhile() -> None:
        monkeypatch.undo()
        await market.db.run(lambda tx: rival.take_orders(tx, [asked]))

    moves(monkeypatch, meanwhile)
    with pytest.raises(Contended):
        await at_once(market, desk, asked)
    assert await market.stock_of(goods) == (3, 1, 0)
    assert await market.rows("SELECT count(*) FROM orders") == [(1,)]


async def test_many_at_once_and_in_transactions_sell_exactly_what_there_is(market: Market) -> None:
    goods = await market.sell(Goods(), 40)
    other = await market.sell(Goods().beside(goods), 1_000)
    carts = [order_of([goods, other]), order_of([other, goods])]
    desks = [Intake(lambda: RULES) for _ in range(4)]
    ways: list[str] = []

    async def ask(desk: Intake, connection: Tx, order: PlaceOrder) -> Sequence[Answer]:
        try:
            answers = await desk.take_at_once(connection, [request_of(order)])
        except Contended:
            answers = await market.db.run(lambda tx: desk.take_orders(tx, [request_of(order)]))
            ways.append("together")
        else:
            ways.append("at once")
        return answers

    async def shop(desk: Intake) -> list[Answer]:
        async with connected(market) as connection:
            return [answer for turn in range(25) for answer in await ask(desk, connection, carts[turn % 2])]

    answers = [answer for each in await asyncio.gather(*map(shop, desks)) for answer in each]
    assert sum(isinstance(answer, Taken) for answer in answers) == 40
    assert {answer.refusal.code for answer in answers if isinstance(answer, Refused) and answer.refusal} == {
        "out_of_stock"
    }
    assert (await market.stock_of(goods), await market.stock_of(other)) == ((40, 40, 0), (1_000, 40, 0))
    assert {"at once", "together"} == set(ways)

"""Rows that somebody holds: only who needs them waits, and nobody waits in a circle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from services.orders.tests.journey import BUYER, DEAR, Journey
from services.orders.tests.market import RULES, Goods, Market, order_of, request_of
from services.orders.usecases import cancellation, lifecycle, stock
from services.orders.usecases.cancellation import Cancel
from services.orders.usecases.intake import Answer, Intake, Request, Taken
from shared.contracts.event import Cause
from shared.kernel import database, timers
from shared.kernel.database import LockNotAvailable, Tx
from shared.kernel.errors import Rejected
from shared.kernel.group_commit import PATIENCE_MS, GroupCommit, Held
from shared.kernel.timers import Timer

_HOLD = "SELECT FROM stock WHERE stock_id = $1 FOR UPDATE"


@pytest.fixture
async def pair(market: Market) -> tuple[Goods, Goods]:
    """Two goods of one shop, in key order."""
    first = await market.sell(Goods(), 100)
    second = await market.sell(Goods().beside(first), 100)
    one, other = sorted((first, second), key=lambda goods: goods.variant_id)
    return one, other


async def take(market: Market, *requests: Request, around: bool = True) -> Sequence[Answer]:
    desk = Intake(lambda: RULES)
    return await market.db.run(lambda tx: desk.take_orders(tx, requests, around=around))


async def test_around_a_row_that_is_held_only_who_needs_it_is_held_up(
    market: Market, pair: tuple[Goods, Goods]
) -> None:
    held, free = pair
    requests = [request_of(order_of(held)), request_of(order_of(free)), request_of(order_of([held, free]))]
    async with market.db.transaction() as tx:
        await tx.execute(_HOLD, held.variant_id)
        answers = await take(market, *requests)
    assert [type(answer) for answer in answers] == [Held, Taken, Held]
    assert ((await market.stock_of(held))[1], (await market.stock_of(free))[1]) == (0, 1)
    assert [type(answer) for answer in await take(market, *requests)] == [Taken, Taken, Taken]
    assert ((await market.stock_of(held))[1], (await market.stock_of(free))[1]) == (2, 2)


async def test_around_it_what_has_no_row_is_refused_as_ever(market: Market, pair: tuple[Goods, Goods]) -> None:
    bare = await market.sell(Goods().beside(pair[0]), 0)
    (answer,) = await take(market, request_of(order_of(bare)))
    (plain,) = await take(market, request_of(order_of(bare)), around=False)
    assert type(answer) is type(plain)


@asynccontextmanager
async def counter(market: Market) -> AsyncIterator[GroupCommit[Request, Answer]]:
    """A group commit over the tables, as `main.py` wires it."""
    desk = Intake(lambda: RULES)

    async def connect() -> Tx:
        patience = {"lock_timeout": f"{PATIENCE_MS}"}
        return await database.connect(market.db.dsn, market.db.schema, "counter", **database.PLANNED_ONCE, **patience)

    async def around(tx: Tx, requests: Sequence[Request]) -> Sequence[Answer]:
        return await desk.take_orders(tx, requests, around=True)

    group: GroupCommit[Request, Answer] = GroupCommit(
        connect, desk.take_orders, at_once=desk.take_at_once, around=around
    )
    async with group.running():
        yield group


async def test_neighbours_of_an_order_whose_stock_is_held_are_decided_in_time(
    market: Market, pair: tuple[Goods, Goods]
) -> None:
    held, free = pair
    async with counter(market) as group:

        async def ask(goods: Goods) -> Answer:
            request = request_of(order_of(goods))
            return await group.submit(request, request.key.row)

        async with market.db.transaction() as tx:
            await tx.execute(_HOLD, held.variant_id)
            waits = asyncio.create_task(ask(held))
            answers = await asyncio.gather(*(ask(free) for _ in range(8)))
            assert not waits.done()
        assert [type(answer) for answer in (*answers, await waits)] == [Taken] * 9
    assert ((await market.stock_of(held))[1], (await market.stock_of(free))[1]) == (1, 8)


async def test_only_a_key_that_is_held_is_called_in_progress(market: Market, pair: tuple[Goods, Goods]) -> None:
    """A timer that is held, of a variant whose news wait, is no reason to say that the first request still runs."""
    (goods, _), request = pair, None
    await market.db.pool.execute("UPDATE stock SET announced_at = now() + interval '1 hour'")
    async with market.db.transaction() as tx:
        await timers.schedule(tx, stock.ANNOUNCE, [goods.variant_id], 60, Cause())
        request = request_of(order_of(goods, goods.wanted(90)))

        async def hurried(other: Tx) -> Sequence[Answer]:
            await other.execute("SET LOCAL lock_timeout = 50")
            return await Intake(lambda: RULES).take_orders(other, [request])

        with pytest.raises(LockNotAvailable):
            await market.db.run(hurried)


async def test_a_key_that_is_held_is_called_so(market: Market, pair: tuple[Goods, Goods]) -> None:
    request = request_of(order_of(pair[0]))
    async with market.db.transaction() as tx:
        await Intake(lambda: RULES).take_orders(tx, [request])
        other = replace(request, order=order_of(pair[1]))

        async def hurried(second: Tx) -> Sequence[Answer]:
            await second.execute("SET LOCAL lock_timeout = 50")
            return await Intake(lambda: RULES).take_orders(second, [other])

        with pytest.raises(Rejected, match="in_progress"):
            await market.db.run(hurried)


async def test_who_cancels_while_the_order_expires_waits_in_no_circle(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.db.pool.execute("UPDATE timers SET due_at = now()")
    locked, fired = asyncio.Event(), asyncio.Event()
    tries: list[str] = []

    async def cancel(tx: Tx) -> None:
        tries.append("buyer")
        mine = await lifecycle.own_order(tx, order.order_id, BUYER)
        locked.set()
        await fired.wait()  # the worker has the timer, and is about to wait for the order
        await cancellation.call_off(tx, mine, Cancel("changed my mind", BUYER, 1.0), Cause())

    async def expire(tx: Tx, due: Sequence[Timer]) -> None:
        tries.append("worker")
        fired.set()
        await lifecycle.expire_orders(tx, due)

    async def fire() -> None:
        await locked.wait()
        await timers.fire_due(journey.db, {lifecycle.EXPIRE_ORDER: expire})

    await asyncio.gather(journey.db.run(cancel), fire())
    assert tries == ["buyer", "worker"]
    assert (await journey.state(order), await journey.timers(order.order_id)) == ("CANCELLED", [])
    assert await journey.told_of(order) == ["OrderPlaced", "OrderCancelled"]

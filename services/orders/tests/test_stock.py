"""Stock: what is told of it, and that it adds up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.orders.domain.stock import Stock, news
from services.orders.tests.market import Goods, Market
from services.orders.usecases import stock
from shared.contracts.event import Cause
from shared.contracts.values import SupplierId, VariantId
from shared.kernel import outbox, timers

TEA, FARM = VariantId("tea"), SupplierId("farm")


async def move(market: Market, how: Any, goods: Goods, pieces: int) -> None:
    async with market.db.transaction() as tx:
        await outbox.append(tx, await how(tx, {goods.variant_id: pieces}, Cause()))


async def said(market: Market, goods: Goods) -> list[tuple[str, str, int]]:
    told = await market.told(goods.variant_id)
    assert [position for _, position, _ in told] == list(range(1, len(told) + 1))
    return [(name, body["available"], body["missing"]) for name, _, body in told]


async def ring(market: Market) -> int:
    """Fire the announcements that are due."""
    await market.db.pool.execute("UPDATE timers SET due_at = now()")
    return await timers.fire_due(market.db, {stock.ANNOUNCE: stock.announce})


@pytest.mark.parametrize(
    ("announced", "sellable", "available"),
    [
        ("no", 0, "no"),
        ("yes", -3, "no"),
        ("no", 1, "few"),
        ("no", 14, "few"),
        ("no", 15, "yes"),
        ("few", 14, "few"),
        ("few", 15, "yes"),
        ("yes", 11, "yes"),
        ("yes", 10, "few"),
    ],
)
def test_availability_turns_at_another_threshold_each_way(announced: Any, sellable: int, available: str) -> None:
    assert Stock(TEA, TEA, FARM, received=sellable, announced=announced).available == available


def test_a_turn_round_a_threshold_tells_nothing() -> None:
    scarce = news(Stock(TEA, TEA, FARM, received=20, reserved=10, announced="yes")).stock
    assert scarce.announced == "few"
    assert not news(scarce.release(4)).changed
    assert news(Stock(TEA, TEA, FARM, received=20, reserved=5, announced="few")).changed


async def test_the_first_delivery_makes_a_variant_available(market: Market) -> None:
    goods = Goods()
    await market.hear(goods.delivery(40))
    assert await said(market, goods) == [("AvailabilityChanged", "yes", 0)]


async def test_deltas_add_up_and_only_a_crossing_is_told(market: Market) -> None:
    goods = Goods()
    await market.hear(goods.delivery(40), goods.delivery(10), goods.delivery(-5))
    assert await market.stock_of(goods) == (45, 0, 0)
    assert len(await said(market, goods)) == 1


async def test_hand_over_sells_what_was_reserved_and_a_return_sells_again(market: Market) -> None:
    goods = await market.sell(Goods(), 50)
    await move(market, stock.reserve, goods, 5)
    await move(market, stock.sell, goods, 3)
    await move(market, stock.release, goods, 2)
    assert await market.stock_of(goods) == (50, 0, 3)
    await move(market, stock.restock, goods, 1)
    assert await market.stock_of(goods) == (50, 0, 2)


async def test_what_is_told_too_soon_is_told_after_the_pause(market: Market) -> None:
    goods = await market.sell(Goods(), 50)
    await move(market, stock.reserve, goods, 45)
    assert await said(market, goods) == [("AvailabilityChanged", "yes", 0)]
    await market.tell_later()
    assert await ring(market) == 1
    assert await said(market, goods) == [("AvailabilityChanged", "yes", 0), ("AvailabilityChanged", "few", 0)]


async def test_what_turned_back_within_the_pause_is_never_told(market: Market) -> None:
    goods = await market.sell(Goods(), 50)
    await move(market, stock.reserve, goods, 50)
    await move(market, stock.release, goods, 50)
    await market.tell_later()
    await ring(market)
    assert await said(market, goods) == [("AvailabilityChanged", "yes", 0)]


async def test_an_announcement_does_not_wait_for_a_locked_row_but_comes_back(market: Market) -> None:
    goods = await market.sell(Goods(), 50)
    await move(market, stock.reserve, goods, 45)
    await market.tell_later()
    async with market.db.transaction() as tx:
        await tx.execute("SELECT 1 FROM stock FOR UPDATE")
        async with asyncio.timeout(5):
            await ring(market)
    assert len(await said(market, goods)) == 1
    await ring(market)
    assert len(await said(market, goods)) == 2


async def test_a_shortage_is_told_at_once_with_what_is_missing_and_its_end_by_availability(market: Market) -> None:
    goods = await market.sell(Goods(), 20)
    await move(market, stock.reserve, goods, 18)
    await market.hear(goods.delivery(-7))
    assert (await said(market, goods))[1:] == [("StockShort", "no", 5)]
    await market.tell_later()
    await ring(market)
    await market.hear(goods.delivery(-1))
    await market.tell_later()
    await market.hear(goods.delivery(6))
    assert (await said(market, goods))[2:] == [
        ("AvailabilityChanged", "no", 5),
        ("StockShort", "no", 6),
        ("AvailabilityChanged", "no", 0),
    ]


async def test_pieces_of_several_variants_are_locked_in_key_order_so_nobody_waits_for_each_other(
    market: Market,
) -> None:
    many = [await market.sell(Goods(), 1_000) for _ in range(4)]

    async def reserve(goods: list[Goods]) -> None:
        async def work(tx: Any) -> None:
            await outbox.append(tx, await stock.reserve(tx, {each.variant_id: 1 for each in goods}, Cause()))

        await market.db.run(work)

    await asyncio.gather(*(reserve(many if turn % 2 else many[::-1]) for turn in range(20)))
    assert {await market.stock_of(each) for each in many} == {(1_000, 20, 0)}

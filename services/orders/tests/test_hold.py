"""A line keeps the hold its offer had when the order was placed."""

from __future__ import annotations

from typing import Any

from services.orders.settings import Settings
from services.orders.store import lifecycle as store
from services.orders.tests.journey import Journey
from services.orders.tests.market import Goods, Market, order_of
from shared.contracts.values import OfferVersion

DAY = 86_400


async def hold(market: Market, goods: Goods, version: int, hold_seconds: int | None) -> None:
    """The offer is told with this version alone."""
    (first,) = goods.offer().versions
    changed = OfferVersion(
        version=version, terms=first.terms, effective_from=first.effective_from, hold_seconds=hold_seconds
    )
    await market.hear(goods.offer(version=version, versions=(changed,)))


async def kept(market: Market) -> list[Any]:
    return [row[0] for row in await market.rows("SELECT hold_seconds FROM lines ORDER BY order_id, ordinal")]


async def test_each_line_keeps_its_own_offers_hold_and_none_where_none_is_named(market: Market) -> None:
    plain = await market.sell(Goods())
    held = await market.sell(Goods().beside(plain))
    await hold(market, held, 2, 30 * DAY)
    await market.placed(order_of([plain, held]))
    assert await kept(market) == [None, 30 * DAY]


async def test_an_offer_that_changes_its_hold_changes_no_order_placed_before(market: Market) -> None:
    goods = await market.sell(Goods())
    for version, seconds in enumerate((None, 3 * DAY, 30 * DAY, None), 1):
        await hold(market, goods, version, seconds)
        await market.placed(order_of(goods))
    assert await kept(market) == [None, 3 * DAY, 30 * DAY, None]


async def test_whoever_moves_a_line_on_is_told_its_hold(journey: Journey) -> None:
    market = journey.market
    goods = await market.sell(Goods())
    await hold(market, goods, 2, 30 * DAY)
    order = await market.placed(order_of(goods))
    ids = [order.order_id]
    async with market.db.transaction() as tx:
        read = (await store.lines(tx, ids))[order.order_id]
        shipped = await store.move_lines(tx, ids, "SHIPPED", only_from="CONFIRMED")
        to = {line.supplier_order_id: "DELIVERED" for line in read}
        delivered = await store.move_parcel_lines(tx, to, only_from="SHIPPED")  # type: ignore[arg-type]
    assert [line.hold_seconds for line in (*read, *shipped, *delivered)] == [30 * DAY] * 3


def test_the_usual_hold_is_a_week() -> None:
    assert Settings().hold_seconds == 7 * DAY

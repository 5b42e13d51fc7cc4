"""Mirrors: whatever arrives first, the same is known in the end; what isn't complete isn't sellable."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from services.orders import consumers
from services.orders.domain.order import Placed
from services.orders.settings import Settings
from services.orders.tests.market import Goods, Market, order_of
from shared.contracts.orders import OrderPlaced
from shared.contracts.values import CommissionTerms, OfferVersion
from shared.kernel.delivery import Mode

TOPICS = ("supplier", "product", "offer", "storefront", "adoption", "delivery")
TABLES = (
    "suppliers",
    "products",
    "variants",
    "offers",
    "offer_versions",
    "storefronts",
    "adoptions",
    "listings",
    "stock",
)


def event(goods: Goods, topic: str) -> Any:
    return goods.delivery(100) if topic == "delivery" else getattr(goods, topic)()


async def mirrored(market: Market) -> dict[str, list[Any]]:
    def known(table: str) -> str:
        columns = "received, reserved, sold" if table == "stock" else "*"
        return f"SELECT {columns} FROM {table} ORDER BY 1"  # noqa: S608

    return {table: await market.rows(known(table)) for table in TABLES}


@pytest.mark.parametrize("pair", list(permutations(TOPICS, 2)), ids="-then-".join)
async def test_each_pair_of_topics_may_arrive_in_either_order(market: Market, pair: tuple[str, str]) -> None:
    goods = Goods()
    rest = [topic for topic in TOPICS if topic not in pair]
    await market.hear(*(event(goods, topic) for topic in (*pair, *rest)))
    assert (await market.placed(order_of(goods))).state == "CONFIRMED"


async def test_any_order_of_arrival_leaves_the_same_rows(market: Market) -> None:
    goods, first = Goods(), None
    for turn in (TOPICS, TOPICS[::-1]):
        await market.db.pool.execute(f"TRUNCATE {', '.join(TABLES)}")
        await market.hear(*(event(goods, topic) for topic in turn))
        first = first or await mirrored(market)
    assert await mirrored(market) == first


@pytest.mark.parametrize("missing", TOPICS[:-1])
async def test_what_is_not_complete_is_not_sellable_yet(market: Market, missing: str) -> None:
    goods = Goods(**({"listing_id": fresh()} if missing == "adoption" else {}))
    await market.hear(*(event(goods, topic) for topic in TOPICS if topic != missing))
    assert (await market.refused(order_of(goods))).code == "not_ready"
    await market.hear(event(goods, missing))
    assert isinstance((await market.place(order_of(goods)))[0], Placed)


def fresh() -> Any:
    from shared.kernel.ids import new_id

    return new_id()


async def test_a_mirror_keeps_only_what_the_newest_event_names(market: Market) -> None:
    goods = await market.sell(Goods())
    await market.hear(goods.adoption(version=2, listings=()), goods.product(version=2, variants=()))
    known = await mirrored(market)
    assert (known["listings"], known["variants"]) == ([], [])


async def test_terms_count_from_their_time_on_by_the_databases_clock(market: Market) -> None:
    goods = await market.sell(Goods())
    dear = CommissionTerms(kind="commission", creator_ppm=500_000, referrer_ppm=0, platform_ppm=0)
    (now,) = (await market.rows("SELECT now()"))[0]
    (soon,) = (await market.rows("SELECT now() + interval '1 hour'"))[0]
    coming = OfferVersion(version=2, terms=dear, effective_from=soon)
    await market.hear(goods.offer(versions=(*goods.offer().versions, coming)))
    assert (await market.placed(order_of(goods))).lines[0].listing.offer_version == 1
    here = OfferVersion(version=2, terms=dear, effective_from=now)
    await market.hear(goods.offer(versions=(*goods.offer().versions, here)))
    line = (await market.placed(order_of(goods))).lines[0]
    assert (line.listing.offer_version, line.split[1].amount.amount) == (2, 2_500)


def test_mirrors_are_read_as_latest_and_stock_as_every() -> None:
    modes = {name: each.mode for name, each in consumers.reactions(Settings()).subscriptions.items()}
    assert modes["catalog.stock"] is Mode.EVERY
    mirrors = (
        "catalog.suppliers",
        "catalog.products",
        "catalog.offers",
        "catalog.slots",
        "storefront.storefronts",
        "storefront.adoptions",
    )
    assert {modes[name] for name in mirrors} == {Mode.LATEST}
    assert OrderPlaced.topic.name not in modes

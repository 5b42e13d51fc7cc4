"""What placing costs does not grow with what lies in the tables: each statement finds its rows by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from services.orders.store import intake as store
from services.orders.store import lifecycle, placing, stock
from services.orders.tests.market import RULES, Goods, Market, order_of, request_of
from services.orders.usecases.intake import Intake
from shared.kernel import database, idempotency
from shared.kernel.database import Tx

STATEMENTS = {
    "the moment": store._MOMENT,
    "listings": store._LISTINGS,
    "replays": store._REPLAY,
    "what buyers hold": store._BOUGHT,
    "stock": stock._LOCK,
    "everything": placing._WRITES.sql,
    "everything, at once": placing._AT_ONCE.sql,
    "an order's row": lifecycle._LOCK,
    "expired keys": idempotency._SWEEP,
}
SMALL = {"shelf_changes"}  # five rows
BY_KEY = ("the moment", "replays", "stock", "an order's row")  # these need no plan that knows how large a table is


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_hot_statement_reads_no_table_from_end_to_end(market: Market, name: str) -> None:
    async with market.db.transaction() as tx:
        for setting, value in database.PLANNED_ONCE.items():
            await tx.execute(f"SET LOCAL {setting} = {value}")
        nodes = await planned(tx, STATEMENTS[name])
    assert [node for node in nodes if node["Node Type"] == "Seq Scan" and node["Relation Name"] not in SMALL] == []


@pytest.mark.parametrize("name", BY_KEY)
async def test_a_plan_made_for_empty_tables_is_good_for_full_ones(market: Market, name: str) -> None:
    connection = await database.connect(market.db.dsn, market.db.schema, "test", **database.PLANNED_ONCE)
    try:
        await connection.execute("VACUUM ANALYZE idempotency, orders, stock")
        nodes = await planned(connection, STATEMENTS[name])
    finally:
        await connection.close()
    read = [node for node in nodes if "Scan" in node["Node Type"] and "Relation Name" in node]
    assert [node for node in read if "Index Cond" not in node and node["Relation Name"] not in SMALL] == []


async def planned(tx: Tx, statement: str) -> list[dict[str, Any]]:
    """The nodes of its plan, whatever its parameters will be."""
    await tx.execute(f"PREPARE hot AS {statement}")
    nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", statement))))
    (made,) = await tx.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE hot({nothing})")
    return list(nodes_of(made["Plan"]))


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes_of(below)


async def test_a_batch_is_four_statements_and_three_once_the_listings_are_known(market: Market) -> None:
    goods = await market.sell(Goods(), 1_000)
    desk = Intake(lambda: RULES)
    assert [await statements(market, desk, [order_of(goods)] * count) for count in (1, 20, 1)] == [4, 3, 3]
    await market.hear(goods.product(version=2))
    assert await statements(market, desk, [order_of(goods)]) == 4
    service, slot = await market.offer(9, storefront_id=goods.storefront_id, creator_id=goods.creator_id)
    with_it = order_of(goods, goods.wanted(), service.wanted(slot=slot))
    assert [await statements(market, desk, [with_it]) for _ in range(2)] == [4, 3]


async def statements(market: Market, desk: Intake, orders: list[Any]) -> int:
    seen: list[Any] = []
    async with market.db.transaction() as tx:
        with tx.query_logger(seen.append):
            await desk.take_orders(tx, [request_of(order) for order in orders])
    return len(seen)

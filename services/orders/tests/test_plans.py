"""What placing costs does not grow with what lies in the tables: each statement finds its rows by an index."""

from __future__ import annotations

import re
from typing import Any

import pytest

from services.orders.store import intake as store
from services.orders.store import lifecycle, placing, stock
from services.orders.tests.market import RULES, Goods, Market, order_of, request_of
from services.orders.usecases.intake import Intake
from shared.kernel import idempotency

STATEMENTS = {
    "the moment": store._MOMENT,
    "listings": store._LISTINGS,
    "replays": store._REPLAY,
    "what buyers hold": store._BOUGHT,
    "stock": stock._LOCK,
    "everything": placing._WRITES.sql,
    "an order's row": lifecycle._LOCK,
    "expired keys": idempotency._SWEEP,
}
SMALL = {"shelf_changes"}  # five rows


@pytest.mark.parametrize("name", STATEMENTS)
async def test_a_hot_statement_reads_no_table_from_end_to_end(market: Market, name: str) -> None:
    async with market.db.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")  # small tables are read whole for a good reason
        await tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await tx.execute(f"PREPARE hot AS {STATEMENTS[name]}")
        nothing = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", STATEMENTS[name]))))
        plan = "\n".join(row[0] for row in await tx.fetch(f"EXPLAIN EXECUTE hot({nothing})"))
    scanned = [line for line in plan.splitlines() if "Seq Scan on" in line]
    assert [line for line in scanned if line.split("Seq Scan on ")[1].split()[0] not in SMALL] == []


async def test_a_batch_is_four_statements_and_three_once_the_listings_are_known(market: Market) -> None:
    goods = await market.sell(Goods(), 1_000)
    desk = Intake(lambda: RULES)
    assert [await statements(market, desk, [order_of(goods)] * count) for count in (1, 20, 1)] == [4, 3, 3]
    await market.hear(goods.product(version=2))
    assert await statements(market, desk, [order_of(goods)]) == 4


async def statements(market: Market, desk: Intake, orders: list[Any]) -> int:
    seen: list[Any] = []
    async with market.db.transaction() as tx:
        with tx.query_logger(seen.append):
            await desk.take_orders(tx, [request_of(order) for order in orders])
    return len(seen)

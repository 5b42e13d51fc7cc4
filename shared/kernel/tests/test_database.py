"""What every connection brings along."""

from __future__ import annotations

import asyncio

import pytest

from shared.kernel import database
from shared.kernel.database import Database

_FIND = "SELECT * FROM growing JOIN unnest($1::int[]) AS asked (id) USING (id)"
_PREPARED = "SELECT max(prepare_time) FROM pg_prepared_statements WHERE statement LIKE '%growing JOIN%'"


async def test_a_table_that_has_grown_is_planned_for_again(gauge: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PLAN_SECONDS", 1)
    await gauge.pool.execute("CREATE TABLE growing (id int PRIMARY KEY)")
    other = await Database.open(gauge.dsn, gauge.schema, size=1, **database.PLANNED_ONCE)
    connection = await database.connect(gauge.dsn, gauge.schema, "test", **database.PLANNED_ONCE)
    try:
        async with other.transaction() as tx:
            for one in (connection, tx):
                await one.fetch(_FIND, [1])
                first = await one.fetchval(_PREPARED)
                await asyncio.sleep(1.1)
                await one.fetch(_FIND, [1])
                assert await one.fetchval(_PREPARED) > first
    finally:
        await connection.close()
        await other.close()

"""What every connection brings along."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest

from shared.kernel import database
from shared.kernel.database import Database, Tx
from shared.kernel.errors import Transient

_FIND = "SELECT * FROM growing JOIN unnest($1::int[]) AS asked (id) USING (id)"
_PREPARED = "SELECT max(prepare_time) FROM pg_prepared_statements WHERE statement LIKE '%growing JOIN%'"


async def _planned(one: Tx) -> datetime:
    """Ask, and say when what was asked was planned."""
    await one.fetch(_FIND, [1])
    at: datetime = await one.fetchval(_PREPARED)
    return at


async def test_a_table_that_has_grown_is_planned_for_again(gauge: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PLAN_SECONDS", 1)
    await gauge.pool.execute("CREATE TABLE growing (id int PRIMARY KEY)")
    other = await Database.open(gauge.dsn, gauge.schema, size=1, **database.PLANNED_ONCE)
    connection = await database.connect(gauge.dsn, gauge.schema, "test", **database.PLANNED_ONCE)
    try:
        async with other.transaction() as tx:
            first = [await _planned(one) for one in (connection, tx)]
            await asyncio.sleep(1.1)
            again = [await _planned(one) for one in (connection, tx)]
            assert again[0] > first[0] and again[1] > first[1]
    finally:
        await connection.close()
        await other.close()


@pytest.mark.parametrize(("patience", "tries"), [(3.0, 3), (-1.0, 1)])
async def test_what_may_pass_is_tried_again_while_somebody_waits_for_it(
    gauge: Database, monkeypatch: pytest.MonkeyPatch, patience: float, tries: int
) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", patience)
    tried = []

    async def work(_tx: Tx) -> None:
        tried.append("once more")
        raise Transient("not yet")

    with pytest.raises(Transient):
        await gauge.run(work)
    assert len(tried) == tries

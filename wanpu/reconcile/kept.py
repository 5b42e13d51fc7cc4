"""What the services keep: all schemas in one snapshot, read only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared.kernel.database import Database, Row, Tx
from wanpu.layout import SERVICES

STATEMENT_SECONDS = 300.0  # sums over all that was ever booked, beside services at work

_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
_PATIENCE = f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS:.0f}s'"
_THERE = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'outbox' AND table_schema = ANY($1)"
_PARKED = """
    SELECT '{service}' AS service, id, consumer, topic, "partition", "offset", key, stream_key, body, cause
      FROM {service}.dead_letters
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """The snapshot; `services` are those whose schema is there."""

    tx: Tx
    services: tuple[str, ...]

    async def rows(self, query: str, *values: object, of: Iterable[str] = ()) -> list[Row]:
        """Run a query; nothing when a schema that it needs is not there at all."""
        if set(of) - set(self.services):
            return []
        return list(await self.tx.fetch(query, *values, timeout=STATEMENT_SECONDS))

    async def each(self, query: str, *values: object) -> list[Row]:
        """Run a query once for each service, its schema in place of `{service}`."""
        found = []
        for service in self.services:
            found += await self.rows(query.replace("{service}", service), *values)
        return found

    async def parked(self) -> list[Row]:
        """All dead letters."""
        return await self.each(_PARKED)


@asynccontextmanager
async def snapshot(dsn: str) -> AsyncIterator[Kept]:
    """One moment of every schema, by a role that may read them."""
    db = await Database.open(dsn, "public", size=1, application_name="wanpu-reconcile")
    try:
        async with db.transaction() as tx:
            await tx.execute(_SNAPSHOT)
            await tx.execute(_PATIENCE)
            there = {row["table_schema"] for row in await tx.fetch(_THERE, list(SERVICES))}
            yield Kept(tx, tuple(service for service in SERVICES if service in there))
    finally:
        await db.close()

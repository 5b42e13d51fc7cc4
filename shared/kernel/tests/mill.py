"""A small pair of services for the kernel's own tests: a meter that counts, and a gauge that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shared.contracts.event import Cause, Event, Topic
from shared.kernel import outbox
from shared.kernel.database import Database, Tx
from shared.kernel.delivery import Router

READINGS = Topic("meter.readings", owner="meter", key="meter_id")
TOTALS = Topic("gauge.totals", owner="gauge", key="meter_id")


class Counted(Event):
    """A meter counted this much more."""

    topic: ClassVar[Topic] = READINGS
    type: ClassVar[str] = "wanpu.meter.Counted.v1"

    meter_id: str
    amount: int
    explode: bool = False


class Reset(Event):
    """A meter was set back to nothing."""

    topic: ClassVar[Topic] = READINGS
    type: ClassVar[str] = "wanpu.meter.Reset.v1"

    meter_id: str


class TotalChanged(Event):
    """The gauge's sum of a meter changed."""

    topic: ClassVar[Topic] = TOTALS
    type: ClassVar[str] = "wanpu.gauge.TotalChanged.v1"

    meter_id: str
    total: int


# `history` shows each effect: a second one of the same event would stand there twice.
TABLES = """
    CREATE TABLE IF NOT EXISTS totals (meter_id text PRIMARY KEY, total bigint NOT NULL, events int NOT NULL);
    CREATE TABLE IF NOT EXISTS history (id bigint GENERATED ALWAYS AS IDENTITY, meter_id text NOT NULL,
                                        position bigint NOT NULL, amount bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS meters (meter_id text PRIMARY KEY, total bigint NOT NULL, events int NOT NULL);
"""

_ADD = """
    INSERT INTO totals AS t (meter_id, total, events)
    SELECT meter_id, amount, 1 FROM unnest($1::text[], $2::bigint[]) AS a (meter_id, amount) ORDER BY meter_id
    ON CONFLICT (meter_id) DO UPDATE SET total = t.total + excluded.total, events = t.events + 1
    RETURNING meter_id, total, events
"""
_NOTE = "INSERT INTO history (meter_id, position, amount) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])"
_MIRROR = """
    INSERT INTO totals (meter_id, total, events)
    SELECT meter_id, amount, 1 FROM unnest($1::text[], $2::bigint[]) AS a (meter_id, amount) ORDER BY meter_id
    ON CONFLICT (meter_id) DO UPDATE SET total = excluded.total
"""


async def add_up(tx: Tx, counted: Sequence[Counted]) -> None:
    """Add each amount to its meter's sum and tell the new sum."""
    if any(event.explode for event in counted):
        raise RuntimeError("told to explode")
    meters = [event.meter_id for event in counted]
    amounts = [event.amount for event in counted]
    rows = {row["meter_id"]: row for row in await tx.fetch(_ADD, meters, amounts)}
    await tx.execute(_NOTE, meters, [event.position for event in counted], amounts)
    await outbox.append(
        tx,
        [
            TotalChanged(meter_id=e.meter_id, total=rows[e.meter_id]["total"]).at(rows[e.meter_id]["events"], e)
            for e in counted
        ],
    )


async def mirror(tx: Tx, counted: Sequence[Counted]) -> None:
    """Keep the last amount."""
    await tx.execute(_MIRROR, [event.meter_id for event in counted], [event.amount for event in counted])


def adding() -> Router:
    router = Router("gauge")
    router.every(Counted, do=add_up)
    return router


def mirroring() -> Router:
    router = Router("gauge")
    router.latest(Counted, do=mirror)
    return router


_COUNT = """
    INSERT INTO meters AS m (meter_id, total, events)
    SELECT meter_id, amount, 1 FROM unnest($1::text[], $2::bigint[]) AS a (meter_id, amount) ORDER BY meter_id
    ON CONFLICT (meter_id) DO UPDATE SET total = m.total + excluded.total, events = m.events + 1
    RETURNING meter_id, events
"""


async def count(db: Database, amounts: dict[str, int]) -> None:
    """The meter's unit of work: count, and tell it, in one transaction."""

    async def work(tx: Tx) -> None:
        rows = await tx.fetch(_COUNT, list(amounts), list(amounts.values()))
        events = [Counted(meter_id=r["meter_id"], amount=amounts[r["meter_id"]]).at(r["events"], Cause()) for r in rows]
        await outbox.append(tx, events)

    await db.run(work)

"""Records as a broker would hand them over, good and bad."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from shared.contracts.event import Event
from shared.kernel.database import Database
from shared.kernel.delivery import Router
from shared.kernel.delivery.batch import Outcome, Raw, apply
from shared.kernel.delivery.records import read
from shared.kernel.ids import new_id
from shared.kernel.tests import mill

_offsets = itertools.count()


def counted(meter_id: str, position: int, amount: int = 1, **fields: Any) -> Raw:
    """A meter's event at a position of its stream."""
    return record(mill.Counted(meter_id=meter_id, amount=amount, **fields), position)


def record(event: Event, position: int) -> Raw:
    headers = [
        ("ce_id", new_id().encode()),
        ("ce_type", event.type.encode()),
        ("ce_source", b"test"),
        ("ce_subject", event.key.encode()),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("ce_aggregateversion", str(position).encode()),
    ]
    body = event.model_dump_json().encode()
    return Raw(event.topic.name, 0, next(_offsets), event.key.encode(), body, headers)


def changed(raw: Raw, **fields: Any) -> Raw:
    """The same record with another body, key or header (`ce_id=None` makes it null, `drop="ce_id"` takes it away)."""
    headers = [(name, value) for name, value in raw.headers if name != fields.get("drop")]
    headers = [(name, fields.get(name, value)) for name, value in headers]
    return Raw(
        *(raw.topic, raw.partition, next(_offsets), fields.get("key", raw.key), fields.get("value", raw.value)), headers
    )


async def deliver(db: Database, router: Router, records: Sequence[Raw]) -> Outcome:
    """One batch, as the wrapper would apply it."""
    (subscription,) = router.subscriptions.values()
    async with db.transaction() as tx:
        return await apply(tx, subscription, [read(raw, subscription) for raw in records])


async def totals(db: Database) -> dict[str, int]:
    return {row["meter_id"]: row["total"] for row in await db.pool.fetch("SELECT meter_id, total FROM totals")}


async def order_of(db: Database, meter_id: str) -> list[int]:
    """The positions in the order in which they took effect."""
    rows = await db.pool.fetch("SELECT position FROM history WHERE meter_id = $1 ORDER BY id", meter_id)
    return [row["position"] for row in rows]

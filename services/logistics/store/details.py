"""Where parcels go: personal data, which is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from shared.contracts.values import ShipTo
from shared.kernel.database import Tx, columns

_UPSERT = """
    INSERT INTO delivery_details (order_id, name, phone, region, address)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[])
    ON CONFLICT (order_id) DO UPDATE SET name = excluded.name, phone = excluded.phone, region = excluded.region,
                                         address = excluded.address
"""


async def upsert_details(tx: Tx, details: Sequence[tuple[str, ShipTo]]) -> None:
    """Keep where the parcels of each order go."""
    rows = [
        (order_id, to.name, to.phone, to.region, to.address) for order_id, to in sorted(details, key=lambda d: d[0])
    ]
    await tx.execute(_UPSERT, *columns(rows, 5))


_SELECT = "SELECT name, phone, region, address FROM delivery_details WHERE order_id = $1"


async def select_details(tx: Tx, order_id: str) -> ShipTo | None:
    """Where an order's parcels go; None before it was told and after it was forgotten."""
    row = await tx.fetchrow(_SELECT, order_id)
    return ShipTo(**row) if row else None


# An order that was never confirmed has no parcel: its details go when they are old.
_DELETE = """
    DELETE FROM delivery_details WHERE order_id IN (
        SELECT order_id FROM delivery_details d
         WHERE received_at < now() - $1::interval
           AND NOT EXISTS (SELECT FROM shipments s WHERE s.order_id = d.order_id
                              AND (s.ended_at IS NULL OR s.ended_at >= now() - $1::interval))
         ORDER BY received_at LIMIT $2)
"""


async def delete_details(tx: Tx, keep_seconds: float, limit: int) -> int:
    """Forget at most `limit` orders' details whose last parcel ended so long ago; returns how many."""
    status = await tx.execute(_DELETE, timedelta(seconds=keep_seconds), limit)
    return int(status.rpartition(" ")[2])

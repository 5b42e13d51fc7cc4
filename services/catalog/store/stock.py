"""Stock deliveries. A variant's row counts its stream on `catalog.stock`, and is locked in the order of ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from services.catalog.domain import StockLine
from shared.kernel.database import Tx, columns

_LOCK = "SELECT variant_id FROM variants WHERE variant_id = ANY ($1::uuid[]) ORDER BY variant_id FOR UPDATE"
_COUNT = """
    UPDATE variants v SET events = v.events + n.lines
      FROM (SELECT variant_id, count(*) AS lines FROM unnest($1::uuid[]) AS u (variant_id) GROUP BY variant_id) n
     WHERE v.variant_id = n.variant_id
    RETURNING v.variant_id, v.events - n.lines + 1 AS first
"""
_INSERT = """
    INSERT INTO stock_deliveries (delivery_id, place, variant_id, supplier_id, delta, reason, adjusted_at)
    SELECT $1, d.place, d.variant_id, v.supplier_id, d.delta, d.reason, $2
      FROM unnest($3::smallint[], $4::uuid[], $5::int[], $6::text[]) AS d (place, variant_id, delta, reason)
      JOIN variants v USING (variant_id)
"""


async def insert(tx: Tx, delivery_id: str, adjusted_at: datetime, lines: Sequence[StockLine]) -> list[int]:
    """Write a delivery and return the position of each line in its variant's stream."""
    variant_ids = [line.variant_id for line in lines]
    await tx.execute(_LOCK, variant_ids)
    rows = [(place, line.variant_id, line.delta, line.reason) for place, line in enumerate(lines)]
    await tx.execute(_INSERT, delivery_id, adjusted_at, *columns(rows, 4))
    positions = {row["variant_id"]: count(row["first"]) for row in await tx.fetch(_COUNT, variant_ids)}
    return [next(positions[variant_id]) for variant_id in variant_ids]

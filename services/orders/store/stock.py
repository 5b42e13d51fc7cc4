"""Stock rows: locked in key order, written once a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.orders.domain.stock import PAUSE_SECONDS, Stock
from shared.contracts.values import SupplierId, VariantId
from shared.kernel.database import Row, Tx, columns

_COLUMNS = "variant_id, supplier_id, received, reserved, sold, announced, short, events"
_LOCK = f"""
    SELECT {_COLUMNS}, announced_at <= now() - $2::interval AS rested
      FROM stock WHERE variant_id = ANY($1::uuid[]) ORDER BY variant_id FOR UPDATE
"""  # noqa: S608 - made of constants


async def lock(tx: Tx, variants: Collection[VariantId]) -> dict[VariantId, Stock]:
    """The rows there are, locked until the transaction ends."""
    return _by_variant(await tx.fetch(_LOCK, sorted(variants), timedelta(seconds=PAUSE_SECONDS)))


_LOCK_FREE = f"{_LOCK} SKIP LOCKED"


async def lock_free(tx: Tx, variants: Collection[VariantId]) -> dict[VariantId, Stock]:
    """Like `lock`, without the rows that another transaction holds."""
    return _by_variant(await tx.fetch(_LOCK_FREE, sorted(variants), timedelta(seconds=PAUSE_SECONDS)))


_CREATE = """
    INSERT INTO stock (variant_id, supplier_id)
    SELECT * FROM unnest($1::uuid[], $2::uuid[]) AS s (variant_id, supplier_id) ORDER BY variant_id
    ON CONFLICT DO NOTHING
"""


async def create_missing(tx: Tx, suppliers: Mapping[VariantId, SupplierId]) -> None:
    """An empty row for each variant that has none yet."""
    await tx.execute(_CREATE, *columns(sorted(suppliers.items()), 2))


SAVE = """
    UPDATE stock s
       SET received = n.received, reserved = n.reserved, sold = n.sold, short = n.short, events = n.events,
           announced = n.announced, announced_at = CASE WHEN n.told THEN now() ELSE s.announced_at END
      FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::name[],
                  $8::bool[]) AS n (variant_id, received, reserved, sold, short, events, announced, told)
     WHERE s.variant_id = n.variant_id
"""


async def save(tx: Tx, stock: Sequence[Stock], announced: Collection[VariantId]) -> None:
    """Write rows that this transaction has locked; `announced` are those whose availability was told just now."""
    await tx.execute(SAVE, *columns(rows(stock, announced), 8))


def rows(stock: Sequence[Stock], announced: Collection[VariantId]) -> list[tuple[Any, ...]]:
    """What `SAVE` takes."""
    return [
        (s.variant_id, s.received, s.reserved, s.sold, s.short, s.events, s.announced, s.variant_id in announced)
        for s in stock
    ]


def _by_variant(rows: Sequence[Row]) -> dict[VariantId, Stock]:
    return {row["variant_id"]: Stock(**row) for row in rows}

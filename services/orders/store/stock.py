"""Stock rows: locked in key order, written once a transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.orders.domain.stock import PAUSE_SECONDS, Stock, StockId
from shared.contracts.catalog import SlotState
from shared.contracts.values import SupplierId, VariantId
from shared.kernel.database import Row, Tx, columns

_COLUMNS = "stock_id, variant_id, supplier_id, received, reserved, sold, announced, short, events"
_LOCK = f"""
    SELECT {_COLUMNS}, announced_at <= now() - $2::interval AS rested, coalesce(starts_at <= now(), false) AS begun
      FROM stock WHERE stock_id = ANY($1::uuid[]) ORDER BY stock_id FOR UPDATE
"""  # noqa: S608 - made of constants


async def lock(tx: Tx, wanted: Collection[StockId]) -> dict[StockId, Stock]:
    """The rows there are, locked until the transaction ends."""
    return _by_id(await tx.fetch(_LOCK, sorted(wanted), timedelta(seconds=PAUSE_SECONDS)))


# Read with something else, as one value: the version tells a writer without a lock whether a row is still the same.
READ = f"""
    SELECT jsonb_agg(jsonb_build_array({_COLUMNS}, announced_at <= now() - interval '{PAUSE_SECONDS} seconds',
                                       coalesce(starts_at <= now(), false), xmin::text))
      FROM stock WHERE stock_id = ANY({{ids}}::uuid[])
"""  # noqa: S608 - made of constants


def read(found: Sequence[Sequence[Any]] | None) -> dict[StockId, Stock]:
    """What `READ` found; no rows are None."""
    return {row[0]: Stock(*row) for row in found or ()}


_LOCK_FREE = f"{_LOCK} SKIP LOCKED"


async def lock_free(tx: Tx, wanted: Collection[StockId]) -> dict[StockId, Stock]:
    """Like `lock`, without the rows that another transaction holds."""
    return _by_id(await tx.fetch(_LOCK_FREE, sorted(wanted), timedelta(seconds=PAUSE_SECONDS)))


_KNOWN = "SELECT stock_id FROM stock WHERE stock_id = ANY($1::uuid[])"


async def known(tx: Tx, wanted: Collection[StockId]) -> set[StockId]:
    """Those of the ids that have a row, whoever holds it."""
    return {row["stock_id"] for row in await tx.fetch(_KNOWN, list(wanted))} if wanted else set()


_CREATE = """
    INSERT INTO stock (stock_id, variant_id, supplier_id)
    SELECT variant_id, variant_id, supplier_id
      FROM unnest($1::uuid[], $2::uuid[]) AS s (variant_id, supplier_id) ORDER BY 1
    ON CONFLICT DO NOTHING
"""


async def create_missing(tx: Tx, suppliers: Mapping[VariantId, SupplierId]) -> None:
    """An empty row for each variant that has none yet."""
    await tx.execute(_CREATE, *columns(sorted(suppliers.items()), 2))


_OPEN = """
    INSERT INTO stock (stock_id, variant_id, supplier_id, starts_at, received)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::bigint[])
           AS s (slot_id, variant_id, supplier_id, starts_at, capacity) ORDER BY slot_id
    ON CONFLICT DO NOTHING
"""


async def open_slots(tx: Tx, slots: Sequence[SlotState]) -> None:
    """A row for each slot, as large as it was opened: nothing in a slot changes."""
    rows = [(slot.slot_id, slot.variant_id, slot.supplier_id, slot.starts_at, slot.capacity) for slot in slots]
    await tx.execute(_OPEN, *columns(rows, 5))


_SAVE = """
    UPDATE stock s
       SET received = n.received, reserved = n.reserved, sold = n.sold, short = n.short, events = n.events,
           announced = n.announced, announced_at = CASE WHEN n.told THEN now() ELSE s.announced_at END
      FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::int[], $7::name[],
                  $8::bool[], $9::name[])
           AS n (stock_id, received, reserved, sold, short, events, announced, told, version)
"""
SAVE = f"{_SAVE} WHERE s.stock_id = n.stock_id"  # rows that this transaction has locked
# Rows that were read without a lock, where they are still the same; nobody who holds one is waited for.
SAVE_UNMOVED = f"""
    {_SAVE}
     CROSS JOIN LATERAL (SELECT stock_id FROM stock
                          WHERE stock_id = n.stock_id AND xmin::text = n.version FOR UPDATE SKIP LOCKED) AS still
     WHERE s.stock_id = still.stock_id RETURNING 1
"""  # noqa: S608 - made of a constant


def rows(stock: Sequence[Stock], announced: Collection[StockId]) -> list[tuple[Any, ...]]:
    """What `SAVE` takes; `announced` are those whose availability is told just now."""
    return [
        (
            *(s.stock_id, s.received, s.reserved, s.sold, s.short, s.events, s.announced),
            *(s.stock_id in announced, s.version),
        )
        for s in stock
    ]


def _by_id(rows: Sequence[Row]) -> dict[StockId, Stock]:
    return {row["stock_id"]: Stock(**row) for row in rows}

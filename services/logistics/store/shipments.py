"""Parcels: a change of state is one UPDATE whose WHERE holds the guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.contracts.values import Money, ParcelState
from shared.kernel.database import Row, Tx, columns

from ..domain import ENDED, Parcel, Shipment

_INSERT = """
    INSERT INTO shipments (shipment_id, order_id, supplier_order_id, supplier_id, region, lines, cod_amount, currency,
                           loadtest)
    SELECT a, b, c, d, e, f::jsonb, g, h, i
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bigint[], $8::text[],
                  $9::bool[]) AS s (a, b, c, d, e, f, g, h, i)
"""


async def insert_shipments(tx: Tx, shipments: Sequence[Shipment]) -> None:
    """Add new parcels, each at position 1 of its stream."""
    await tx.execute(_INSERT, *columns([_row(shipment) for shipment in shipments], 9))


def _row(shipment: Shipment) -> tuple[Any, ...]:
    cod = shipment.cod
    return (
        *(shipment.shipment_id, shipment.order_id, shipment.supplier_order_id, shipment.supplier_id, shipment.region),
        *(orjson.dumps(shipment.lines).decode(), cod and cod.amount, cod and cod.currency, shipment.loadtest),
    )


_LOCK_PARTS = """
    SELECT 1 FROM shipments WHERE supplier_order_id = ANY ($1::uuid[]) ORDER BY shipment_id FOR UPDATE
"""


async def lock_parts(tx: Tx, supplier_order_ids: Sequence[str]) -> None:
    """Lock the parcels of these supplier orders in the order of their ids."""
    await tx.execute(_LOCK_PARTS, supplier_order_ids)


_CALL_OFF = """
    UPDATE shipments SET state = 'CANCELLED', ended_at = now(), version = version + 1, events = events + 1
     WHERE supplier_order_id = ANY ($1::uuid[]) AND state = 'CREATED'
    RETURNING *
"""


async def call_off(tx: Tx, supplier_order_ids: Sequence[str]) -> list[Shipment]:
    """Cancel those that still wait for their hand-over; returns them."""
    return [_shipment(row) for row in await tx.fetch(_CALL_OFF, supplier_order_ids)]


_REFUSE_CALL_OFF = """
    UPDATE shipments SET events = events + 1
     WHERE supplier_order_id = ANY ($1::uuid[]) AND state NOT IN ('CREATED', 'CANCELLED')
    RETURNING *
"""


async def refuse_call_off(tx: Tx, supplier_order_ids: Sequence[str]) -> list[Shipment]:
    """Count an event for those that were handed over; returns them."""
    return [_shipment(row) for row in await tx.fetch(_REFUSE_CALL_OFF, supplier_order_ids)]


_LOCK_WAYBILL = "SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 0))"


async def lock_waybill(tx: Tx, carrier: str, waybill: str) -> None:
    """Let one transaction at a time speak of a waybill, also before a row has it: else a report that comes while
    the parcel is handed over would find no parcel, and the hand-over no report."""
    await tx.execute(_LOCK_WAYBILL, carrier, waybill)


_LOCK_ONE = "SELECT * FROM shipments WHERE shipment_id = $1 AND supplier_id::text = $2 FOR UPDATE"


async def lock_shipment(tx: Tx, shipment_id: str, supplier_id: str) -> Shipment | None:
    """A supplier's own parcel, locked."""
    row = await tx.fetchrow(_LOCK_ONE, shipment_id, supplier_id)
    return _shipment(row) if row else None


_LOCK_BY_WAYBILL = "SELECT * FROM shipments WHERE carrier = $1 AND waybill = $2 FOR UPDATE"


async def lock_by_waybill(tx: Tx, carrier: str, waybill: str) -> Shipment | None:
    """The parcel with this waybill, locked."""
    row = await tx.fetchrow(_LOCK_BY_WAYBILL, carrier, waybill)
    return _shipment(row) if row else None


_HAND_OVER = """
    UPDATE shipments SET state = 'HANDED_OVER', carrier = $3, waybill = $4, version = version + 1, events = events + 1
     WHERE shipment_id = $1 AND version = $2 AND state = 'CREATED'
    RETURNING *
"""


async def hand_over(tx: Tx, shipment: Shipment, carrier: str, waybill: str) -> Shipment:
    """Give a locked parcel its waybill."""
    row = await tx.fetchrow(_HAND_OVER, shipment.shipment_id, shipment.version, carrier, waybill)
    assert row is not None, "its row is locked, and its state was looked at"
    return _shipment(row)


_MOVE = """
    UPDATE shipments SET state = $3, attempts = $4, turned_by = $5, moved_by = $6, moved_at = $7,
                         ended_at = CASE WHEN $8 THEN coalesce(ended_at, now()) END,
                         version = version + 1, events = events + 1
     WHERE shipment_id = $1 AND version = $2
    RETURNING *
"""


async def move(tx: Tx, shipment: Shipment, to: Parcel) -> Shipment:
    """Write one step of a locked parcel."""
    told = (to.state, to.attempts, to.turned_by, to.moved_by, to.moved_at, to.state in ENDED)
    row = await tx.fetchrow(_MOVE, shipment.shipment_id, shipment.version, *told)
    assert row is not None, "its row is locked"
    return _shipment(row)


@dataclass(frozen=True, slots=True)
class Sought:
    """What a list is narrowed to; `after` is the order and shipment that the page before ended with."""

    order_id: str | None = None
    supplier_id: str | None = None
    carrier: str | None = None
    state: ParcelState | None = None
    after: tuple[str, str] | None = None
    limit: int = 50


_COLUMNS = {
    "order_id": "s.order_id = ",
    "supplier_id": "s.supplier_id = ",
    "carrier": "s.carrier = ",
    "state": "s.state = ",
}
_SELECT_SHOWN = """
    SELECT s.*, c.state AS cash_state FROM shipments s LEFT JOIN cod_cash c USING (shipment_id)
     WHERE true {narrowed}
     ORDER BY s.order_id, s.shipment_id LIMIT {limit}
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A parcel as it is read, with where its cash is."""

    shipment: Shipment
    cash_state: str | None
    created_at: datetime


async def select_shipments(tx: Tx, sought: Sought) -> list[Shown]:
    """Parcels in the order of their orders' times."""
    given = {name: value for name in _COLUMNS if (value := getattr(sought, name, None)) is not None}
    narrowed = [f"{_COLUMNS[name]}${place}" for place, name in enumerate(given, 1)]
    values: list[Any] = list(given.values())
    if sought.after:
        narrowed.append(f"(s.order_id, s.shipment_id) > (${len(values) + 1}, ${len(values) + 2})")
        values += sought.after
    limits = "".join(f" AND {condition}" for condition in narrowed)
    rows = await tx.fetch(_SELECT_SHOWN.format(narrowed=limits, limit=int(sought.limit)), *values)
    return [_shown(row) for row in rows]


_SELECT_ONE = """
    SELECT s.*, c.state AS cash_state FROM shipments s LEFT JOIN cod_cash c USING (shipment_id)
     WHERE s.shipment_id = $1
"""


async def select_shipment(tx: Tx, shipment_id: str) -> Shown | None:
    """One parcel."""
    row = await tx.fetchrow(_SELECT_ONE, shipment_id)
    return _shown(row) if row else None


def _shown(row: Row) -> Shown:
    return Shown(_shipment(row), row["cash_state"], row["created_at"])


def _shipment(row: Row) -> Shipment:
    return Shipment(
        *(row["shipment_id"], row["order_id"], row["supplier_order_id"], row["supplier_id"], row["region"]),
        lines=row["lines"],
        cod=None if row["cod_amount"] is None else Money(amount=row["cod_amount"], currency=row["currency"]),
        loadtest=row["loadtest"],
        parcel=Parcel(row["state"], row["attempts"], row["turned_by"], row["moved_by"], row["moved_at"]),
        **{name: row[name] for name in ("carrier", "waybill", "version", "events")},
    )

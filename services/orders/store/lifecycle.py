"""Orders, their supplier orders and lines as they move on.

Every function but `lock` expects the order rows locked by `lock`: they guard supplier orders, lines and payments too,
so that those are never locked for themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.orders.domain.lifecycle import Line, Order, SupplierOrder, SupplierOrderState
from services.orders.domain.split import Amount, Part
from shared.contracts.values import LineState, OrderId, OrderState, SupplierOrderId
from shared.kernel.database import Row, Tx, columns


@dataclass(frozen=True, slots=True)
class Turned:
    """An order whose state was changed: the position of the event to tell, and the database's time."""

    position: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Note:
    """A row of an order's timeline; `detail` is JSON-ready."""

    order_id: OrderId
    what: str
    detail: Mapping[str, Any] = field(default_factory=dict)


_LOCK = """
    SELECT order_id, order_no, buyer_ref, placed_by, storefront_id, creator_id, state, cancellation, payment_mode,
           payment_id, currency, code_hash, code_tries, coalesce(expires_at <= now(), false) AS overdue, loadtest,
           correlation_id
      FROM orders WHERE order_id = ANY($1::uuid[]) ORDER BY order_id FOR UPDATE
"""


async def lock(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, Order]:
    """The orders there are, in key order, locked until the transaction ends."""
    rows = await tx.fetch(_LOCK, list(set(order_ids)))
    return {row["order_id"]: Order(**row) for row in rows}


_COUNT_TRY = "UPDATE orders SET code_tries = code_tries + 1, version = version + 1 WHERE order_id = $1"


async def count_try(tx: Tx, order_id: OrderId) -> None:
    """One more wrong code."""
    await tx.execute(_COUNT_TRY, order_id)


_CONFIRM = """
    UPDATE orders SET state = 'CONFIRMED', confirmed_at = now(), version = version + 1, events = events + 1
     WHERE order_id = $1 AND state = 'PLACED'
    RETURNING events, confirmed_at, placement
"""


async def confirm(tx: Tx, order_id: OrderId) -> tuple[Turned, dict[str, Any]] | None:
    """PLACED → CONFIRMED; what was agreed at placement comes along. None when the order is not PLACED."""
    row = await tx.fetchrow(_CONFIRM, order_id)
    return (Turned(row["events"], row["confirmed_at"]), row["placement"]) if row else None


_END_PLACED = """
    UPDATE orders SET state = $2, ended_at = now(), version = version + 1, events = events + 1
     WHERE order_id = ANY($1::uuid[]) AND state = 'PLACED'
    RETURNING order_id, events, ended_at
"""


async def end_placed(tx: Tx, order_ids: Collection[OrderId], state: OrderState) -> dict[OrderId, Turned]:
    """PLACED → EXPIRED or CANCELLED; those that are no longer PLACED are passed over."""
    return _turned(await tx.fetch(_END_PLACED, list(order_ids), state))


_CONCLUDE = """
    UPDATE orders o SET state = n.state, ended_at = now(), version = version + 1, events = events + 1
      FROM unnest($1::uuid[], $2::text[]) AS n (order_id, state)
     WHERE o.order_id = n.order_id AND o.state = 'CONFIRMED'
    RETURNING o.order_id, o.events, o.ended_at
"""


async def conclude(tx: Tx, endings: Mapping[OrderId, OrderState]) -> dict[OrderId, Turned]:
    """CONFIRMED → FULFILLED or CLOSED."""
    return _turned(await tx.fetch(_CONCLUDE, *columns(list(endings.items()), 2)))


_COMPLETE = """
    UPDATE orders SET state = 'COMPLETED', version = version + 1, events = events + 1
     WHERE order_id = ANY($1::uuid[]) AND state = 'FULFILLED'
    RETURNING order_id, events, now() AS ended_at
"""


async def complete(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, Turned]:
    """FULFILLED → COMPLETED."""
    return _turned(await tx.fetch(_COMPLETE, list(order_ids)))


_ASK = """
    UPDATE orders SET cancellation = 'REQUESTED', version = version + 1, events = events + 1
     WHERE order_id = $1 AND state = 'CONFIRMED'
    RETURNING order_id, events, now() AS ended_at
"""


async def request_cancellation(tx: Tx, order_id: OrderId) -> Turned | None:
    """Note on a CONFIRMED order that somebody wants it, or a part of it, undone."""
    return _turned(await tx.fetch(_ASK, order_id)).get(order_id)


# One answer for the order out of those for its parts: open while one is open, done if anything was called off.
_ANSWER = """
    UPDATE orders o SET cancellation = a.cancellation, version = version + 1
      FROM (SELECT order_id, CASE WHEN bool_or(cancellation = 'REQUESTED') THEN 'REQUESTED'
                                  WHEN bool_or(cancellation = 'DONE') THEN 'DONE' ELSE 'REFUSED' END AS cancellation
              FROM supplier_orders WHERE order_id = ANY($1::uuid[]) AND cancellation IS NOT NULL GROUP BY order_id) a
     WHERE o.order_id = a.order_id AND o.cancellation IS DISTINCT FROM a.cancellation
"""


async def settle_cancellation(tx: Tx, order_ids: Collection[OrderId]) -> None:
    """Bring the orders' answer up to date with their supplier orders'."""
    await tx.execute(_ANSWER, list(order_ids))


_MOVE_LINES = """
    UPDATE lines SET state = $2, version = version + 1
     WHERE order_id = ANY($1::uuid[]) AND state = $3
    RETURNING line_id, order_id, supplier_order_id, supplier_id, state, kind, variant_id, slot_id, qty, amount, split,
              hold_seconds
"""


async def move_lines(tx: Tx, order_ids: Collection[OrderId], to: LineState, *, only_from: LineState) -> list[Line]:
    """Move all lines of these orders that are in one state to another."""
    return [_line(row) for row in await tx.fetch(_MOVE_LINES, list(order_ids), to, only_from)]


_MOVE_PARCEL_LINES = """
    UPDATE lines l SET state = n.state, version = version + 1
      FROM unnest($1::uuid[], $2::text[]) AS n (supplier_order_id, state)
     WHERE l.supplier_order_id = n.supplier_order_id AND l.state = $3
    RETURNING line_id, order_id, l.supplier_order_id, supplier_id, l.state, kind, variant_id, slot_id, qty, amount,
              split, hold_seconds
"""


async def move_parcel_lines(tx: Tx, to: Mapping[SupplierOrderId, LineState], *, only_from: LineState) -> list[Line]:
    """Move the lines of each of these supplier orders on, as its parcel did."""
    return [_line(row) for row in await tx.fetch(_MOVE_PARCEL_LINES, *columns(list(to.items()), 2), only_from)]


_LINES = """
    SELECT line_id, order_id, supplier_order_id, supplier_id, state, kind, variant_id, slot_id, qty, amount, split,
           hold_seconds
      FROM lines WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, ordinal
"""


async def lines(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, list[Line]]:
    """All lines of these orders, in the order they were placed in."""
    found: dict[OrderId, list[Line]] = {}
    for row in await tx.fetch(_LINES, list(order_ids)):
        found.setdefault(row["order_id"], []).append(_line(row))
    return found


_PARCEL_LINES = """
    SELECT line_id, order_id, supplier_order_id, supplier_id, state, kind, variant_id, slot_id, qty, amount, split,
           hold_seconds
      FROM lines WHERE supplier_order_id = ANY($1::uuid[]) ORDER BY order_id, ordinal
"""


async def parcel_lines(tx: Tx, supplier_order_ids: Collection[SupplierOrderId]) -> list[Line]:
    """The lines of these supplier orders."""
    return [_line(row) for row in await tx.fetch(_PARCEL_LINES, list(supplier_order_ids))]


_ORDERS_OF = "SELECT DISTINCT order_id FROM lines WHERE line_id = ANY($1::uuid[])"


async def orders_of(tx: Tx, line_ids: Collection[str]) -> list[OrderId]:
    """The orders that these lines belong to."""
    return [row["order_id"] for row in await tx.fetch(_ORDERS_OF, list(line_ids))]


_MOVE_PARTS = "UPDATE supplier_orders SET state = $2 WHERE order_id = ANY($1::uuid[]) AND state = $3"


async def move_supplier_orders(
    tx: Tx, order_ids: Collection[OrderId], to: SupplierOrderState, *, only_from: SupplierOrderState
) -> None:
    """Move all supplier orders of these orders that are in one state to another."""
    await tx.execute(_MOVE_PARTS, list(order_ids), to, only_from)


_MOVE_PARCELS = """
    UPDATE supplier_orders SET state = $2, cancellation = coalesce($4, cancellation)
     WHERE supplier_order_id = ANY($1::uuid[]) AND state = $3
    RETURNING supplier_order_id, order_id, supplier_id, state, cancellation, shipment_id, cod_amount, cod_collected
"""


async def move_parcels(
    tx: Tx,
    supplier_order_ids: Collection[SupplierOrderId],
    to: SupplierOrderState,
    *,
    only_from: SupplierOrderState,
    cancellation: str | None = None,
) -> dict[SupplierOrderId, SupplierOrder]:
    """Move these supplier orders on, as their parcels did; those in another state are passed over."""
    rows = await tx.fetch(_MOVE_PARCELS, list(supplier_order_ids), to, only_from, cancellation)
    return {row["supplier_order_id"]: SupplierOrder(**row) for row in rows}


_NOTE = """
    INSERT INTO order_timeline (order_id, what, detail)
    SELECT order_id, what, detail
      FROM unnest($1::uuid[], $2::text[], $3::jsonb[]) WITH ORDINALITY AS n (order_id, what, detail, ord) ORDER BY ord
"""


async def note(tx: Tx, notes: Sequence[Note]) -> None:
    """Write down what happened to orders, for people to read."""
    if notes:
        await tx.execute(_NOTE, *columns([(n.order_id, n.what, dict(n.detail)) for n in notes], 3))


def _turned(rows: Sequence[Row]) -> dict[OrderId, Turned]:
    return {row["order_id"]: Turned(row["events"], row["ended_at"]) for row in rows}


def _line(row: Row) -> Line:
    return Line(**{**row, "split": tuple(_part(share) for share in row["split"])})


def _part(share: Mapping[str, Any]) -> Part:
    return Part(share["party_kind"], share["party"], share.get("rate_ppm"), Amount(**share["amount"]))

"""Refunds and the pieces in them. A refund is guarded by its order's lock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.orders.domain.refunds import ENDED, Piece, Refund
from shared.contracts.values import OrderId, RefundId, SupplierOrderId
from shared.kernel.database import Row, Tx, columns
from shared.kernel.ids import is_uuid

_COLUMNS = """
    r.refund_id, r.order_id, r.supplier_order_id, r.kind, r.state, r.reason, r.requested_by, r.route, r.payment_id,
    r.amount, r.currency, r.cause, r.note, r.paid_ref, r.approve_by, r.version, r.events,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(l.line_id, l.qty, l.amount) ORDER BY l.line_id), '[]')
       FROM refund_lines l WHERE l.refund_id = r.refund_id) AS lines
"""

_INSERT = """
    INSERT INTO refunds (refund_id, order_id, supplier_order_id, kind, state, reason, requested_by, route, payment_id,
                         amount, currency, cause, events, approve_by)
    SELECT *, now() + $14::interval
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                  $9::uuid[], $10::bigint[], $11::text[], $12::text[], $13::int[])
    ON CONFLICT DO NOTHING
    RETURNING refund_id, approve_by
"""
_INSERT_LINES = """
    INSERT INTO refund_lines (refund_id, line_id, qty, amount)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[])
"""


async def insert(
    tx: Tx, refunds: Sequence[Refund], approve_seconds: float | None = None
) -> dict[RefundId, datetime | None]:
    """Enter new refunds, with the moment after which silence means yes; an automatic one only once a cause."""
    rows = [
        (
            *(r.refund_id, r.order_id, r.supplier_order_id, r.kind, r.state, r.reason, r.requested_by, r.route),
            *(r.payment_id, r.amount, r.currency, r.cause, r.events),
        )
        for r in refunds
    ]
    wait = None if approve_seconds is None else timedelta(seconds=approve_seconds)
    fresh = {row["refund_id"]: row["approve_by"] for row in await tx.fetch(_INSERT, *columns(rows, 13), wait)}
    pieces = [(r.refund_id, p.line_id, p.qty, p.amount) for r in refunds if r.refund_id in fresh for p in r.lines]
    await tx.execute(_INSERT_LINES, *columns(pieces, 4))
    return fresh


_READ = f"SELECT {_COLUMNS} FROM refunds r WHERE r.refund_id = ANY($1::uuid[]) ORDER BY r.refund_id"  # noqa: S608


async def read(tx: Tx, refund_ids: Collection[RefundId]) -> dict[RefundId, Refund]:
    """As they are, oldest first; only the locks on their orders keep them so."""
    return {row["refund_id"]: _refund(row) for row in await tx.fetch(_READ, list(refund_ids))}


_MOVE = """
    UPDATE refunds r
       SET state = n.state, version = n.version, events = n.events, note = n.note, paid_ref = n.paid_ref,
           ended_at = CASE WHEN n.state = ANY($8::text[]) THEN now() END
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::int[], $5::int[], $6::text[], $7::text[])
           AS n (refund_id, was, state, version, events, note, paid_ref)
     WHERE r.refund_id = n.refund_id AND r.state = n.was AND r.version = n.version - 1
    RETURNING r.refund_id
"""


async def move(tx: Tx, steps: Sequence[tuple[Refund, Refund]]) -> None:
    """Go one step with each of these refunds, from how it was read to how it is now."""
    if not steps:
        return
    rows = [(b.refund_id, b.state, a.state, a.version, a.events, a.note, a.paid_ref) for b, a in steps]
    moved = await tx.fetch(_MOVE, *columns(rows, 7), list(ENDED))
    assert len(moved) == len(steps), "refunds were read under their orders' locks"


_EARLIER = """
    SELECT l.line_id, l.qty, l.amount FROM refunds r JOIN refund_lines l USING (refund_id)
     WHERE r.order_id = $1 AND r.state <> 'REJECTED'
"""


async def earlier(tx: Tx, order_id: OrderId) -> list[Piece]:
    """What was asked for of an order and not rejected."""
    return [Piece(**row) for row in await tx.fetch(_EARLIER, order_id)]


_ASKED = """
    SELECT coalesce(sum(amount), 0)::bigint FROM refunds
     WHERE order_id = $1 AND supplier_order_id = $2 AND kind <> 'automatic' AND state <> 'REJECTED'
"""


async def asked_of_part(tx: Tx, order_id: OrderId, supplier_order_id: SupplierOrderId) -> int:
    """The same as a sum, of one supplier order."""
    amount: int = await tx.fetchval(_ASKED, order_id, supplier_order_id)
    return amount


_RETURNED = """
    UPDATE lines l SET state = 'RETURNED', version = version + 1
      FROM (SELECT p.line_id, sum(p.qty) AS qty FROM refunds r JOIN refund_lines p USING (refund_id)
             WHERE r.order_id = ANY($1::uuid[]) AND r.kind = 'return_and_refund'
               AND r.state IN ('DUE', 'SUBMITTED', 'REFUNDED', 'FAILED')
             GROUP BY p.line_id) back
     WHERE l.line_id = back.line_id AND l.qty = back.qty AND l.state = 'DELIVERED'
"""


async def return_whole_lines(tx: Tx, order_ids: Collection[OrderId]) -> None:
    """Lines all of whose pieces came back are RETURNED."""
    await tx.execute(_RETURNED, list(order_ids))


_OPEN = "SELECT DISTINCT order_id FROM refunds WHERE order_id = ANY($1::uuid[]) AND state <> ALL($2::text[])"


async def open_orders(tx: Tx, order_ids: Collection[OrderId]) -> set[OrderId]:
    """Those of the orders that have a refund which has not ended: such an order is not over."""
    return {row["order_id"] for row in await tx.fetch(_OPEN, list(order_ids), list(ENDED))}


# Of the parcel's cash nothing lies with the carrier or on the way any more, and no shortage of it is undecided.
_BANKED = """
    SELECT r.refund_id
      FROM refunds r
      JOIN orders o ON o.order_id = r.order_id
      JOIN supplier_orders s ON s.supplier_order_id = r.supplier_order_id
      JOIN journals j ON j.order_id = r.order_id
      JOIN entries e ON e.journal_id = j.journal_id
      LEFT JOIN lines l ON l.line_id = e.line_id
     WHERE r.refund_id = ANY($1::uuid[]) AND e.account IN ('carrier_cash', 'cash_in_transit', 'buyer_deposits')
       AND (e.shipment_id = s.shipment_id OR l.supplier_order_id = s.supplier_order_id)
     GROUP BY r.refund_id
    HAVING bool_or(e.account = 'carrier_cash')
       AND coalesce(sum(e.debit - e.credit) FILTER (WHERE e.account <> 'buyer_deposits'), 0) <= 0
       AND (bool_or(o.payment_mode = 'prepaid')  -- its lines were paid otherwise
            OR coalesce(sum(e.credit - e.debit) FILTER (WHERE e.account = 'buyer_deposits'), 0) >= 0)
"""


async def banked(tx: Tx, refund_ids: Collection[RefundId]) -> set[RefundId]:
    """Those whose supplier order's cash has reached the bank."""
    return {row["refund_id"] for row in await tx.fetch(_BANKED, list(refund_ids))}


_FULFILLED = "SELECT order_id FROM orders WHERE order_id = ANY($1::uuid[]) AND state = 'FULFILLED'"


async def fulfilled(tx: Tx, order_ids: Collection[OrderId]) -> list[OrderId]:
    """Those of these locked orders that wait for nothing but their completion."""
    return [row["order_id"] for row in await tx.fetch(_FULFILLED, list(order_ids))]


_DUE = "SELECT refund_id, order_id FROM refunds WHERE order_id = ANY($1::uuid[]) AND state = 'DUE'"


async def due_of(tx: Tx, order_ids: Collection[OrderId]) -> dict[RefundId, OrderId]:
    """What waits for its money, of these orders."""
    return {row["refund_id"]: row["order_id"] for row in await tx.fetch(_DUE, list(order_ids))}


_SUBMITTED = f"""
    SELECT {_COLUMNS} FROM refunds r
     WHERE r.order_id = $1 AND r.payment_id = $2 AND r.state = 'SUBMITTED' AND r.route = 'card'
       AND CASE WHEN $3::uuid IS NULL THEN r.amount = $4 AND r.currency = $5 ELSE r.refund_id = $3 END
     ORDER BY r.refund_id LIMIT 1
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Sought:
    """The refund that a provider has paid: by its id, or else the oldest submitted one of that amount."""

    order_id: OrderId
    payment_id: str
    refund_id: str | None
    amount: int
    currency: str


async def submitted(tx: Tx, sought: Sought) -> Refund | None:
    """The refund a provider speaks of."""
    row = await tx.fetchrow(
        _SUBMITTED, sought.order_id, sought.payment_id, sought.refund_id, sought.amount, sought.currency
    )
    return _refund(row) if row else None


_REFUNDED = """
    SELECT coalesce(sum(amount), 0)::bigint FROM refunds
     WHERE order_id = $1 AND payment_id = $2 AND state = 'REFUNDED' AND supplier_order_id IS NOT NULL
       AND route = 'card'
"""


async def refunded(tx: Tx, order_id: OrderId, payment_id: str) -> int:
    """What went back so far of what a payment had paid for the order."""
    amount: int = await tx.fetchval(_REFUNDED, order_id, payment_id)
    return amount


@dataclass(frozen=True, slots=True)
class Seen:
    """A refund as it is listed."""

    refund: Refund
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Search:
    """Which refunds; `role` and `party` say whose may be seen."""

    role: str
    party: str
    refund_id: str | None = None
    order_id: str | None = None
    state: str | None = None
    after: str | None = None
    limit: int = 1


_WHOSE: Mapping[str, str] = {
    "buyer": "o.buyer_ref = $1",
    "service": "o.placed_by = $1",
    "supplier": "s.supplier_id = $1::text::uuid",
    "operator": "$1::text IS NOT NULL",
}
# Newest first: an id is a UUIDv7 and sorts by its time.
_PAGES = {
    role: f"""
    SELECT {_COLUMNS}, r.created_at, r.ended_at
      FROM refunds r JOIN orders o ON o.order_id = r.order_id
      LEFT JOIN supplier_orders s ON s.supplier_order_id = r.supplier_order_id
     WHERE {whose} AND ($2::uuid IS NULL OR r.refund_id = $2) AND ($3::uuid IS NULL OR r.order_id = $3)
       AND ($4::text IS NULL OR r.state = $4) AND ($5::uuid IS NULL OR r.refund_id < $5)
     ORDER BY r.refund_id DESC LIMIT $6
    """  # noqa: S608 - made of constants
    for role, whose in _WHOSE.items()
}


async def page(tx: Tx, search: Search) -> list[Seen]:
    """The refunds that the party may see."""
    if search.role == "supplier" and not is_uuid(search.party):
        return []
    rows = await tx.fetch(
        _PAGES[search.role],
        search.party,
        search.refund_id,
        search.order_id,
        search.state,
        search.after,
        search.limit,
    )
    return [Seen(_refund(row), row["created_at"], row["ended_at"]) for row in rows]


def _refund(row: Row) -> Refund:
    given: dict[str, Any] = {name: value for name, value in row.items() if name not in ("created_at", "ended_at")}
    given["lines"] = tuple(Piece(*piece) for piece in row["lines"])
    return Refund(**given)

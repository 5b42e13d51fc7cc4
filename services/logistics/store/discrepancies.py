"""What does not fit, once a subject and kind, and what was decided about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.contracts.values import Bearer, DiscrepancyId, DiscrepancyKind, Money
from shared.kernel.database import Row, Tx, columns
from shared.kernel.ids import new_id

from ..domain import DecisionKind, Finding, Source


@dataclass(frozen=True, slots=True)
class About:
    """What a finding is about: `subject` is the report, the shipment or the statement's row that it counts once for."""

    subject: str
    carrier: str
    waybill: str | None
    shipment_id: str | None
    source: Source = "report"
    statement_no: int | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A discrepancy with what is known of its parcel and statement; `events` is its position on its topic."""

    discrepancy_id: DiscrepancyId
    kind: DiscrepancyKind
    source: Source
    subject: str
    carrier: str | None
    waybill: str | None
    shipment_id: str | None
    order_id: str | None
    supplier_order_id: str | None
    supplier_id: str | None
    statement_no: int | None
    statement_id: str | None
    statement_ref: str | None
    line: int | None
    expected: Money | None
    actual: Money | None
    found_at: datetime
    age_seconds: int
    events: int
    resolved_at: datetime | None = None
    decision: DecisionKind | None = None
    bearer: Bearer | None = None
    amount: Money | None = None
    note: str | None = None
    resolved_by: str | None = None


_WHOLE = """
    SELECT d.*, s.order_id, s.supplier_order_id, s.supplier_id, st.statement_id, st.statement_ref,
           extract(epoch FROM coalesce(d.resolved_at, now()) - d.found_at)::bigint AS age_seconds
      FROM {found} d LEFT JOIN shipments s USING (shipment_id) LEFT JOIN statements st USING (statement_no)
"""


def _whole(row: Row) -> Discrepancy:
    def money(name: str) -> Money | None:
        amount, currency = row[name], row["currency"]
        return None if amount is None or currency is None else Money(amount=amount, currency=currency)

    told = {name: row[name] for name in _PLAIN}
    return Discrepancy(**told, expected=money("expected"), actual=money("actual"), amount=money("amount"))


_PLAIN = frozenset(Discrepancy.__dataclass_fields__) - {"expected", "actual", "amount"}

_INSERT = """
    WITH added AS (
        INSERT INTO discrepancies (discrepancy_id, kind, subject, carrier, waybill, shipment_id, source, statement_no,
                                   line, expected, actual, currency)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[],
                             $8::bigint[], $9::int[], $10::bigint[], $11::bigint[], $12::text[])
        ON CONFLICT (kind, subject) DO NOTHING
        RETURNING *)
""" + _WHOLE.format(found="added")  # noqa: S608 - made of constants
_ORDERED = " ORDER BY d.discrepancy_id"


async def insert_discrepancies(tx: Tx, found: Sequence[tuple[Finding, About]]) -> list[Discrepancy]:
    """Keep findings; returns those that are new, the first found first."""
    if not found:
        return []
    rows = [
        (
            *(new_id(), finding.kind, about.subject, about.carrier, about.waybill, about.shipment_id, about.source),
            *(about.statement_no, about.line, finding.expected, finding.actual, finding.currency),
        )
        for finding, about in found
    ]
    return [_whole(row) for row in await tx.fetch(_INSERT + _ORDERED, *columns(rows, 12))]


@dataclass(frozen=True, slots=True)
class Resolution:
    """How something was decided; `amount` in the discrepancy's own currency."""

    decision: DecisionKind
    by: str = "rule"
    bearer: Bearer | None = None
    amount: int | None = None
    note: str | None = None

    @property
    def row(self) -> tuple[Any, ...]:
        return self.decision, self.by, self.bearer, self.amount, self.note


_RESOLVE = """
    WITH wanted AS (SELECT discrepancy_id FROM discrepancies
                     WHERE {which} AND resolved_at IS NULL ORDER BY discrepancy_id FOR UPDATE),
         changed AS (
        UPDATE discrepancies d SET resolved_at = now(), decision = $1, resolved_by = $2, bearer = $3, amount = $4,
                                   note = $5, events = d.events + 1, shipment_id = coalesce(d.shipment_id, $6)
          FROM wanted w WHERE d.discrepancy_id = w.discrepancy_id
        RETURNING d.*)
""" + _WHOLE.replace("{found}", "changed")  # noqa: S608 - made of constants
_RESOLVE_ONES = _RESOLVE.format(which="discrepancy_id = ANY ($7::uuid[])") + _ORDERED
_RESOLVE_ABOUT = _RESOLVE.format(which="kind = $7 AND subject = ANY ($8::text[])") + _ORDERED


async def resolve(
    tx: Tx, discrepancy_ids: Sequence[str], how: Resolution, shipment_id: str | None = None
) -> list[Discrepancy]:
    """Close those of these that are open; `shipment_id` where only now is known which parcel it was."""
    rows = await tx.fetch(_RESOLVE_ONES, *how.row, shipment_id, discrepancy_ids)
    return [_whole(row) for row in rows]


async def resolve_about(
    tx: Tx, kind: DiscrepancyKind, subjects: Sequence[str], shipment_id: str | None = None
) -> list[Discrepancy]:
    """What was missing came: close, by rule, what is open of a kind about these subjects."""
    how = Resolution("accept")
    rows = await tx.fetch(_RESOLVE_ABOUT, *how.row, shipment_id, kind, subjects) if subjects else []
    return [_whole(row) for row in rows]


_OPEN_OF_WAYBILL = (
    _WHOLE.format(found="discrepancies")
    + " WHERE d.carrier = $1 AND d.waybill = $2 AND d.resolved_at IS NULL"
    + _ORDERED
)


async def select_open(tx: Tx, carrier: str, waybill: str) -> list[Discrepancy]:
    """What is open about a waybill."""
    return [_whole(row) for row in await tx.fetch(_OPEN_OF_WAYBILL, carrier, waybill)]


_ONE = _WHOLE.format(found="discrepancies") + " WHERE d.discrepancy_id = $1"
_LOCK = " FOR UPDATE OF d"


async def select_discrepancy(tx: Tx, discrepancy_id: str, *, locked: bool = False) -> Discrepancy | None:
    """One of them."""
    row = await tx.fetchrow(_ONE + (_LOCK if locked else ""), discrepancy_id)
    return _whole(row) if row else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a work list is narrowed to; `after` is the id that the page before ended with."""

    kind: DiscrepancyKind | None = None
    state: str | None = None
    carrier: str | None = None
    after: str | None = None
    limit: int = 50


# Ids carry their time: the oldest comes first.
_LIST = (
    _WHOLE.format(found="discrepancies")
    + """
     WHERE ($1::text IS NULL OR d.kind = $1) AND ($2::text IS NULL OR d.carrier = $2)
       AND ($3::uuid IS NULL OR d.discrepancy_id > $3) {state}
"""
    + _ORDERED
    + " LIMIT $4"
)
_STATES = {None: "", "open": "AND d.resolved_at IS NULL", "resolved": "AND d.resolved_at IS NOT NULL"}


async def select_discrepancies(tx: Tx, wanted: Wanted) -> list[Discrepancy]:
    """The work list, the oldest first."""
    query = _LIST.format(state=_STATES[wanted.state])
    rows = await tx.fetch(query, wanted.kind, wanted.carrier, wanted.after, wanted.limit)
    return [_whole(row) for row in rows]


_OF_STATEMENT = (
    _WHOLE.format(found="discrepancies")
    + " WHERE d.statement_no = $1 AND d.line IS NOT NULL ORDER BY d.line, d.discrepancy_id LIMIT $2"
)


async def select_of_statement(tx: Tx, statement_no: int, limit: int) -> list[Discrepancy]:
    """What was found in a statement's rows, by line."""
    return [_whole(row) for row in await tx.fetch(_OF_STATEMENT, statement_no, limit)]


_OPEN_OF_BANK = """
    SELECT discrepancy_id FROM discrepancies WHERE statement_no = $1 AND source = 'bank' AND resolved_at IS NULL
"""


async def select_open_of_bank(tx: Tx, statement_no: int) -> list[str]:
    """What is open about a statement's credit."""
    return [row[0] for row in await tx.fetch(_OPEN_OF_BANK, statement_no)]

"""What a statement's rows are held against, and what they do: parcels, their cash, charges for the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.values import CashState, Money
from shared.kernel.database import Row, Tx, columns

from ..domain import CashFacts, ParcelFacts
from .statements import Statement

# In key order, before the facts are read: then they are as they stay until the commit.
_LOCK = """
    SELECT 1 FROM cod_cash
     WHERE shipment_id = ANY (ARRAY(
           SELECT shipment_id FROM shipments WHERE carrier = $1 AND waybill = ANY ($2::text[])))
     ORDER BY shipment_id FOR UPDATE
"""
_FACTS = """
    SELECT s.shipment_id, s.order_id, s.supplier_order_id, s.supplier_id, s.waybill, s.state AS parcel_state,
           s.turned_by, c.state, c.due, c.currency, c.collected, c.remit_by, c.missing,
           r.shipment_id IS NOT NULL AS charged
      FROM shipments s LEFT JOIN cod_cash c USING (shipment_id) LEFT JOIN return_charges r USING (shipment_id)
     WHERE s.carrier = $1 AND s.waybill = ANY ($2::text[])
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A waybill's parcel by its ids, what the domain judges by, and whether its cash was found missing."""

    shipment_id: str
    ids: Mapping[str, Any]
    facts: ParcelFacts
    missing: bool


async def lock_known(tx: Tx, carrier: str, waybills: Sequence[str]) -> dict[str, Known]:
    """What is known of these waybills, with their cash locked."""
    await tx.execute(_LOCK, carrier, waybills)
    return {row["waybill"]: _known(row) for row in await tx.fetch(_FACTS, carrier, waybills)}


def _known(row: Row) -> Known:
    cash = None
    if row["state"] is not None:
        cash = CashFacts(row["state"], row["due"], row["currency"], row["collected"], row["remit_by"])
    ids = {name: row[name] for name in ("shipment_id", "order_id", "supplier_order_id", "supplier_id")}
    facts = ParcelFacts(row["parcel_state"], row["turned_by"], cash, row["charged"])
    return Known(row["shipment_id"], ids, facts, bool(row["missing"]))


_REMIT = """
    UPDATE cod_cash c SET state = 'REMITTED', statement_no = $1, line = r.line, gross = r.gross, fee = r.fee,
                          version = c.version + 1, events = c.events + 1
      FROM unnest($2::uuid[], $3::int[], $4::bigint[], $5::bigint[]) AS r (shipment_id, line, gross, fee)
     WHERE c.shipment_id = r.shipment_id AND c.state IN ('COLLECTED', 'SHORT', 'DISPUTED', 'REVERSED')
    RETURNING c.shipment_id, c.events
"""


async def remit(tx: Tx, statement: Statement, rows: Sequence[tuple[str, int, int, int]]) -> dict[str, int]:
    """Locked cash is on its way, by (shipment, line, gross, fee); returns each one's position on logistics.cod."""
    if not rows:
        return {}
    written = await tx.fetch(_REMIT, statement.statement_no, *columns(list(rows), 4))
    assert len(written) == len(rows), "locked, and looked at"
    return {row["shipment_id"]: row["events"] for row in written}


_CHARGE = """
    INSERT INTO return_charges (shipment_id, statement_no, line, amount)
    SELECT shipment_id, $1, line, amount FROM unnest($2::uuid[], $3::int[], $4::bigint[])
           AS r (shipment_id, line, amount) ORDER BY shipment_id
"""


async def insert_charges(tx: Tx, statement: Statement, rows: Sequence[tuple[str, int, int]]) -> None:
    """Write which row pays for which parcel's way back: (shipment, line, amount in minor units)."""
    if rows:
        await tx.execute(_CHARGE, statement.statement_no, *columns(list(rows), 3))


_MISSING = """
    WITH due AS (
        SELECT c.shipment_id FROM cod_cash c JOIN shipments s USING (shipment_id)
         WHERE c.state = 'COLLECTED' AND NOT c.missing AND c.remit_by < now()
           AND NOT EXISTS (SELECT FROM statement_rows r JOIN statements st USING (statement_no)
                            WHERE r.carrier = s.carrier AND r.waybill = s.waybill AND r.line > st.line_done)
         ORDER BY c.remit_by LIMIT $1),
         locked AS (
        SELECT shipment_id FROM cod_cash JOIN due USING (shipment_id) ORDER BY shipment_id FOR UPDATE OF cod_cash)
    UPDATE cod_cash c SET missing = true, version = c.version + 1
      FROM locked l JOIN shipments s USING (shipment_id)
     WHERE c.shipment_id = l.shipment_id AND c.state = 'COLLECTED' AND NOT c.missing
    RETURNING c.shipment_id, s.carrier, s.waybill, c.collected AS amount, c.currency
"""


async def mark_missing(tx: Tx, limit: int) -> list[Row]:
    """Cash whose time has passed and that no row names, not even one that is still to be looked at."""
    return list(await tx.fetch(_MISSING, limit))


_WRITE_OFF = """
    UPDATE cod_cash SET state = 'WRITTEN_OFF', version = version + 1
     WHERE shipment_id = $1 AND state IN ('COLLECTED', 'OVERDUE', 'DUE')
    RETURNING true
"""


async def write_off(tx: Tx, shipment_id: str) -> bool:
    """Nobody will bring this cash any more; False when it came meanwhile."""
    return bool(await tx.fetchval(_WRITE_OFF, shipment_id))


# A batch of a statement's cash is moved on, or back, in key order; what has moved is not found again.
_FOLLOW = """
    WITH batch AS (
        SELECT shipment_id FROM cod_cash WHERE statement_no = $1 AND state = $2
         ORDER BY shipment_id LIMIT $4 FOR UPDATE)
    UPDATE cod_cash c SET state = $3, version = c.version + 1, events = c.events + 1
      FROM batch JOIN shipments s USING (shipment_id)
     WHERE c.shipment_id = batch.shipment_id AND c.state = $2
    RETURNING c.shipment_id, s.order_id, s.supplier_order_id, s.supplier_id, s.carrier, s.waybill, c.line, c.gross,
              c.fee, c.currency, c.events
"""


@dataclass(frozen=True, slots=True)
class Followed:
    """Cash that moved with its statement."""

    ids: Mapping[str, Any]
    line: int
    gross: Money
    fee: Money
    events: int


async def follow(tx: Tx, statement: Statement, *, before: CashState, after: CashState, limit: int) -> list[Followed]:
    """Move a batch of a statement's cash from one state to another."""
    rows = await tx.fetch(_FOLLOW, statement.statement_no, before, after, limit)
    return [_followed(row) for row in sorted(rows, key=lambda row: row["shipment_id"])]


_IDS = ("shipment_id", "order_id", "supplier_order_id", "supplier_id", "carrier", "waybill")


def _followed(row: Row) -> Followed:
    def money(name: str) -> Money:
        return Money(amount=row[name], currency=row["currency"])

    return Followed({name: row[name] for name in _IDS}, row["line"], money("gross"), money("fee"), row["events"])

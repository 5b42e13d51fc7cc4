"""Carriers' reports as they came, and the timeline they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.values import Money
from shared.kernel.database import Row, Tx

from ..domain import Effect, ReportKind


@dataclass(frozen=True, slots=True)
class CarrierReport:
    """One signed report; `at` is the carrier's time."""

    carrier: str
    report_id: str
    waybill: str
    kind: ReportKind
    at: datetime
    amount: Money | None = None
    method: str | None = None
    reason: str | None = None

    @property
    def subject(self) -> str:
        """The report's name among all carriers' reports."""
        return f"{self.carrier}:{self.report_id}"


_INSERT = """
    INSERT INTO carrier_reports (carrier, report_id, waybill, kind, at, amount, currency, method, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT DO NOTHING
    RETURNING true
"""


async def insert_report(tx: Tx, report: CarrierReport) -> bool:
    """Keep a report; False when its id is known."""
    money = report.amount
    told = (money and money.amount, money and money.currency, report.method, report.reason)
    name = (report.carrier, report.report_id, report.waybill, report.kind, report.at)
    return await tx.fetchval(_INSERT, *name, *told) is not None


_SELECT = "SELECT * FROM carrier_reports WHERE carrier = $1 AND report_id = $2"


async def select_report(tx: Tx, carrier: str, report_id: str) -> CarrierReport:
    """A report that is known."""
    row = await tx.fetchrow(_SELECT, carrier, report_id)
    assert row is not None, "asked for after an insert met it"
    return _report(row)


_UNMATCHED = """
    SELECT * FROM carrier_reports WHERE carrier = $1 AND waybill = $2 AND shipment_id IS NULL
     ORDER BY at, received_at, report_id
"""


async def select_unmatched(tx: Tx, carrier: str, waybill: str) -> list[CarrierReport]:
    """Reports that wait for this waybill, by the carrier's time."""
    return [_report(row) for row in await tx.fetch(_UNMATCHED, carrier, waybill)]


_MATCH = "UPDATE carrier_reports SET shipment_id = $3, effect = $4 WHERE carrier = $1 AND report_id = $2"


async def match_report(tx: Tx, report: CarrierReport, shipment_id: str, effect: Effect) -> None:
    """Say which parcel a report was about, and what it did."""
    await tx.execute(_MATCH, report.carrier, report.report_id, shipment_id, effect)


def _report(row: Row) -> CarrierReport:
    return CarrierReport(
        *(row["carrier"], row["report_id"], row["waybill"], row["kind"], row["at"]),
        amount=None if row["amount"] is None else Money(amount=row["amount"], currency=row["currency"]),
        method=row["method"],
        reason=row["reason"],
    )


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a parcel's timeline; `at` is the carrier's time where it reported."""

    shipment_id: str
    kind: str
    parcel_state: str
    at: datetime
    effect: Effect = "moved"
    report_id: str | None = None
    reason: str | None = None


_NOTE = """
    INSERT INTO timeline (shipment_id, at, kind, effect, parcel_state, report_id, reason)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def note(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add to timelines."""
    rows = [(e.shipment_id, e.at, e.kind, e.effect, e.parcel_state, e.report_id, e.reason) for e in entries]
    await tx.executemany(_NOTE, rows)


_TIMELINES = """
    SELECT shipment_id, kind, parcel_state, at, effect, report_id, reason FROM timeline
     WHERE shipment_id = ANY ($1::uuid[]) ORDER BY shipment_id, id
"""


async def select_timelines(tx: Tx, shipment_ids: Sequence[str]) -> list[Entry]:
    """The timelines of these parcels, each in the order in which we learned of things."""
    return [Entry(*row) for row in await tx.fetch(_TIMELINES, shipment_ids)]

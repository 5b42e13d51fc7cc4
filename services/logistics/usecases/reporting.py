"""A carrier reports: always kept, and it takes the effect that its time and the machine allow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.contracts.event import Cause, Event
from shared.kernel import outbox
from shared.kernel.database import Tx

from .. import domain
from ..domain import Effect, Finding, Parcel, ParcelKind, Report, Shipment
from ..store import reports
from ..store import shipments as store
from ..store.reports import CarrierReport, Entry
from . import telling
from .collecting import await_cash, collect
from .finding import find_in

AHEAD = timedelta(days=1)  # a carrier's clock may be wrong; one of next year must not make all that follows late


async def take_report(tx: Tx, report: CarrierReport, because: Cause, cash_due_seconds: float) -> None:
    """Keep a report and let it take effect; one whose id is known changes nothing. Never refuses."""
    await store.lock_waybill(tx, report.carrier, report.waybill)
    if not await reports.insert_report(tx, report):
        if await reports.select_report(tx, report.carrier, report.report_id) != report:
            await find_in(tx, report, None, Finding("report_changed"))
        return
    parcel = await store.lock_by_waybill(tx, report.carrier, report.waybill)
    if parcel is None:
        await find_in(tx, report, None, Finding("unmatched"))
        return
    _, told = await apply_report(tx, parcel, report, because, cash_due_seconds)
    await outbox.append(tx, told)


async def apply_report(
    tx: Tx, parcel: Shipment, report: CarrierReport, because: Cause, cash_due_seconds: float
) -> tuple[Shipment, list[Event]]:
    """Let a kept report about a locked parcel take effect; returns the parcel after it, and what is to be told."""
    if report.kind == "cod_collected":
        effect, told = await collect(tx, parcel, report, because, cash_due_seconds)
        await _settle(tx, parcel, report, effect)
        return parcel, told
    heard = domain.hear(parcel.parcel, _as_heard(report, report.kind))
    if heard.finding:
        await find_in(tx, report, parcel, Finding(heard.finding))
    await _settle(tx, parcel, report, heard.effect, heard.steps)
    told = []
    for step in heard.steps:
        before, parcel = parcel, await store.move(tx, parcel, step)
        told.append(telling.moved(before, parcel, report.reason, report.at).at(parcel.events, because))
    if told:
        await await_cash(tx, parcel, because, cash_due_seconds)
    return parcel, told


def _as_heard(report: CarrierReport, kind: ParcelKind) -> Report:
    return Report(kind, min(report.at, datetime.now(UTC) + AHEAD), report.reason)


async def _settle(
    tx: Tx, parcel: Shipment, report: CarrierReport, effect: Effect, steps: Sequence[Parcel] = ()
) -> None:
    """Write down what a report did; a second step of one report is an entry of its own."""
    after = steps[0].state if steps else parcel.parcel.state
    entries = [Entry(parcel.shipment_id, report.kind, after, report.at, effect, report.report_id, report.reason)]
    entries += [Entry(parcel.shipment_id, step.state.lower(), step.state, report.at) for step in steps[1:]]
    await reports.match_report(tx, report, parcel.shipment_id, effect)
    await reports.note(tx, entries)

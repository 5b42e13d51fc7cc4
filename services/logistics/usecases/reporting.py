"""A carrier reports: always kept, and it takes the effect that its time and the machine allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from shared.contracts.event import Cause, Event
from shared.kernel import outbox
from shared.kernel.database import Tx

from .. import domain
from ..domain import ENDED, Effect, Finding, Parcel, ParcelKind, Report, Rules, Shipment
from ..store import reports
from ..store import shipments as store
from ..store.reports import CarrierReport, Entry
from . import telling
from .collecting import AHEAD, await_cash, collect
from .finding import find_in
from .healing import heal


async def take_report(tx: Tx, report: CarrierReport, because: Cause, rules: Rules) -> None:
    """Keep a report and let it take effect; one whose id is known changes nothing. Never refuses."""
    await store.lock_waybill(tx, report.carrier, report.waybill)
    if not await reports.insert_report(tx, report):
        if await reports.select_report(tx, report.carrier, report.report_id) != report:
            await outbox.append(tx, await find_in(tx, report, None, because, Finding("report_changed")))
        return
    parcel = await store.lock_by_waybill(tx, report.carrier, report.waybill)
    if parcel is None:
        await outbox.append(tx, await find_in(tx, report, None, because, Finding("unmatched")))
        return
    _, told = await apply_report(tx, parcel, report, because, rules)
    await outbox.append(tx, told)


async def apply_report(
    tx: Tx, parcel: Shipment, report: CarrierReport, because: Cause, rules: Rules
) -> tuple[Shipment, list[Event]]:
    """Let a kept report about a locked parcel take effect; returns the parcel after it, and what is to be told."""
    if report.kind == "cod_collected":
        effect, told = await collect(tx, parcel, report, because, rules)
        await _settle(tx, parcel, report, effect)
        return parcel, told + (await heal(tx, parcel, effect, because) if effect == "collected" else [])
    heard = domain.hear(parcel.parcel, _as_heard(report, report.kind))
    found = [Finding(heard.finding)] if heard.finding else []
    told = await find_in(tx, report, parcel, because, *found)
    await _settle(tx, parcel, report, heard.effect, heard.steps)
    tell = partial(telling.moved, reason=report.reason, told_at=report.at, contract=rules.contract(report.carrier))
    moved, events = await _move(tx, parcel, heard.steps, tell, because)
    return moved, told + (events + await _after(tx, moved, because, rules) if events else [])


async def _move(
    tx: Tx, parcel: Shipment, steps: Sequence[Parcel], tell: Callable[[Shipment, Shipment], Event], because: Cause
) -> tuple[Shipment, list[Event]]:
    told: list[Event] = []
    for step in steps:
        before, parcel = parcel, await store.move(tx, parcel, step)
        told.append(tell(before, parcel).at(parcel.events, because))
    return parcel, told


async def _after(tx: Tx, parcel: Shipment, because: Cause, rules: Rules) -> list[Event]:
    """What a move means for the cash, and for what waited for it."""
    await await_cash(tx, parcel, because, rules)
    return await heal(tx, parcel, parcel.parcel.state.lower(), because) if parcel.parcel.state in ENDED else []


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

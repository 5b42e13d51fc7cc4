"""The courier took money for a parcel; and what is looked for when only one half of that came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import ShipmentCOD
from shared.contracts.values import DiscrepancyKind
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.timers import Timer

from .. import domain
from ..domain import Cash, Effect, Finding, Rules, Shipment
from ..store import cash as store
from ..store.cash import Missed
from ..store.discrepancies import About
from ..store.reports import CarrierReport
from .finding import find, find_in

CASH_MISSING, DELIVERY_MISSING = "cash_missing", "delivery_missing"
AHEAD = timedelta(days=1)  # a carrier's clock may be wrong; one of next year must not put its money off by a year


async def collect(
    tx: Tx, parcel: Shipment, report: CarrierReport, because: Cause, rules: Rules
) -> tuple[Effect, list[Event]]:
    """Count the collection if it is the first; what is short, over, double or unclear is kept as a discrepancy."""
    cash = await store.lock_cash(tx, parcel.shipment_id)
    collection = domain.collect(cash, report.amount)
    found = await find_in(tx, report, parcel, because, *collection.findings)
    if not collection.counts:
        return "contradicts", found
    assert cash is not None
    told = _told(parcel, report, cash)
    remit_by = rules.contract(report.carrier).remit_by(min(report.at, datetime.now(UTC) + AHEAD))
    position = await store.collect(tx, told, remit_by)
    await timers.schedule(tx, DELIVERY_MISSING, [parcel.shipment_id], rules.cash_due_seconds, because)
    return "collected", [*found, told.at(position, because)]


def _told(parcel: Shipment, report: CarrierReport, cash: Cash) -> ShipmentCOD:
    assert report.amount is not None, "a collection that counts has an amount"
    return ShipmentCOD(
        shipment_id=parcel.shipment_id,
        order_id=parcel.order_id,
        supplier_order_id=parcel.supplier_order_id,
        supplier_id=parcel.supplier_id,
        carrier=report.carrier,
        waybill=report.waybill,
        collection_id=report.subject,
        due=cash.due,
        collected=report.amount,
        method=report.method or "cash",
        collected_at=report.at,
        cash_state="COLLECTED",
    )


async def await_cash(tx: Tx, parcel: Shipment, because: Cause, rules: Rules) -> None:
    """What a parcel's move means for its cash: after a delivery it must come, after a turn round it isn't due."""
    if parcel.cod is None:
        return
    if parcel.parcel.state == "DELIVERED":
        await timers.schedule(tx, CASH_MISSING, [parcel.shipment_id], rules.cash_due_seconds, because)
    elif parcel.parcel.turned_by is not None:
        await store.withdraw(tx, [parcel.shipment_id], "REFUSED")


async def chase_cash(tx: Tx, due: Sequence[Timer]) -> None:
    """Delivered long enough ago: cash that nobody reported is overdue, and a discrepancy."""
    causes = {timer.subject: timer.cause for timer in due}
    missed = await store.mark_overdue(tx, list(causes))
    await _miss(tx, causes, [_finding(each, "delivered_without_cash", each.amount, 0) for each in missed])


async def chase_delivery(tx: Tx, due: Sequence[Timer]) -> None:
    """Cash collected long enough ago: a parcel that was not delivered is a discrepancy."""
    causes = {timer.subject: timer.cause for timer in due}
    missed = await store.select_undelivered(tx, list(causes))
    await _miss(tx, causes, [_finding(each, "cash_without_delivery", 0, each.amount) for each in missed])


def _finding(missed: Missed, kind: DiscrepancyKind, expected: int, actual: int) -> tuple[Finding, About]:
    about = About(missed.shipment_id, missed.carrier, missed.waybill, missed.shipment_id, "time")
    return Finding(kind, expected, actual, missed.currency), about


async def _miss(tx: Tx, causes: dict[str, Cause], found: Sequence[tuple[Finding, About]]) -> None:
    told: list[Event] = []
    for one in sorted(found, key=lambda each: each[1].subject):
        told += await find(tx, causes[one[1].subject], [one])
    await outbox.append(tx, told)

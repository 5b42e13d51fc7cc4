"""The courier took money for a parcel; and what is looked for when only one half of that came."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import ShipmentCOD
from shared.kernel import timers
from shared.kernel.database import Tx
from shared.kernel.timers import Timer

from .. import domain
from ..domain import Cash, Effect, Finding, FindingKind, Shipment
from ..store import cash as store
from ..store.cash import Missed
from ..store.discrepancies import About
from ..store.reports import CarrierReport
from .finding import find, find_in

CASH_MISSING, DELIVERY_MISSING = "cash_missing", "delivery_missing"


async def collect(
    tx: Tx, parcel: Shipment, report: CarrierReport, because: Cause, cash_due_seconds: float
) -> tuple[Effect, list[Event]]:
    """Count the collection if it is the first; what is short, over, double or unclear is kept as a discrepancy."""
    cash = await store.lock_cash(tx, parcel.shipment_id)
    collection = domain.collect(cash, report.amount)
    await find_in(tx, report, parcel, *collection.findings)
    if not collection.counts:
        return "contradicts", []
    assert cash is not None
    told = _told(parcel, report, cash)
    position = await store.collect(tx, told)
    await timers.schedule(tx, DELIVERY_MISSING, [parcel.shipment_id], cash_due_seconds, because)
    return "collected", [told.at(position, because)]


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


async def await_cash(tx: Tx, parcel: Shipment, because: Cause, cash_due_seconds: float) -> None:
    """What a parcel's move means for its cash: after a delivery it must come, after a turn round it isn't due."""
    if parcel.cod is None:
        return
    if parcel.parcel.state == "DELIVERED":
        await timers.schedule(tx, CASH_MISSING, [parcel.shipment_id], cash_due_seconds, because)
    elif parcel.parcel.turned_by is not None:
        await store.withdraw(tx, [parcel.shipment_id], "REFUSED")


async def chase_cash(tx: Tx, due: Sequence[Timer]) -> None:
    """Delivered long enough ago: cash that nobody reported is overdue, and a discrepancy."""
    for missed in await store.mark_overdue(tx, [timer.subject for timer in due]):
        await _miss(tx, missed, "delivered_without_cash", expected=missed.amount, actual=0)


async def chase_delivery(tx: Tx, due: Sequence[Timer]) -> None:
    """Cash collected long enough ago: a parcel that was not delivered is a discrepancy."""
    for missed in await store.select_undelivered(tx, [timer.subject for timer in due]):
        await _miss(tx, missed, "cash_without_delivery", expected=0, actual=missed.amount)


async def _miss(tx: Tx, missed: Missed, kind: FindingKind, *, expected: int, actual: int) -> None:
    about = About(missed.shipment_id, missed.carrier, missed.waybill, missed.shipment_id)
    await find(tx, Finding(kind, expected, actual, missed.currency), about)

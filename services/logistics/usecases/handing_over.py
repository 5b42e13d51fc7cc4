"""The supplier gives a parcel to a carrier."""

from __future__ import annotations

from dataclasses import dataclass

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import ShipmentHandedOver
from shared.kernel import database, outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected

from .. import domain
from ..domain import Rules, Shipment
from ..store import details, discrepancies, reports
from ..store import shipments as store
from .finding import resolved
from .reporting import apply_report
from .telling import facts


@dataclass(frozen=True, slots=True)
class HandOver:
    """Which parcel, whose, and the carrier's number for it."""

    shipment_id: str
    supplier_id: str
    carrier: str
    waybill: str


async def hand_over(tx: Tx, command: HandOver, because: Cause, rules: Rules) -> None:
    """Send the parcel on its way; reports that came before their waybill take effect now. The same again is no error.

    Raises:
        Rejected: `not_found`, `loadtest`, `cancelled`, `already_handed_over`, `delivery_details_missing`,
            `waybill_taken`.
    """
    await store.lock_waybill(tx, command.carrier, command.waybill)
    parcel = await store.lock_shipment(tx, command.shipment_id, command.supplier_id)
    if parcel is None:
        raise Rejected("not_found", "You have no such shipment.")
    if not domain.hand_over(parcel, command.carrier, command.waybill):
        return
    await _check(tx, parcel, command)
    parcel = await store.hand_over(tx, parcel, command.carrier, command.waybill)
    now = await database.now(tx)
    await reports.note(tx, [reports.Entry(parcel.shipment_id, "handed_over", "HANDED_OVER", now)])
    told: list[Event] = [ShipmentHandedOver(**facts(parcel), handed_over_at=now).at(parcel.events, because)]
    for report in await reports.select_unmatched(tx, command.carrier, command.waybill):
        parcel, events = await apply_report(tx, parcel, report, because, rules)
        matched = await discrepancies.resolve_about(tx, "unmatched", [report.subject], parcel.shipment_id)
        told += events + resolved(matched, because)
    await outbox.append(tx, told)


async def _check(tx: Tx, parcel: Shipment, command: HandOver) -> None:
    if await details.select_details(tx, parcel.order_id) is None:
        raise Rejected("delivery_details_missing", "The buyer's address has not arrived here yet; try again.")
    if await store.lock_by_waybill(tx, command.carrier, command.waybill) is not None:
        raise Rejected("waybill_taken", "Another parcel travels with this waybill; check its number.")

"""What callers see of parcels: their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.contracts.values import ShipTo
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import is_uuid

from ..domain import Shipment
from ..store import details, reports
from ..store import shipments as store
from ..store.reports import Entry
from ..store.shipments import Shown, Sought


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: a supplier sees its own parcels, a carrier those it was given, operators and services all."""

    role: str
    party: str

    def sees(self, parcel: Shipment) -> bool:
        """Whether a parcel is the viewer's business."""
        owners = {"supplier": parcel.supplier_id, "carrier": parcel.carrier}
        return self.role not in owners or owners[self.role] == self.party


@dataclass(frozen=True, slots=True)
class Tracked:
    """A parcel with its cash and its timeline, the creation first."""

    shipment: Shipment
    cash_state: str | None
    timeline: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """What is printed on a parcel."""

    shipment: Shipment
    ship_to: ShipTo


async def shipment(tx: Tx, shipment_id: str, viewer: Viewer) -> Tracked:
    """One parcel. Raises `not_found` for one that is not the viewer's."""
    return (await _tracked(tx, [await _seen(tx, shipment_id, viewer)]))[0]


async def _seen(tx: Tx, shipment_id: str, viewer: Viewer) -> Shown:
    shown = await store.select_shipment(tx, shipment_id)
    if shown is None or not viewer.sees(shown.shipment):
        raise Rejected("not_found", "You have no such shipment.")
    return shown


async def list_shipments(tx: Tx, sought: Sought, viewer: Viewer) -> list[Tracked]:
    """Parcels of the viewer that match, the oldest order first."""
    if viewer.role == "supplier":
        if sought.supplier_id not in (None, viewer.party) or not is_uuid(viewer.party):
            return []
        sought = replace(sought, supplier_id=viewer.party)
    if viewer.role == "carrier":
        sought = replace(sought, carrier=viewer.party)
    return await _tracked(tx, await store.select_shipments(tx, sought))


async def _tracked(tx: Tx, shown: Sequence[Shown]) -> list[Tracked]:
    timelines: dict[str, list[Entry]] = {
        s.shipment.shipment_id: [_created(s.shipment.shipment_id, s.created_at)] for s in shown
    }
    for entry in await reports.select_timelines(tx, list(timelines)):
        timelines[entry.shipment_id].append(entry)
    return [Tracked(s.shipment, s.cash_state, tuple(timelines[s.shipment.shipment_id])) for s in shown]


def _created(shipment_id: str, at: datetime) -> Entry:
    return Entry(shipment_id, "created", "CREATED", at)


async def label(tx: Tx, shipment_id: str, viewer: Viewer) -> Label:
    """Where a parcel goes.

    Raises:
        Rejected: `not_found`, `cancelled`, `delivery_details_missing`.
    """
    parcel = (await _seen(tx, shipment_id, viewer)).shipment
    if parcel.parcel.state == "CANCELLED":
        raise Rejected("cancelled", "The parcel was called off; it needs no label.")
    ship_to = await details.select_details(tx, parcel.order_id)
    if ship_to is None:
        raise Rejected("delivery_details_missing", "The address has not arrived here yet, or was forgotten in time.")
    return Label(parcel, ship_to)

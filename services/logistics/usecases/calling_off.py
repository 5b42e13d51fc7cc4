"""Somebody wants an order undone: the parcel's own row decides."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.logistics import CancellationRefused, ShipmentCancelled, ShipmentState
from shared.contracts.orders import CancellationRequested
from shared.kernel import database, outbox
from shared.kernel.database import Tx

from ..domain import Shipment
from ..store import cash as cash_store
from ..store import reports
from ..store import shipments as store
from ..store.reports import Entry
from .telling import facts


async def call_off(tx: Tx, requests: Sequence[CancellationRequested]) -> None:
    """Cancel each parcel that still waits; refuse for one that travels. A parcel cancelled before needs no answer."""
    asked = {part: request for request in requests for part in request.supplier_order_ids}
    await store.lock_parts(tx, list(asked))
    cancelled = await store.call_off(tx, list(asked))
    too_late = await store.refuse_call_off(tx, list(asked))
    await cash_store.withdraw(tx, [parcel.shipment_id for parcel in cancelled], "REVERSED")
    now = await database.now(tx)
    entries = [Entry(parcel.shipment_id, "cancelled", "CANCELLED", now) for parcel in cancelled]
    entries += [
        Entry(parcel.shipment_id, "cancellation_refused", parcel.parcel.state, now, "noted") for parcel in too_late
    ]
    await reports.note(tx, entries)
    events: list[tuple[Shipment, ShipmentState]] = [
        *((parcel, ShipmentCancelled(**facts(parcel), cancelled_at=now)) for parcel in cancelled),
        *((parcel, CancellationRefused(**facts(parcel), reason="handed_over")) for parcel in too_late),
    ]
    await outbox.append(tx, [event.at(parcel.events, asked[parcel.supplier_order_id]) for parcel, event in events])

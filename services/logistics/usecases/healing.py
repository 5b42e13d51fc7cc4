"""What was missing came: discrepancies that are none any more are closed by rule."""

from __future__ import annotations

from shared.contracts.event import Cause, Event
from shared.kernel import timers
from shared.kernel.database import Tx

from ..domain import Shipment
from ..store import discrepancies as store
from ..store.discrepancies import Resolution
from .finding import resolved

REMATCH = "rematch_rows"
_COMES = {"delivered_without_cash": "collected", "cash_without_delivery": "delivered"}


async def heal(tx: Tx, parcel: Shipment, came: str, because: Cause) -> list[Event]:
    """A parcel was `collected` for, `delivered`, or came back: what waited for that is closed, and rows of statements
    that did not fit are looked at again."""
    assert parcel.carrier is not None and parcel.waybill is not None, "a carrier reported it"
    found = await store.select_open(tx, parcel.carrier, parcel.waybill)
    if any(one.source == "statement" for one in found):
        await timers.schedule(tx, REMATCH, [parcel.shipment_id], 0, because)
    healed = [one.discrepancy_id for one in found if one.source == "time" and _COMES.get(one.kind) == came]
    closed = await store.resolve(tx, healed, Resolution("accept")) if healed else []
    return resolved(closed, because)

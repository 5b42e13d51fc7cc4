"""What the end of a parcel's journey teaches of its buyer and its region."""

from __future__ import annotations

from collections.abc import Mapping

from services.orders.domain.lifecycle import Order, SupplierOrder
from services.orders.domain.risk import Outcome, Subject
from services.orders.store import risk as store
from shared.contracts.logistics import ShipmentDelivered, ShipmentReturned, ShipmentState
from shared.contracts.values import OrderId, SupplierOrderId
from shared.kernel.database import Tx


async def learn(
    tx: Tx,
    parts: Mapping[SupplierOrderId, SupplierOrder],
    orders: Mapping[OrderId, Order],
    events: Mapping[SupplierOrderId, ShipmentState],
) -> None:
    """Count supplier orders whose parcels have ended their way: those with cash to collect, and no load test's.

    `parts` are those that moved, under their locked `orders`: a parcel that ended before is not among them.
    """
    ended: list[tuple[Subject, str, Outcome]] = []
    for part_id, part in parts.items():
        order, outcome = orders[part.order_id], _outcome(events[part_id])
        if outcome and part.cod_amount and not order.loadtest:
            ended += [("buyer", order.buyer_ref, outcome), ("region", events[part_id].region, outcome)]
    await store.count(tx, ended)


def _outcome(event: ShipmentState) -> Outcome | None:
    """None for what was no choice of the buyer's: lost, or an address that no courier found."""
    match event:
        case ShipmentDelivered():
            return "delivered"
        case ShipmentReturned(reason="refused" | "attempts_exhausted"):
            return "refused"
        case _:
            return None

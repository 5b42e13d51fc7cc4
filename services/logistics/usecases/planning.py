"""An order stands: plan its parcels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.contracts.logistics import ShipmentCreated
from shared.contracts.orders import OrderConfirmed, OrderLine, SupplierOrder
from shared.contracts.values import Money, ShipmentId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.ids import derived_id

from ..domain import Shipment
from ..store import cash as cash_store
from ..store import shipments as store
from .telling import facts


async def plan_shipments(tx: Tx, orders: Sequence[OrderConfirmed]) -> None:
    """One parcel for each supplier order with goods in it; the parcel then decides whether it can be called off."""
    planned = [(parcel, order) for order in orders for parcel in _parcels(order)]
    parcels = [parcel for parcel, _ in planned]
    await store.insert_shipments(tx, parcels)
    await cash_store.insert_due(tx, parcels)
    told = [ShipmentCreated(**facts(parcel)).at(parcel.events, order) for parcel, order in planned]
    await outbox.append(tx, told)


def _parcels(order: OrderConfirmed) -> Iterator[Shipment]:
    lines = {line.line_id: line for line in order.lines}
    for part in order.supplier_orders:
        of_part = [lines[line_id] for line_id in part.line_ids]
        if any(line.kind == "good" for line in of_part):
            yield _parcel(order, part, [line for line in of_part if line.kind != "service"])


def _parcel(order: OrderConfirmed, part: SupplierOrder, packed: Sequence[OrderLine]) -> Shipment:
    return Shipment(
        ShipmentId(derived_id(order.envelope.id, part.supplier_order_id)),
        *(order.order_id, part.supplier_order_id, part.supplier_id, order.region),
        lines=[line.model_dump(mode="json", include=_TOLD) for line in packed],
        cod=_cod(part, packed),
        loadtest=order.cause.loadtest,
    )


_TOLD = {"line_id", "kind", "variant_id", "sku", "title", "quantity", "amount"}


def _cod(part: SupplierOrder, packed: Sequence[OrderLine]) -> Money | None:
    """The sum of the lines in the parcel: what the order is to pay for a service is not the courier's to take."""
    if part.cod_amount is None:
        return None
    due = sum(line.amount.amount for line in packed)
    return Money(amount=due, currency=part.cod_amount.currency) if due > 0 else None

"""A shipment as a whole: the parcel of one supplier order, and when it may be handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from shared.contracts.values import Money, OrderId, ParcelState, Region, ShipmentId, SupplierId, SupplierOrderId
from shared.kernel.errors import Rejected

from .parcel import Parcel


@dataclass(frozen=True, slots=True)
class Shipment:
    """One supplier order's parcel; `lines` as they are told, `events` is its position on logistics.shipments."""

    shipment_id: ShipmentId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    region: Region
    lines: Sequence[Mapping[str, Any]]
    cod: Money | None
    loadtest: bool
    parcel: Parcel = field(default_factory=Parcel)
    carrier: str | None = None
    waybill: str | None = None
    version: int = 1
    events: int = 1


def hand_over(shipment: Shipment, carrier: str, waybill: str) -> bool:
    """Whether this hand-over is new; False when it is the one that was made.

    Raises:
        Rejected: `loadtest`, `cancelled`, `already_handed_over`.
    """
    if shipment.loadtest:
        raise Rejected("loadtest", "A parcel of a load test never travels; hand over real ones only.")
    if _waits(shipment.parcel.state):
        return True
    if (shipment.carrier, shipment.waybill) == (carrier, waybill):
        return False
    raise Rejected(
        "already_handed_over", "It travels with another waybill.", carrier=shipment.carrier, waybill=shipment.waybill
    )


def _waits(state: ParcelState) -> bool:
    match state:
        case "CREATED":
            return True
        case "CANCELLED":
            raise Rejected("cancelled", "The parcel was called off; put its pieces back on the shelf.")
        case (
            "HANDED_OVER"
            | "IN_TRANSIT"
            | "OUT_FOR_DELIVERY"
            | "ATTEMPT_FAILED"
            | "DELIVERED"
            | "RETURNING"
            | "RETURNED"
            | "RESTOCKED"
            | "WRITTEN_OFF"
            | "LOST"
            | "DAMAGED"
        ):
            return False
        case _:
            assert_never(state)

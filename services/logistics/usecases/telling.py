"""Parcels and cash as events: each carries the parcel as it is after it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from shared.contracts.logistics import (
    CancellationRefused,
    DeliveryAttemptFailed,
    ShipmentCancelled,
    ShipmentCOD,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentReturned,
    ShipmentState,
    ShipmentStatusChanged,
)

from ..domain import Shipment, restockable

SENT = (
    ShipmentCreated,
    ShipmentCancelled,
    CancellationRefused,
    ShipmentHandedOver,
    ShipmentStatusChanged,
    DeliveryAttemptFailed,
    ShipmentDelivered,
    ShipmentReturned,
    ShipmentCOD,
)


def facts(shipment: Shipment) -> dict[str, Any]:
    """What every event about a parcel says of it."""
    names = ("shipment_id", "order_id", "supplier_order_id", "supplier_id", "carrier", "waybill", "region", "lines")
    return {name: getattr(shipment, name) for name in names} | {
        "parcel_state": shipment.parcel.state,
        "attempts": shipment.parcel.attempts,
        "cod_amount": shipment.cod,
    }


def moved(before: Shipment, after: Shipment, reason: str | None, told_at: datetime) -> ShipmentState:
    """The event of one step that a carrier's report made."""
    known = facts(after)
    if after.parcel.attempts > before.parcel.attempts:
        attempt = after.parcel.attempts
        return DeliveryAttemptFailed(**known, attempt=attempt, reason=reason or "unknown", failed_at=told_at)
    state = after.parcel.state
    match state:
        case "DELIVERED":
            return ShipmentDelivered(**known, delivered_at=told_at)
        case "RETURNED":
            why = after.parcel.turned_by
            return ShipmentReturned(**known, reason=why, restock=restockable(reason), returned_at=told_at)
        case (
            "IN_TRANSIT"
            | "OUT_FOR_DELIVERY"
            | "ATTEMPT_FAILED"
            | "RETURNING"
            | "RESTOCKED"
            | "WRITTEN_OFF"
            | "LOST"
            | "DAMAGED"
        ):
            previous = before.parcel.state
            return ShipmentStatusChanged(**known, previous_state=previous, changed_at=told_at, reason=reason)
        case "CREATED" | "CANCELLED" | "HANDED_OVER":
            raise AssertionError(f"no report leads to {state}")
        case _:
            assert_never(state)

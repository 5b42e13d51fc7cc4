"""The courier's part of the story: the parcel's way to the door, or back, and the cash taken there."""

from __future__ import annotations

from typing import Any

from shared.contracts.event import Event
from shared.contracts.logistics import (
    CancellationRefused,
    DeliveryAttemptFailed,
    ShipmentCancelled,
    ShipmentCOD,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentLine,
    ShipmentReturned,
    ShipmentStatusChanged,
)
from shared.contracts.values import ParcelState, ShipmentId

from .catalog import SUPPLIER, TIN, TIN_SKU, TITLE
from .orders import LINE, ORDER, PAYABLE, SUPPLIER_ORDER
from .telling import after, because, named

SHIPMENT = ShipmentId(named("shipment"))
WAYBILL = "SBX2603020017"
_REPORT = "POST /carriers/sandbox/reports"
_LINES = (
    ShipmentLine(line_id=LINE, kind="good", variant_id=TIN, sku=TIN_SKU, title=TITLE, quantity=2, amount=PAYABLE),
)


def _planned(state: ParcelState) -> dict[str, Any]:
    return {
        "shipment_id": SHIPMENT,
        "order_id": ORDER,
        "supplier_order_id": SUPPLIER_ORDER,
        "supplier_id": SUPPLIER,
        "carrier": None,
        "waybill": None,
        "parcel_state": state,
        "attempts": 0,
        "cod_amount": PAYABLE,
        "region": "CN-ZJ",
        "lines": _LINES,
    }


def _travelling(state: ParcelState, attempts: int = 0) -> dict[str, Any]:
    return _planned(state) | {"carrier": "sandbox", "waybill": WAYBILL, "attempts": attempts}


TOLD: tuple[Event, ...] = (
    ShipmentCreated(**_planned("CREATED")).at(1, because("wanpu.orders.OrderConfirmed.v1")),
    ShipmentCancelled(**_planned("CANCELLED"), cancelled_at=after(111)).at(
        2, because("wanpu.orders.CancellationRequested.v1")
    ),
    ShipmentHandedOver(**_travelling("HANDED_OVER"), handed_over_at=after(240)).at(
        2, because("POST /shipments/{id}/hand-over")
    ),
    CancellationRefused(**_travelling("HANDED_OVER"), reason="handed_over").at(
        3, because("wanpu.orders.CancellationRequested.v1")
    ),
    ShipmentStatusChanged(**_travelling("OUT_FOR_DELIVERY"), previous_state="IN_TRANSIT", changed_at=after(1_300)).at(
        5, because(_REPORT)
    ),
    DeliveryAttemptFailed(
        **_travelling("ATTEMPT_FAILED", 1), attempt=1, reason="nobody_home", failed_at=after(1_500)
    ).at(6, because(_REPORT)),
    ShipmentDelivered(**_travelling("DELIVERED", 1), delivered_at=after(2_990)).at(8, because(_REPORT)),
    ShipmentReturned(
        **_travelling("RETURNED", 3), reason="attempts_exhausted", restock=True, returned_at=after(8_900)
    ).at(12, because(_REPORT)),
    ShipmentCOD(
        shipment_id=SHIPMENT,
        order_id=ORDER,
        supplier_order_id=SUPPLIER_ORDER,
        supplier_id=SUPPLIER,
        carrier="sandbox",
        waybill=WAYBILL,
        collection_id="SBX-C-0017",
        due=PAYABLE,
        collected=PAYABLE,
        method="qr",
        collected_at=after(2_990),
        cash_state="COLLECTED",
    ).at(1, because(_REPORT)),
)

"""Where a parcel is."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import (
    Bearer,
    LineId,
    LineKind,
    Money,
    OrderId,
    ParcelState,
    Quantity,
    Region,
    ShipmentId,
    SupplierId,
    SupplierOrderId,
    Value,
    VariantId,
)
from .topics import SHIPMENTS


class ShipmentLine(Value):
    """A line of the order in the parcel, or a fee that travels with it."""

    line_id: LineId
    kind: LineKind
    variant_id: VariantId | None = None
    sku: str | None = None
    title: str | None = None
    quantity: Quantity
    amount: Money = Field(description="What the buyer pays for the line; under COD the lines sum to `cod_amount`.")


class ShipmentState(Event):
    """The parcel of one supplier order as it is after the event, carried by every event about it."""

    topic: ClassVar[Topic] = SHIPMENTS

    shipment_id: ShipmentId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    carrier: str | None = Field(description="Null until it is handed over.")
    waybill: str | None = Field(description="The carrier's number of the parcel; null until it is handed over.")
    parcel_state: ParcelState
    attempts: int = Field(ge=0, description="Failed deliveries so far; the third turns the parcel round.")
    cod_amount: Money | None = Field(description="What the courier is to collect; null when prepaid.")
    region: Region
    lines: tuple[ShipmentLine, ...]


class ShipmentCreated(ShipmentState):
    """A parcel was planned for a supplier order; until its hand-over it can be called off."""

    type: ClassVar[str] = "wanpu.logistics.ShipmentCreated.v1"


class ShipmentCancelled(ShipmentState):
    """The parcel was called off before its hand-over: it never travels, and its lines are cancelled."""

    type: ClassVar[str] = "wanpu.logistics.ShipmentCancelled.v1"

    cancelled_at: AwareDatetime


class CancellationRefused(ShipmentState):
    """A cancellation came too late: the parcel goes on as if nobody had asked."""

    type: ClassVar[str] = "wanpu.logistics.CancellationRefused.v1"

    reason: Literal["handed_over"]


class ShipmentHandedOver(ShipmentState):
    """The supplier gave the parcel to the carrier; it can't be called off any more, and its pieces are sold."""

    type: ClassVar[str] = "wanpu.logistics.ShipmentHandedOver.v1"

    handed_over_at: AwareDatetime


class ShipmentStatusChanged(ShipmentState):
    """The parcel moved on in a way that no other event tells: scanned, out for delivery, turning back, lost,
    damaged, or put back into stock."""

    type: ClassVar[str] = "wanpu.logistics.ShipmentStatusChanged.v1"

    previous_state: ParcelState
    changed_at: AwareDatetime = Field(description="The carrier's time.")
    reason: str | None = None


class DeliveryAttemptFailed(ShipmentState):
    """The courier stood at the door and went away with the parcel; `parcel_state` says whether it is tried again."""

    type: ClassVar[str] = "wanpu.logistics.DeliveryAttemptFailed.v1"

    attempt: int = Field(ge=1)
    reason: str
    failed_at: AwareDatetime = Field(description="The carrier's time.")


class ShipmentDelivered(ShipmentState):
    """The buyer has the parcel; of its money see ShipmentCOD."""

    type: ClassVar[str] = "wanpu.logistics.ShipmentDelivered.v1"

    delivered_at: AwareDatetime = Field(description="The carrier's time.")


class ShipmentReturned(ShipmentState):
    """The parcel came back to its supplier unopened."""

    type: ClassVar[str] = "wanpu.logistics.ShipmentReturned.v1"

    reason: Literal["refused", "attempts_exhausted", "undeliverable"]
    restock: bool = Field(description="True: its pieces can be sold again.")
    returned_at: AwareDatetime = Field(description="The carrier's time.")
    return_charge: Money | None = Field(default=None, description="What the carrier asks for the way back.")
    charge_bearer: Bearer | None = Field(default=None, description="Who pays it, by the carrier's contract.")

"""What was ordered, and how the order ended."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import (
    ContentId,
    CreatorId,
    EntryPoint,
    GroupId,
    LineId,
    LineKind,
    LineState,
    ListingId,
    Money,
    OfferId,
    OrderId,
    OrderState,
    PaymentId,
    PaymentMode,
    ProductId,
    Quantity,
    Region,
    Share,
    SlotId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    TouchId,
    Value,
    VariantId,
    Version,
)
from .topics import ORDERS


class OrderLine(Value):
    """One item of an order as it was agreed at placement; nothing of it is ever computed again."""

    line_id: LineId
    kind: LineKind
    supplier_id: SupplierId = Field(description="Whose supplier order the line belongs to; a fee's too.")
    variant_id: VariantId | None = Field(default=None, description="Null for a fee, like all that names an item.")
    product_id: ProductId | None = None
    product_version: Version | None = None
    sku: str | None = None
    title: str | None = None
    listing_id: ListingId | None = None
    offer_id: OfferId | None = None
    offer_version: Version | None = None
    slot_id: SlotId | None = Field(default=None, description="The time window of a service.")
    quantity: Quantity
    price: Money = Field(description="Of one piece.")
    discount: Money = Field(description="On the whole line; zero when there is none.")
    discount_bearer: Literal["supplier", "creator", "platform"] | None = None
    amount: Money = Field(description="quantity × price - discount: what the buyer pays for the line.")
    split: tuple[Share, ...] = Field(description="Whose the amount is; the shares sum to it.")


class SupplierOrder(Value):
    """One supplier's part of an order; it becomes one parcel."""

    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    line_ids: tuple[LineId, ...]
    cod_amount: Money | None = Field(default=None, description="What the courier collects; null when prepaid.")


class Totals(Value):
    """goods + fees - discount = payable; `tax` is the part of it that is tax."""

    goods: Money
    fees: Money
    discount: Money
    tax: Money
    payable: Money


class PlacedOrder(Event):
    """All that was agreed at placement, carried by what is said while an order begins."""

    topic: ClassVar[Topic] = ORDERS

    order_id: OrderId
    order_no: str
    buyer_ref: str = Field(description="The channel's reference to the buyer, never a name or a phone number.")
    storefront_id: StorefrontId
    creator_id: CreatorId
    entry_point: EntryPoint
    content_id: ContentId | None = None
    # `position` in JSON: an event's own position is its place in the stream.
    content_position: int | None = Field(default=None, alias="position", description="The place in the content.")
    group_id: GroupId | None = None
    touch_id: TouchId | None = None
    shared_by: str | None = Field(default=None, description="The party who shared the link: the referrer.")
    payment_mode: PaymentMode
    payment_id: PaymentId | None = Field(default=None, description="Null under cash on delivery.")
    region: Region
    totals: Totals
    lines: tuple[OrderLine, ...]
    supplier_orders: tuple[SupplierOrder, ...]
    placed_at: AwareDatetime


class OrderPlaced(PlacedOrder):
    """A buyer ordered; every line is reserved for them until `expires_at`."""

    type: ClassVar[str] = "wanpu.orders.OrderPlaced.v1"

    state: Literal["PLACED"] = "PLACED"
    expires_at: AwareDatetime | None = Field(description="Null when it is confirmed in the same moment.")


class OrderConfirmed(PlacedOrder):
    """The order stands: it was paid, or cash on delivery was agreed. Parcels can be planned."""

    type: ClassVar[str] = "wanpu.orders.OrderConfirmed.v1"

    state: Literal["CONFIRMED"] = "CONFIRMED"
    confirmed_by: Literal["amount", "code", "capture"] = Field(
        description="COD below the limit, COD by the code from the phone, or a payment for the exact amount."
    )
    confirmed_at: AwareDatetime


class CancellationRequested(Event):
    """Somebody wants a confirmed order, or a supplier's part of it, undone. Each parcel's own row decides."""

    topic: ClassVar[Topic] = ORDERS
    type: ClassVar[str] = "wanpu.orders.CancellationRequested.v1"

    order_id: OrderId
    supplier_order_ids: tuple[SupplierOrderId, ...]
    reason: str
    requested_by: Literal["buyer", "supplier", "operator"]
    requested_at: AwareDatetime


class LineOutcome(Value):
    """A line, and what became of it."""

    line_id: LineId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    kind: LineKind
    variant_id: VariantId | None = None
    quantity: Quantity
    amount: Money
    state: LineState


class OrderOutcome(Event):
    """An order and all its lines as they are, carried by what is said when an order comes to its end."""

    topic: ClassVar[Topic] = ORDERS

    order_id: OrderId
    order_no: str
    buyer_ref: str
    storefront_id: StorefrontId
    creator_id: CreatorId
    payment_mode: PaymentMode
    state: OrderState
    lines: tuple[LineOutcome, ...]


class OrderCancelled(OrderOutcome):
    """An order was called off before it was confirmed; what it had reserved is free again."""

    type: ClassVar[str] = "wanpu.orders.OrderCancelled.v1"

    state: Literal["CANCELLED"] = "CANCELLED"
    reason: str
    cancelled_by: Literal["buyer", "supplier", "operator"]
    cancelled_at: AwareDatetime


class OrderExpired(OrderOutcome):
    """An order was not confirmed in time; what it had reserved is free again."""

    type: ClassVar[str] = "wanpu.orders.OrderExpired.v1"

    state: Literal["EXPIRED"] = "EXPIRED"
    expired_at: AwareDatetime


class OrderFulfilled(OrderOutcome):
    """The last line came to its end, and at least one was delivered."""

    type: ClassVar[str] = "wanpu.orders.OrderFulfilled.v1"

    state: Literal["FULFILLED"] = "FULFILLED"
    fulfilled_at: AwareDatetime


class OrderClosed(OrderOutcome):
    """A confirmed order came to its end with nothing delivered: refused, lost, or cancelled after confirmation."""

    type: ClassVar[str] = "wanpu.orders.OrderClosed.v1"

    state: Literal["CLOSED"] = "CLOSED"
    closed_at: AwareDatetime


class OrderCompleted(OrderOutcome):
    """The after-sale window closed with nothing open: the order is over for good."""

    type: ClassVar[str] = "wanpu.orders.OrderCompleted.v1"

    state: Literal["COMPLETED"] = "COMPLETED"
    completed_at: AwareDatetime

"""What an order's request and answer look like: the law that `reading` is a fast reader of, and OpenAPI's source."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from services.orders.domain.touch import TouchState
from shared.contracts.orders import Totals
from shared.contracts.values import (
    LineId,
    ListingId,
    Money,
    OrderId,
    OrderState,
    PaymentId,
    PaymentMode,
    Region,
    Share,
    SlotId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)
from shared.kernel.http import Body, Id, not_negative
from shared.kernel.idempotency import MAX_KEY_CHARACTERS

MAX_TOUCH_CHARACTERS = 2_048  # a storefront's have 500
MAX_LINES = 500  # more is no cart; `max_lines` of the settings says what is accepted
MAX_ORDERS = 100  # in one call: what fits the body's limit

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class NewLine(Body):
    """An item and the price the buyer was shown; of a service also the slot to have it in."""

    listing_id: Id[ListingId]
    qty: Annotated[int, Field(ge=1)]
    unit_price: Annotated[Money, AfterValidator(not_negative)]
    slot_id: Id[SlotId] | None = None


class Address(Body):
    """Where the parcels go."""

    name: Text
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 \-]{3,30}$")]
    region: Region
    address: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class NewOrder(Body):
    """One checkout."""

    storefront_id: Id[StorefrontId]
    buyer_ref: Text
    payment: PaymentMode
    lines: Annotated[list[NewLine], Field(min_length=1, max_length=MAX_LINES)]
    touch: Annotated[str, StringConstraints(max_length=MAX_TOUCH_CHARACTERS)] | None = None
    ship_to: Address


class KeyedOrder(NewOrder):
    """One of many checkouts in a call, with the key it is found by."""

    idempotency_key: Annotated[
        str, StringConstraints(pattern=r"^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$", max_length=MAX_KEY_CHARACTERS)
    ]


ManyOrders = Annotated[list[KeyedOrder], Field(min_length=1, max_length=MAX_ORDERS)]


class LineMade(BaseModel):
    """A line as agreed."""

    line_id: LineId
    listing_id: ListingId
    variant_id: VariantId
    qty: int
    amount: Money
    split: list[Share]
    slot_id: SlotId | None = None


class SupplierOrderMade(BaseModel):
    """One supplier's part."""

    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    line_ids: list[LineId]


class PaymentAsked(BaseModel):
    """How and until when to pay."""

    payment_id: PaymentId
    pay_url: str
    expires_at: AwareDatetime


class OrderMade(BaseModel):
    """The order that stands; `touch` says what became of the touch, if one was sent."""

    order_id: OrderId
    order_no: str
    state: OrderState
    payable: Money
    totals: Totals
    lines: list[LineMade]
    supplier_orders: list[SupplierOrderMade]
    payment: PaymentAsked | None = None
    touch: TouchState | None = None


class OrderAnswered(BaseModel):
    """One of many answers: what `POST /orders` would have said, problem or order; `retry_after` in seconds."""

    idempotency_key: str | None = None
    status: int
    replayed: bool | None = None
    retry_after: int | None = None
    body: dict[str, object]

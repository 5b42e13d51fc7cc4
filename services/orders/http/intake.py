"""`POST /orders`: bytes to a command, and what was agreed back; nothing is decided here."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from services.orders.domain import codes
from services.orders.domain.order import Line, Placed, PlaceOrder, Wanted
from services.orders.domain.touch import TouchState
from services.orders.settings import Settings, settings_of
from services.orders.usecases.intake import Request, place_orders, totals
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
    ShipTo,
    SlotId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import Body, Call, Id, Routes, not_negative

MAX_TOUCH_CHARACTERS = 2_048  # a storefront's have 500
MAX_LINES = 500  # more is no cart; `max_lines` of the settings says what is accepted

routes = Routes()

Text = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]


class NewLine(Body):
    """An item and the price the buyer was shown."""

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


class LineMade(BaseModel):
    """A line as agreed."""

    line_id: LineId
    listing_id: ListingId
    variant_id: VariantId
    qty: int
    amount: Money
    split: list[Share]


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


@routes.post("/orders", roles={"buyer", "service"}, status=201, once=True)
async def place_order(call: Call, tx: Tx, body: NewOrder) -> OrderMade:
    """Place an order: all of its lines or none."""
    settings = settings_of(call)
    (answer,) = await place_orders(tx, [Request(command(call, body), call.cause)], settings.rules)
    if isinstance(answer, Rejected):
        raise answer
    return made(answer, settings)


def command(call: Call, body: NewOrder) -> PlaceOrder:
    """What is asked for, as the domain takes it.

    Raises:
        Rejected: `forbidden` for a buyer who orders as somebody else; `validation_failed` for a slot.
    """
    if call.role == "buyer" and body.buyer_ref != call.party:
        raise Rejected("forbidden", "A buyer orders for itself: send your own party as buyer_ref.")
    slots = [place for place, line in enumerate(body.lines) if line.slot_id]
    if slots:
        errors = [{"field": f"lines.{place}.slot_id", "detail": "Slots can't be reserved yet."} for place in slots]
        raise Rejected("validation_failed", "Leave slot_id out.", errors=errors)
    return PlaceOrder(
        storefront_id=body.storefront_id,
        buyer_ref=body.buyer_ref,
        placed_by=call.party,
        payment=body.payment,
        lines=tuple(Wanted(line.listing_id, line.qty, line.unit_price) for line in body.lines),
        ship_to=ShipTo(**body.ship_to.model_dump()),
        touch=body.touch,
        loadtest=call.loadtest,
    )


def made(order: Placed, settings: Settings) -> OrderMade:
    """The answer; the same bytes for the same order."""
    return OrderMade(
        order_id=order.order_id,
        order_no=order.order_no,
        state=order.state,
        payable=order.payable,
        totals=totals(order.payable),
        lines=[_line(line) for line in order.lines],
        supplier_orders=[
            SupplierOrderMade(
                supplier_order_id=part.supplier_order_id, supplier_id=part.supplier_id, line_ids=list(part.line_ids)
            )
            for part in order.supplier_orders
        ],
        payment=_payment(order, settings),
        touch=order.origin.touch,
    )


def _line(line: Line) -> LineMade:
    return LineMade(
        line_id=line.line_id,
        listing_id=line.listing.listing_id,
        variant_id=line.listing.variant_id,
        qty=line.qty,
        amount=line.amount,
        split=list(line.split),
    )


def _payment(order: Placed, settings: Settings) -> PaymentAsked | None:
    if order.payment_id is None or order.expires_at is None:
        return None
    url = codes.pay_url(settings.psp_url, settings.signing_key, order.payment_id, order.payable, order.expires_at)
    return PaymentAsked(payment_id=order.payment_id, pay_url=url, expires_at=order.expires_at)

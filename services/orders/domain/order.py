"""An order as it is asked for, as it is offered, and as it stands once placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from services.orders.domain.risk import Risk
from services.orders.domain.split import Amount, Split
from services.orders.domain.stock import StockId
from services.orders.domain.touch import Origin
from shared.contracts.values import (
    CreatorId,
    LineId,
    ListingId,
    Money,
    OfferId,
    OrderId,
    PaymentId,
    PaymentMode,
    ProductId,
    SlotId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    Terms,
    VariantId,
    VariantKind,
)


class Price(Protocol):
    """An amount of money, whoever has read it."""

    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str: ...


class AskedLine(Protocol):
    """A line as the buyer asks for it; `unit_price` is the price they saw, `slot_id` when they want a service.

    The edge's own forms will do.
    """

    @property
    def listing_id(self) -> ListingId: ...
    @property
    def qty(self) -> int: ...
    @property
    def unit_price(self) -> Price: ...
    @property
    def slot_id(self) -> SlotId | None: ...


class Destination(Protocol):
    """Where the parcels go and to whom."""

    @property
    def name(self) -> str: ...
    @property
    def phone(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def address(self) -> str: ...


class Wanted(NamedTuple):
    """An asked line of no form."""

    listing_id: ListingId
    qty: int
    unit_price: Money
    slot_id: SlotId | None = None


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """One checkout; `placed_by` is the caller's party, `loadtest` the caller's claim."""

    storefront_id: StorefrontId
    buyer_ref: str
    placed_by: str
    payment: PaymentMode
    lines: Sequence[AskedLine]
    ship_to: Destination
    touch: str | None = None
    loadtest: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing offers by the database's time; without `price` or `terms` nothing is in force.

    `on_sale` is false while the offer's validity has not begun or is over.
    """

    listing_id: ListingId
    storefront_id: StorefrontId
    creator_id: CreatorId
    variant_id: VariantId
    product_id: ProductId
    product_version: int
    sku: str
    title: str
    kind: VariantKind
    supplier_id: SupplierId
    regions: frozenset[str]
    cod_allowed: bool
    loadtest: bool
    offer_id: OfferId
    offer_version: int
    hold_seconds: int | None  # None: as long as usual
    terms: Terms | None
    price: Money | None
    listing_state: str
    adoption_state: str
    product_state: str
    offer_state: str
    on_sale: bool


class Line(NamedTuple):
    """One item as agreed."""

    line_id: LineId
    supplier_order_id: SupplierOrderId
    listing: Listing
    slot_id: SlotId | None
    qty: int
    price: Money
    amount: Amount
    split: Split

    @property
    def stock_id(self) -> StockId:
        """Where its pieces are reserved."""
        return self.slot_id or self.listing.variant_id


class SupplierPart(NamedTuple):
    """One supplier's part of an order, what comes by parcel and what is booked apart.

    `cod_amount` is what the buyer pays at the door, None when prepaid.
    """

    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    line_ids: tuple[LineId, ...]
    cod_amount: Money | None


class Placed(NamedTuple):
    """An order that stands; `code` is the one-time code to send, not to keep."""

    order_id: OrderId
    order_no: str
    asked: PlaceOrder
    origin: Origin
    creator_id: CreatorId
    state: Literal["PLACED", "CONFIRMED"]
    payable: Money
    lines: tuple[Line, ...]
    supplier_orders: tuple[SupplierPart, ...]
    payment_id: PaymentId | None
    code: str | None
    placed_at: datetime
    expires_at: datetime | None
    risk: Risk | None = None  # of a COD order, why it is confirmed as it is

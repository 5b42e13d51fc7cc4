"""What buyer and platform agree on at placement, frozen: amounts, splits, supplier orders, how it is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from services.orders.domain import codes
from services.orders.domain.order import Line, Listing, Placed, PlaceOrder, SupplierPart, Wanted
from services.orders.domain.split import Parties, divide
from services.orders.domain.touch import Keys, Origin
from shared.contracts.values import (
    LineId,
    ListingId,
    Money,
    OrderId,
    PaymentId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)
from shared.kernel.errors import Rejected

MAX_PAYABLE = 10**15  # far below a bigint's end, so that sums over many orders stay inside it

NewId = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an order is decided by; `Settings` has the values in force."""

    cod_auto_confirm_below: Money
    cod_confirm_seconds: float
    prepaid_expire_seconds: float
    max_lines: int
    max_quantity: int
    hot: frozenset[VariantId] = frozenset()  # variants of which a buyer gets `hot_pieces` at most
    hot_pieces: int = 0
    touch_keys: Keys = field(default_factory=dict)


@dataclass(frozen=True)
class Agreement:
    """The making of one order from listings that were all found good."""

    asked: PlaceOrder
    listings: Mapping[ListingId, Listing]
    origin: Origin
    rules: Rules
    now: datetime
    new_id: NewId

    def placed(self) -> Placed:
        """The order; `split_exceeds_line`, `price_below_floor` or `limit_exceeded` when a line can't be agreed on."""
        order_id = OrderId(self.new_id())
        confirmed = self._confirmed_by_amount
        prepaid = self.asked.payment == "prepaid"
        return Placed(
            order_id=order_id,
            order_no=codes.order_no(order_id, self.now),
            asked=self.asked,
            origin=self.origin,
            creator_id=self.lines[0].listing.creator_id,
            state="CONFIRMED" if confirmed else "PLACED",
            payable=self.payable,
            lines=self.lines,
            supplier_orders=tuple(self._part(supplier) for supplier in self._parts),
            payment_id=PaymentId(self.new_id()) if prepaid else None,
            code=None if prepaid or confirmed else codes.new_code(),
            placed_at=self.now,
            expires_at=None if confirmed else self.now + self._patience,
        )

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        return tuple(self._line(wanted) for wanted in self.asked.lines)

    @cached_property
    def payable(self) -> Money:
        total = sum(line.amount.amount for line in self.lines)
        if total > MAX_PAYABLE:
            raise Rejected("limit_exceeded", "Nobody owes that much for one order; order less.")
        return Money(amount=total, currency=self.lines[0].amount.currency)

    @cached_property
    def _parts(self) -> dict[SupplierId, SupplierOrderId]:
        """A supplier order each, in the order in which the lines name the suppliers."""
        suppliers = dict.fromkeys(self.listings[wanted.listing_id].supplier_id for wanted in self.asked.lines)
        return {supplier: SupplierOrderId(self.new_id()) for supplier in suppliers}

    @property
    def _confirmed_by_amount(self) -> bool:
        limit = self.rules.cod_auto_confirm_below
        small = self.payable.currency == limit.currency and self.payable.amount < limit.amount
        return self.asked.payment == "cod" and small

    @property
    def _patience(self) -> timedelta:
        prepaid = self.asked.payment == "prepaid"
        return timedelta(seconds=self.rules.prepaid_expire_seconds if prepaid else self.rules.cod_confirm_seconds)

    def _line(self, wanted: Wanted) -> Line:
        listing = self.listings[wanted.listing_id]
        assert listing.terms is not None, "without terms it is not for sale"
        price = price_of(listing)
        amount = Money(amount=price.amount * wanted.qty, currency=price.currency)
        parties = Parties(listing.supplier_id, listing.creator_id, self.origin.referrer)
        return Line(
            line_id=LineId(self.new_id()),
            supplier_order_id=self._parts[listing.supplier_id],
            listing=listing,
            qty=wanted.qty,
            price=price,
            amount=amount,
            split=divide(listing.terms, parties, amount, variant_id=listing.variant_id, qty=wanted.qty),
        )

    def _part(self, supplier: SupplierId) -> SupplierPart:
        lines = [line for line in self.lines if line.listing.supplier_id == supplier]
        due = Money(amount=sum(line.amount.amount for line in lines), currency=self.payable.currency)
        return SupplierPart(
            supplier_order_id=self._parts[supplier],
            supplier_id=supplier,
            line_ids=tuple(line.line_id for line in lines),
            cod_amount=due if self.asked.payment == "cod" else None,
        )


def price_of(listing: Listing) -> Money:
    """What one piece costs now."""
    assert listing.price is not None, "a listing without a price is not for sale"
    return listing.price

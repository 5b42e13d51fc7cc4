"""What buyer and platform agree on at placement, frozen: amounts, splits, supplier orders, how it is confirmed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from services.orders.domain import codes
from services.orders.domain.order import AskedLine, Line, Listing, Placed, PlaceOrder, SupplierPart
from services.orders.domain.risk import Policy, Risk
from services.orders.domain.split import Amount, Parties, divide
from services.orders.domain.stock import StockId
from services.orders.domain.touch import Keys, Origin
from shared.contracts.values import (
    LineId,
    ListingId,
    Money,
    OrderId,
    PaymentId,
    SupplierId,
    SupplierOrderId,
    VariantKind,
)
from shared.kernel.errors import Rejected

MAX_PAYABLE = 10**15  # far below a bigint's end, so that sums over many orders stay inside it

NewId = Callable[[], str]
Parts = dict[tuple[SupplierId, VariantKind], SupplierOrderId]


@dataclass(frozen=True, slots=True)
class Rules:
    """What an order is decided by; `Settings` has the values in force."""

    cod_auto_confirm_below: Money
    cod_confirm_seconds: float
    prepaid_expire_seconds: float
    max_lines: int
    max_quantity: int
    hot: frozenset[StockId] = frozenset()  # variants and slots of which a buyer gets `hot_pieces` at most
    hot_pieces: int = 0
    risk: Policy | None = None  # none: cash on delivery is decided by the amount alone
    touch_keys: Keys = field(default_factory=dict)


class Moment(NamedTuple):
    """When an order is agreed on, and where its ids come from."""

    now: datetime
    new_id: NewId


def agree(
    asked: PlaceOrder,
    listings: Mapping[ListingId, Listing],
    origin: Origin,
    rules: Rules,
    moment: Moment,
    *,
    risk: Risk | None = None,
) -> Placed:
    """The order from listings that were all found good.

    Raises:
        Rejected: `split_exceeds_line`, `price_below_floor` or `limit_exceeded` when a line can't be agreed on.
    """
    new_id, now = moment.new_id, moment.now
    order_id = OrderId(new_id())
    lines, parts = _lines(asked, listings, origin, new_id)
    payable = _payable(lines)
    prepaid = asked.payment == "prepaid"
    confirmed = not prepaid and _is_small(payable, rules) and (risk is None or risk.band == "auto")
    patience = rules.prepaid_expire_seconds if prepaid else rules.cod_confirm_seconds
    return Placed(
        order_id=order_id,
        order_no=codes.order_no(order_id, now),
        asked=asked,
        origin=origin,
        creator_id=lines[0].listing.creator_id,
        state="CONFIRMED" if confirmed else "PLACED",
        payable=payable,
        lines=tuple(lines),
        supplier_orders=_supplier_orders(parts, lines, payable, cod=not prepaid),
        payment_id=PaymentId(new_id()) if prepaid else None,
        code=None if prepaid or confirmed else codes.new_code(),
        placed_at=now,
        expires_at=None if confirmed else now + timedelta(seconds=patience),
        risk=risk,
    )


def _lines(
    asked: PlaceOrder, listings: Mapping[ListingId, Listing], origin: Origin, new_id: NewId
) -> tuple[list[Line], Parts]:
    """The lines, and the supplier orders they belong to, in the order in which they name the suppliers.

    A supplier's goods are one supplier order and its services another: one goes by parcel, the other is booked, and
    each has a state and cash of its own.
    """
    parts: Parts = {}
    lines = []
    for wanted in asked.lines:
        listing = listings[wanted.listing_id]
        whose = listing.supplier_id, listing.kind
        part_id = parts.get(whose)
        if part_id is None:
            part_id = parts[whose] = SupplierOrderId(new_id())
        lines.append(_line(wanted, listing, LineId(new_id()), part_id, origin))
    return lines, parts


def _line(wanted: AskedLine, listing: Listing, line_id: LineId, part_id: SupplierOrderId, origin: Origin) -> Line:
    assert listing.terms is not None, "without terms it is not for sale"
    price = price_of(listing)
    amount = Amount(price.amount * wanted.qty, price.currency)
    parties = Parties(listing.supplier_id, listing.creator_id, origin.referrer)
    split = divide(listing.terms, parties, amount, variant_id=listing.variant_id, qty=wanted.qty)
    return Line(line_id, part_id, listing, wanted.slot_id, wanted.qty, price, amount, split)


def _payable(lines: Sequence[Line]) -> Money:
    total = sum([line.amount.amount for line in lines])
    if total > MAX_PAYABLE:
        raise Rejected("limit_exceeded", "Nobody owes that much for one order; order less.")
    return Money(amount=total, currency=lines[0].amount.currency)


def _is_small(payable: Money, rules: Rules) -> bool:
    limit = rules.cod_auto_confirm_below
    return payable.currency == limit.currency and payable.amount < limit.amount


def _supplier_orders(parts: Parts, lines: Sequence[Line], payable: Money, *, cod: bool) -> tuple[SupplierPart, ...]:
    found = []
    for (supplier, _), part_id in parts.items():
        mine = [line for line in lines if line.supplier_order_id == part_id]
        due = Money(amount=sum([line.amount.amount for line in mine]), currency=payable.currency) if cod else None
        found.append(SupplierPart(part_id, supplier, tuple([line.line_id for line in mine]), due))
    return tuple(found)


def price_of(listing: Listing) -> Money:
    """What one piece costs now."""
    assert listing.price is not None, "a listing without a price is not for sale"
    return listing.price

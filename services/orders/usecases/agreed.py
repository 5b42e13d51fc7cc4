"""What was agreed at placement, as JSON: written once, and from then on what is told, kept and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from services.orders.domain.order import Line, Placed, SupplierPart
from services.orders.domain.touch import TouchState
from shared.contracts.event import Cause
from shared.contracts.orders import ConfirmationCodeIssued, DeliveryDetailsGiven, OrderConfirmed, OrderPlaced
from shared.contracts.values import OrderId
from shared.kernel import outbox
from shared.kernel.outbox import Sealed

Json = Mapping[str, Any]
_Z = orjson.OPT_UTC_Z


@dataclass(frozen=True, slots=True)
class Agreed:
    """An order as it was agreed, which never changes: `placement` is what OrderPlaced says without state and expiry."""

    placement: Json
    expires_at: datetime | None  # none: it was confirmed in the same moment
    touch: TouchState | None


def agreed(order: Placed) -> Agreed:
    """An order that stands, as it is told, kept and answered."""
    return Agreed(_placement(order), order.expires_at, order.origin.touch)


def frozen(agreement: Agreed) -> bytes:
    """The placement's JSON."""
    return orjson.dumps(agreement.placement, option=_Z)


def split_of(line: Json) -> Sequence[Json]:
    """A line's split without what is not there: an exact share has no rate."""
    split: Sequence[Json] = line["split"]
    if all(share["rate_ppm"] is not None for share in split):
        return split
    return [{name: value for name, value in share.items() if value is not None} for share in split]


def order_events(order: Placed, placement: bytes, because: Cause) -> list[Sealed]:
    """OrderPlaced and, of an order that is confirmed in the same moment, OrderConfirmed: positions 1 and 2."""
    placed = _with(placement, {"state": "PLACED", "expires_at": order.expires_at})
    told = [Sealed(OrderPlaced, order.order_id, 1, because, placed)]
    if order.state == "CONFIRMED":
        told.append(order_confirmed(order.order_id, 2, placement, ("amount", order.placed_at), because))
    return told


def order_confirmed(
    order_id: OrderId, position: int, placement: bytes, by: tuple[str, datetime], because: Cause
) -> Sealed:
    """OrderConfirmed, with what was agreed; `by` what and when."""
    said = {"state": "CONFIRMED", "confirmed_by": by[0], "confirmed_at": by[1]}
    return Sealed(OrderConfirmed, order_id, position, because, _with(placement, said))


def destination(order: Placed) -> bytes:
    """Where the parcels go, as JSON."""
    to = order.asked.ship_to
    return orjson.dumps({"name": to.name, "phone": to.phone, "region": to.region, "address": to.address})


def personal_events(order: Placed, ship_to: bytes, because: Cause) -> list[Sealed]:
    """The address, told at placement so that it waits for the parcel, and the code if there is one."""
    details = b'{"order_id":"%b","ship_to":%b}' % (order.order_id.encode(), ship_to)
    told = [Sealed(DeliveryDetailsGiven, order.order_id, 1, because, details)]
    if order.code:
        told.append(outbox.seal(_code_issued(order, order.code).at(2, because)))
    return told


def _with(placement: bytes, said: Json) -> bytes:
    """The placement's object with these fields more."""
    return b"%b,%b" % (placement[:-1], orjson.dumps(said, option=_Z)[1:])


def _code_issued(order: Placed, code: str) -> ConfirmationCodeIssued:
    assert order.expires_at is not None, "what waits for a code expires"
    return ConfirmationCodeIssued(
        order_id=order.order_id,
        order_no=order.order_no,
        buyer_ref=order.asked.buyer_ref,
        phone=order.asked.ship_to.phone,
        code=code,
        payable=order.payable,
        expires_at=order.expires_at,
    )


def _placement(order: Placed) -> Json:
    """The fields of `PlacedOrder`; prices include tax and delivery in this version, and nothing is discounted."""
    origin, asked = order.origin, order.asked
    currency = order.payable.currency
    payable, nothing = _money(order.payable.amount, currency), _money(0, currency)
    return {
        "order_id": order.order_id,
        "order_no": order.order_no,
        "buyer_ref": asked.buyer_ref,
        "storefront_id": asked.storefront_id,
        "creator_id": order.creator_id,
        "entry_point": origin.entry_point,
        "content_id": origin.content_id,
        "position": origin.position,
        "group_id": origin.group_id,
        "touch_id": origin.touch_id,
        "shared_by": origin.referrer,
        "payment_mode": asked.payment,
        "payment_id": order.payment_id,
        "region": asked.ship_to.region,
        "totals": {"goods": payable, "fees": nothing, "discount": nothing, "tax": nothing, "payable": payable},
        "lines": [_line(line) for line in order.lines],
        "supplier_orders": [_part(part) for part in order.supplier_orders],
        "placed_at": order.placed_at,
    }


def _line(line: Line) -> Json:
    listing, currency = line.listing, line.price.currency
    return {
        "line_id": line.line_id,
        "kind": listing.kind,
        "supplier_id": listing.supplier_id,
        "variant_id": listing.variant_id,
        "product_id": listing.product_id,
        "product_version": listing.product_version,
        "sku": listing.sku,
        "title": listing.title,
        "listing_id": listing.listing_id,
        "offer_id": listing.offer_id,
        "offer_version": listing.offer_version,
        "slot_id": line.slot_id,
        "quantity": line.qty,
        "price": _money(line.price.amount, currency),
        "discount": _money(0, currency),
        "discount_bearer": None,
        "amount": _money(line.amount.amount, currency),
        "split": [
            {
                "party_kind": share.party_kind,
                "party": share.party,
                "rate_ppm": share.rate_ppm,
                "amount": _money(share.amount.amount, share.amount.currency),
            }
            for share in line.split
        ],
    }


def _part(part: SupplierPart) -> Json:
    due = part.cod_amount
    return {
        "supplier_order_id": part.supplier_order_id,
        "supplier_id": part.supplier_id,
        "line_ids": part.line_ids,
        "cod_amount": due and _money(due.amount, due.currency),
    }


def _money(amount: int, currency: str) -> Json:
    return {"amount": amount, "currency": currency}

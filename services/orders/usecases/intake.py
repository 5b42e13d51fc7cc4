"""Taking orders: the list form is the function, and one bad order never fails its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.orders.domain import intake as domain
from services.orders.domain.agreement import Rules
from services.orders.domain.intake import Shelf
from services.orders.domain.order import Line, Placed, PlaceOrder, SupplierPart
from services.orders.domain.stock import Stock
from services.orders.store import intake as store
from services.orders.store import lifecycle
from services.orders.store import stock as stock_store
from services.orders.store.intake import Found, NewOrder
from services.orders.store.lifecycle import Note
from services.orders.usecases import stock
from services.orders.usecases.lifecycle import EXPIRE_ORDER
from shared.contracts.event import Cause, Event
from shared.contracts.orders import (
    ConfirmationCodeIssued,
    DeliveryDetailsGiven,
    OrderConfirmed,
    OrderLine,
    OrderPlaced,
    SupplierOrder,
    Totals,
)
from shared.contracts.values import ListingId, Money, VariantId
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import age_seconds, new_id

ARRIVAL_SECONDS = 10.0  # an event is here within a second; an id that old and still unknown is none of ours


@dataclass(frozen=True, slots=True)
class Request:
    """One order as asked for, and what led to it."""

    order: PlaceOrder
    because: Cause


async def place_orders(tx: Tx, requests: Sequence[Request], rules: Rules) -> list[Placed | Rejected]:
    """Place each order or refuse it, in the order they came; a refusal has written nothing.

    Statements: listings, stock rows locked in key order, then one insert a table, stock, timers, outbox; their number
    does not depend on how many orders there are. Idempotency keys are the edge's, in the same transaction.
    """
    if not requests:
        return []
    found = await store.find_listings(tx, {line.listing_id for each in requests for line in each.order.lines})
    answers = [_attempt(each.order, _shelf(found), rules) for each in requests]
    rows = await stock_store.lock(tx, {variant for each in _placed(answers) for variant in domain.pieces(each)})
    answers = _share_out(answers, rows)
    await _write(tx, [Accepted(order, each.because) for order, each in _pairs(answers, requests)], rows)
    return answers


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order that is to be written, and what led to it."""

    order: Placed
    because: Cause


def _attempt(asked: PlaceOrder, shelf: Shelf, rules: Rules) -> Placed | Rejected:
    try:
        return domain.place(asked, shelf, rules, new_id)
    except Rejected as refusal:
        return refusal


def _share_out(answers: Sequence[Placed | Rejected], rows: Mapping[VariantId, Stock]) -> list[Placed | Rejected]:
    """Give the pieces there are to the orders in turn."""
    free = {variant: stock.sellable for variant, stock in rows.items()}
    return [answer if isinstance(answer, Rejected) else _take(answer, free) for answer in answers]


def _take(order: Placed, free: dict[VariantId, int]) -> Placed | Rejected:
    try:
        domain.take(order, free)
    except Rejected as refusal:
        return refusal
    return order


def _placed(answers: Sequence[Placed | Rejected]) -> list[Placed]:
    return [answer for answer in answers if isinstance(answer, Placed)]


def _pairs(answers: Sequence[Placed | Rejected], requests: Sequence[Request]) -> Iterator[tuple[Placed, Request]]:
    for answer, request in zip(answers, requests, strict=True):
        if isinstance(answer, Placed):
            yield answer, request


def _shelf(found: Found) -> Shelf:
    """What was found, and what is still on its way: told here in part, or so young that it may not have come yet."""
    young = {one for one in found.unknown if _is_young(one)}
    return Shelf(found.listings, found.incomplete | young, found.now)


def _is_young(listing: ListingId) -> bool:
    age = age_seconds(listing)
    return age is not None and abs(age) < ARRIVAL_SECONDS  # abs: clocks differ, and nobody made it far ahead


async def _write(tx: Tx, accepted: Sequence[Accepted], rows: Mapping[VariantId, Stock]) -> None:
    """All that follows from orders that stand; stock once, with the pieces summed; what is told, last."""
    if not accepted:
        return
    told = [_tell(each) for each in accepted]
    await store.insert_orders(tx, [new for new, _ in told])
    await lifecycle.note(tx, [note for each in accepted for note in _notes(each.order)])
    news = await _reserve(tx, accepted, rows)
    await _schedule(tx, accepted)
    await outbox.append(tx, [*(event for _, events in told for event in events), *news])


async def _reserve(tx: Tx, accepted: Sequence[Accepted], rows: Mapping[VariantId, Stock]) -> list[Event]:
    wanted: Counter[VariantId] = Counter()
    causes: dict[VariantId, Cause] = {}
    for each in accepted:
        needed = domain.pieces(each.order)
        wanted += needed
        causes |= dict.fromkeys(needed, each.because)  # who takes the last pieces is why they are gone
    return await stock.settle(tx, [rows[one].reserve(count) for one, count in wanted.items()], lambda one: causes[one])


async def _schedule(tx: Tx, accepted: Sequence[Accepted]) -> None:
    """An `expire_order` timer for each that waits; one statement for each length of waiting, and there are two."""
    waits: dict[float, dict[str, Cause]] = {}
    for each in accepted:
        if each.order.expires_at:
            seconds = (each.order.expires_at - each.order.placed_at).total_seconds()
            waits.setdefault(seconds, {})[each.order.order_id] = each.because
    for seconds, causes in waits.items():
        await timers.schedule_each(tx, EXPIRE_ORDER, causes, seconds)


def _notes(order: Placed) -> list[Note]:
    whats = ["OrderPlaced", "OrderConfirmed"] if order.state == "CONFIRMED" else ["OrderPlaced"]
    return [Note(order.order_id, what) for what in whats]


def _tell(each: Accepted) -> tuple[NewOrder, list[Event]]:
    """The order's row and its events; the address is told at placement, so that it waits for the parcel."""
    order = each.order
    agreed = _agreed(order)
    first = OrderPlaced(**agreed, expires_at=order.expires_at)
    events: list[Event] = [first]
    if order.state == "CONFIRMED":
        events.append(OrderConfirmed(**agreed, confirmed_by="amount", confirmed_at=order.placed_at))
    personal: list[Event] = [DeliveryDetailsGiven(order_id=order.order_id, ship_to=order.asked.ship_to)]
    if order.code:
        personal.append(_code_issued(order, order.code))
    placement = first.model_dump(mode="json", exclude={"state", "expires_at"}, exclude_none=True)
    placed = [event.at(place, each.because) for told in (events, personal) for place, event in enumerate(told, 1)]
    return NewOrder(order, placement, each.because, len(events), len(personal)), placed


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


def _agreed(order: Placed) -> dict[str, Any]:
    """The fields of `PlacedOrder`."""
    origin, asked = order.origin, order.asked
    return {
        "order_id": order.order_id,
        "order_no": order.order_no,
        "buyer_ref": asked.buyer_ref,
        "storefront_id": asked.storefront_id,
        "creator_id": order.creator_id,
        "entry_point": origin.entry_point,
        "content_id": origin.content_id,
        "content_position": origin.position,
        "group_id": origin.group_id,
        "touch_id": origin.touch_id,
        "shared_by": origin.referrer,
        "payment_mode": asked.payment,
        "payment_id": order.payment_id,
        "region": asked.ship_to.region,
        "totals": totals(order.payable),
        "lines": tuple(_line(line) for line in order.lines),
        "supplier_orders": tuple(_part(part) for part in order.supplier_orders),
        "placed_at": order.placed_at,
    }


def totals(payable: Money) -> Totals:
    """Prices include tax and delivery in this version, and nothing is discounted."""
    nothing = Money(amount=0, currency=payable.currency)
    return Totals(goods=payable, fees=nothing, discount=nothing, tax=nothing, payable=payable)


def _line(line: Line) -> OrderLine:
    listing = line.listing
    return OrderLine(
        line_id=line.line_id,
        kind=listing.kind,
        supplier_id=listing.supplier_id,
        variant_id=listing.variant_id,
        product_id=listing.product_id,
        product_version=listing.product_version,
        sku=listing.sku,
        title=listing.title,
        listing_id=listing.listing_id,
        offer_id=listing.offer_id,
        offer_version=listing.offer_version,
        quantity=line.qty,
        price=line.price,
        discount=Money(amount=0, currency=line.price.currency),
        amount=line.amount,
        split=line.split,
    )


def _part(part: SupplierPart) -> SupplierOrder:
    return SupplierOrder(
        supplier_order_id=part.supplier_order_id,
        supplier_id=part.supplier_id,
        line_ids=part.line_ids,
        cod_amount=part.cod_amount,
    )

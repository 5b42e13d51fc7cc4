"""Whether an order stands: every rule that refuses one, all or nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.orders.domain.agreement import Moment, NewId, Rules, agree, price_of
from services.orders.domain.order import Line, Listing, Placed, PlaceOrder
from services.orders.domain.risk import UNKNOWN, Histories, Risk, assess, check_cash
from services.orders.domain.stock import Stock, StockId
from services.orders.domain.touch import origin_of
from shared.contracts.values import ListingId, SlotId
from shared.kernel.errors import NotReady, Rejected


@dataclass(frozen=True, slots=True)
class Shelf:
    """What is known of the listings asked for, and of who asks; of those in `coming` more is about to arrive."""

    listings: Mapping[ListingId, Listing]
    coming: frozenset[ListingId]
    now: datetime
    histories: Histories


def place(asked: PlaceOrder, shelf: Shelf, rules: Rules, new_id: NewId) -> Placed:
    """The order as it would stand if its pieces are there; stock is asked last, so that only orders that are good
    otherwise lock any.

    Raises:
        Rejected: `limit_exceeded`, `touch_invalid`, `not_ready`, `unknown_listing`, `slot_invalid`,
            `currency_mismatch`, `price_changed`, `cod_not_available`, `region_not_served`, or what `divide` refuses.
    """
    _check_limits(asked, rules)
    origin = origin_of(asked.touch, asked.storefront_id, rules.touch_keys, shelf.now)
    listings = _find(asked, shelf)
    _check_kinds(asked, listings)
    _check_prices(asked, listings)
    _check_delivery(asked, listings)
    risk = check_cash(_risk(asked, shelf.histories, rules))
    return agree(asked, listings, origin, rules, Moment(shelf.now, new_id), risk=risk)


def check_slots(order: Placed, stock: Mapping[StockId, Stock], coming: Collection[SlotId]) -> None:
    """Raise for a slot that can't be one of its line's service: `not_ready` while it may be on its way, else
    `unknown_listing` or `slot_invalid`."""
    booked = [(line, slot) for line in order.lines if (slot := line.slot_id)]
    unknown = [(line, slot) for line, slot in booked if slot not in stock]
    if lost := [line for line, slot in unknown if slot not in coming]:
        raise Rejected("unknown_listing", "There is no such slot.", lines=[_named(line) for line in lost])
    if unknown:
        raise NotReady(slot_ids=sorted({slot for _, slot in unknown}))
    if others := [line for line, slot in booked if not _is_slot_of(stock[slot], line)]:
        raise Rejected("slot_invalid", "Choose a slot of the service itself.", lines=[_named(line) for line in others])


def pieces(order: Placed) -> dict[StockId, int]:
    """How many of each variant and slot, over all lines."""
    count: dict[StockId, int] = {}
    for line in order.lines:
        stock_id = line.stock_id
        count[stock_id] = count.get(stock_id, 0) + line.qty
    return count


def take(order: Placed, free: dict[StockId, int]) -> None:
    """Take an order's pieces out of what is free, all or none.

    Raises:
        Rejected: `out_of_stock`, or `slot_full` if only slots lack some, with the lines that do.
    """
    needed = pieces(order)
    if short := {stock_id for stock_id, count in needed.items() if count > free.get(stock_id, 0)}:
        lacking = [line for line in order.lines if line.stock_id in short]
        code, advice = _LACK[all(line.slot_id for line in lacking)]
        raise Rejected(code, f"{advice}; nothing was reserved.", lines=[_short(line, needed, free) for line in lacking])
    for stock_id, count in needed.items():
        free[stock_id] -= count


_LACK = {  # by whether only slots lack places
    True: ("slot_full", "Choose another slot, or fewer places"),
    False: ("out_of_stock", "Lower the quantity or leave the lines out"),
}

Bought = dict[tuple[str, StockId], int]  # pieces of hot variants and slots by buyer


def keep_within_share(order: Placed, bought: Bought, rules: Rules) -> None:
    """Raise `limit_exceeded` for more of what is hot than one buyer gets, so that no script holds the shop."""
    for stock_id, count in pieces(order).items() if rules.hot else ():
        if stock_id in rules.hot and bought.get((order.asked.buyer_ref, stock_id), 0) + count > rules.hot_pieces:
            most, line = rules.hot_pieces, next(line for line in order.lines if line.stock_id == stock_id)
            raise Rejected("limit_exceeded", f"A buyer gets {most} of this.", **_named(line), max_quantity=most)


def count_share(order: Placed, bought: Bought, rules: Rules) -> None:
    """Count what an order takes of what is hot, for the buyer's next one."""
    for stock_id, count in pieces(order).items() if rules.hot else ():
        if stock_id in rules.hot:
            key = (order.asked.buyer_ref, stock_id)
            bought[key] = bought.get(key, 0) + count


def _is_slot_of(stock: Stock, line: Line) -> bool:
    return stock.is_slot and stock.variant_id == line.listing.variant_id


def _short(line: Line, needed: Mapping[StockId, int], free: Mapping[StockId, int]) -> dict[str, Any]:
    stock_id = line.stock_id
    return {**_named(line), "wanted": needed[stock_id], "available": max(0, free.get(stock_id, 0))}


def _named(line: Line) -> dict[str, Any]:
    """Which line it is; a good has no slot."""
    named = {"listing_id": line.listing.listing_id, "variant_id": line.listing.variant_id}
    return named | {"slot_id": line.slot_id} if line.slot_id else named


def _check_limits(asked: PlaceOrder, rules: Rules) -> None:
    if len(asked.lines) > rules.max_lines:
        raise Rejected("limit_exceeded", f"An order has at most {rules.max_lines} lines.", max_lines=rules.max_lines)
    if any(line.qty > rules.max_quantity for line in asked.lines):
        most = rules.max_quantity
        raise Rejected("limit_exceeded", f"A line has at most {most} pieces.", max_quantity=most)


def _find(asked: PlaceOrder, shelf: Shelf) -> dict[ListingId, Listing]:
    wanted = {line.listing_id: shelf.listings.get(line.listing_id) for line in asked.lines}
    if reasons := {one: why for one, listing in wanted.items() if (why := _why_not(listing, asked))}:
        refused = {one: why for one, why in reasons.items() if one not in shelf.coming}
        if refused:
            lines = [{"listing_id": one, "reason": why} for one, why in sorted(refused.items())]
            raise Rejected("unknown_listing", " ".join(sorted(set(refused.values()))), lines=lines)
        raise NotReady(listing_ids=sorted(reasons))
    return {one: listing for one, listing in wanted.items() if listing}


def _why_not(listing: Listing | None, asked: PlaceOrder) -> str | None:
    """Why a listing can't be ordered here and now; None when it can."""
    if listing is None:
        return "There is no such listing."
    if listing.storefront_id != asked.storefront_id:
        return "The listing belongs to another storefront."
    if listing.loadtest != asked.loadtest:
        return "A load test orders from its own suppliers, and nobody else does."
    if listing.product_state != "published":
        return "The product is off sale."
    if listing.adoption_state != "active" or listing.listing_state != "active":
        return "The storefront does not sell it at the moment."
    if listing.offer_state != "active" or not listing.on_sale or listing.terms is None or listing.price is None:
        return "The supplier's offer is not in force."
    return None


def _check_kinds(asked: PlaceOrder, listings: Mapping[ListingId, Listing]) -> None:
    """A service is had in a slot, a good is not."""
    wrong = [line for line in asked.lines if (listings[line.listing_id].kind == "service") is not bool(line.slot_id)]
    if wrong:
        lines = [{"listing_id": line.listing_id, "reason": _MISPLACED[bool(line.slot_id)]} for line in wrong]
        raise Rejected("slot_invalid", " ".join(sorted({line["reason"] for line in lines})), lines=lines)


_MISPLACED = {True: "A good has no slots: leave slot_id out.", False: "Choose a slot of the service: send slot_id."}


def _check_prices(asked: PlaceOrder, listings: Mapping[ListingId, Listing]) -> None:
    currency = price_of(listings[asked.lines[0].listing_id]).currency
    changed: list[dict[str, Any]] = []
    for line in asked.lines:
        price = price_of(listings[line.listing_id])
        if not (currency == price.currency == line.unit_price.currency):
            sold_in = sorted({price_of(each).currency for each in listings.values()})
            raise Rejected("currency_mismatch", f"One order, one currency; these are sold in {', '.join(sold_in)}.")
        if line.unit_price.amount != price.amount:
            changed.append({"listing_id": line.listing_id, "price": price})
    if changed:
        raise Rejected("price_changed", "Show the buyer the price in force and ask again.", lines=changed)


def _check_delivery(asked: PlaceOrder, listings: Mapping[ListingId, Listing]) -> None:
    region, cod = asked.ship_to.region, asked.payment == "cod"
    found = listings.values()
    if refusing := [listing.listing_id for listing in found if cod and not listing.cod_allowed]:
        ids, advice = sorted(refusing), "Pay these in advance, or order them apart."
        raise Rejected("cod_not_available", advice, reason="supplier", listing_ids=ids)
    if afar := [listing.listing_id for listing in found if listing.regions and region not in listing.regions]:
        raise Rejected("region_not_served", f"These are not delivered to {region}.", listing_ids=sorted(afar))


def _risk(asked: PlaceOrder, histories: Histories, rules: Rules) -> Risk | None:
    """None when there is no cash to come back, or nobody asks: a load test's says nothing of people."""
    if rules.risk is None or asked.payment != "cod" or asked.loadtest:
        return None
    buyer = histories.buyers.get(asked.buyer_ref, UNKNOWN)
    return assess(buyer, histories.regions.get(asked.ship_to.region, UNKNOWN), rules.risk)

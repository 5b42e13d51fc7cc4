"""Sixty buyers: how each came, what they bought, how they pay, and what becomes of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final, Literal

from shared.kernel.ids import new_id
from wanpu.demo import samples
from wanpu.demo.client import Answer, Caller, DemoError, Json, Platform, money, until
from wanpu.demo.market import Listing, Market, Shop

COD_LIMIT: Final = 20_000  # fen: from here on cash on delivery is confirmed by a code (orders' setting)
ENTRY_POINTS: Final = ("search", "account", "article", "share", "group", "direct")
TRIES = 500  # to find a basket of the wanted size; about one in three fits
ENDED_WELL: Final = frozenset({"FULFILLED", "COMPLETED"})


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of some of the orders; `ways` are the carrier's, one after the other."""

    name: str
    orders: int
    payment: Literal["cod", "prepaid"]
    size: Literal["small", "large", "any"]
    ends: frozenset[str]
    ways: tuple[str, ...] = ()

    @property
    def by_code(self) -> bool:
        """Whether the buyer has to type a code."""
        return self.payment == "cod" and self.size == "large"


COD_BELOW = Fate(
    *("COD below the limit, delivered", 20, "cod", "small", ENDED_WELL),
    ways=("deliver", "deliver", "fail_once", "duplicate", "late"),
)
COD_ABOVE = Fate("COD above it, confirmed by code, delivered", 9, "cod", "large", ENDED_WELL, ways=("deliver",))
PREPAID = Fate("prepaid, delivered", 12, "prepaid", "any", ENDED_WELL, ways=("deliver", "fail_once"))
CALLED_OFF = Fate("cancelled before it was confirmed", 3, "prepaid", "any", frozenset({"CANCELLED"}))
CALLED_BACK = Fate("cancelled after it, before hand-over", 4, "cod", "small", frozenset({"CLOSED"}))
TOO_LATE = Fate("cancelled too late, delivered", 2, "cod", "small", ENDED_WELL, ways=("deliver",))
UNPAID = Fate("prepaid and never paid: expired", 2, "prepaid", "any", frozenset({"EXPIRED"}))
UNANSWERED = Fate("COD and never confirmed: expired", 2, "cod", "large", frozenset({"EXPIRED"}))
REFUSED = Fate("refused at the door: back in stock", 4, "cod", "small", frozenset({"CLOSED"}), ways=("refuse",))
NOT_HOME = Fate("nobody home three times", 1, "cod", "small", frozenset({"CLOSED"}), ways=("fail_attempts",))
LOST = Fate("lost on its way", 1, "prepaid", "any", frozenset({"CLOSED"}), ways=("lose",))
FATES: Final = (
    *(COD_BELOW, COD_ABOVE, PREPAID, CALLED_OFF, CALLED_BACK, TOO_LATE),
    *(UNPAID, UNANSWERED, REFUSED, NOT_HOME, LOST),
)


@dataclass(frozen=True, slots=True)
class Basket:
    """What one buyer wants: listings of one shop with quantities."""

    shop: Shop
    lines: tuple[tuple[Listing, int], ...]

    @property
    def payable(self) -> int:
        return sum(listing.price * qty for listing, qty in self.lines)

    @property
    def suppliers(self) -> int:
        return len({listing.variant.supplier_id for listing, _ in self.lines})


@dataclass(frozen=True, slots=True)
class Order:
    """An order that stands, and what is to become of it."""

    order_id: str
    order_no: str
    buyer: Caller
    fate: Fate
    entry_point: str
    basket: Basket
    pay_url: str | None
    payment_id: str | None


async def place_orders(market: Market, chance: random.Random) -> list[Order]:
    """All but the two that `sell_out` places, many at once; fates, shops and entry points take turns."""
    shops, ways = cycle(market.shops), cycle(ENTRY_POINTS)
    fates = [fate for fate in FATES if fate is not UNPAID for _ in range(fate.orders)]
    plans = [(fate, fill(fate, next(shops), chance), next(ways)) for fate in fates]
    return await asyncio.gather(*(_place(market, fate, basket, way) for fate, basket, way in plans))


async def sell_out(market: Market) -> tuple[list[Order], int]:
    """Four buyers of five pieces, one after the other: two orders that nobody pays, and how many were refused."""
    shop, listing = market.scarce
    placed, refused = [], 0
    for qty in (samples.SCARCE_PIECES - 1, 3, 1, 1):
        order, answer = await _try(market, UNPAID, Basket(shop, ((listing, qty),)), "search")
        placed += [order] if order else []
        refused += answer.code == "out_of_stock"
    if (len(placed), refused) != (UNPAID.orders, 2):
        raise DemoError(f"of four buyers of five pieces two should have got theirs, not {len(placed)}")
    return placed, refused


def fill(fate: Fate, shop: Shop, chance: random.Random) -> Basket:
    """One to three lines that come to the size the fate wants."""
    for _ in range(TRIES):
        chosen = chance.sample(shop.plenty, chance.choice((1, 2, 2, 3)))
        basket = Basket(shop, tuple((listing, chance.choice((1, 1, 2))) for listing in chosen))
        fits = {"small": basket.payable < COD_LIMIT, "large": basket.payable >= COD_LIMIT, "any": True}
        if fits[fate.size]:
            return basket
    raise DemoError(f"no basket of {shop.name} is {fate.size}: its prices do not allow it")


async def _place(market: Market, fate: Fate, basket: Basket, entry_point: str) -> Order:
    order, answer = await _try(market, fate, basket, entry_point)
    if order is None:
        raise DemoError(f"an order of {basket.shop.name} was answered {_said(answer)}")
    return order


async def _try(market: Market, fate: Fate, basket: Basket, entry_point: str) -> tuple[Order | None, Answer]:
    """Arrive and order as a new buyer; the order is None when it was refused."""
    buyer = market.platform.caller("buyer", f"buyer-{new_id()}")
    touch = await arrive(market, basket.shop, entry_point, buyer.party)
    answer = await buyer.order(body_of(basket, buyer.party, fate.payment, touch))
    if answer.status != 201:
        return None, answer
    placed, payment = answer.body, answer.body.get("payment") or {}
    if placed["payable"] != money(basket.payable):
        raise DemoError(f"{placed['order_no']} costs {placed['payable']}, its basket {basket.payable}")
    agreed = (placed["order_id"], placed["order_no"], buyer, fate, entry_point, basket)
    return Order(*agreed, payment.get("pay_url"), payment.get("payment_id")), answer


async def arrive(market: Market, shop: Shop, entry_point: str, viewer: str) -> str:
    """The touch a browser would carry; from an article with its place in it, shared by another creator."""
    body: Json = {"storefront_id": shop.storefront_id, "entry_point": entry_point, "viewer_ref": viewer}
    if entry_point == "article":
        body |= {"content_id": shop.content_id, "position": 1}
    if entry_point == "share":
        others = [each.creator_id for each in market.shops if each.creator_id != shop.creator_id]
        body |= {"shared_by": others[market.shops.index(shop) % len(others)]}
    if entry_point == "group":
        body |= {"group_id": new_id()}
    touch: str = (await market.platform.caller("buyer", viewer).post("storefront", "/touches", body))["touch"]
    return touch


def body_of(basket: Basket, buyer: str, payment: str, touch: str | None) -> Json:
    """The body of `POST /orders`."""
    name, region, address = samples.ADDRESSES[sum(buyer.encode()) % len(samples.ADDRESSES)]
    body: Json = {
        "storefront_id": basket.shop.storefront_id,
        "buyer_ref": buyer,
        "payment": payment,
        "lines": [_line(listing, qty) for listing, qty in basket.lines],
        "ship_to": {"name": name, "phone": "+86 138 0000 0000", "region": region, "address": address},
    }
    return body | ({"touch": touch} if touch else {})


def _line(listing: Listing, qty: int) -> Json:
    line: Json = {"listing_id": listing.listing_id, "qty": qty, "unit_price": money(listing.price)}
    return line | ({"slot_id": listing.slot_id} if listing.slot_id else {})


async def settle(platform: Platform, orders: Sequence[Order]) -> None:
    """Buyers pay, type their codes, or change their minds; some do nothing."""
    await asyncio.gather(*(_settle(platform, order) for order in orders))


async def _settle(platform: Platform, order: Order) -> None:
    if order.fate is CALLED_OFF:
        await order.buyer.post("orders", f"/orders/{order.order_id}/cancel", {"reason": "found it nearer by"})
    elif order.fate in (PREPAID, LOST):
        await pay(platform, order)
    elif order.fate is COD_ABOVE:
        await confirm(platform, order)


async def pay(platform: Platform, order: Order) -> None:
    """Press the provider's button; it calls the platform back."""
    assert order.pay_url is not None
    control = {"behaviour": "capture", "delay_seconds": 0.1}
    told = await platform.send("POST", "psp", f"/control/payments/{order.payment_id}", json=control)
    pressed = await platform.http.post(order.pay_url)
    if told.status != 204 or pressed.status_code != 200:
        raise DemoError(f"{order.order_no} could not be paid: {told} {pressed.status_code} {pressed.text[:200]}")


async def confirm(platform: Platform, order: Order) -> None:
    """Read the code from the buyer's phone and type it, wrongly at first."""
    code = await code_on_phone(platform, order)
    wrong = f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"
    path = f"/orders/{order.order_id}/confirm"
    refused = await order.buyer.ask("POST", "orders", path, {"code": wrong})
    if refused.code != "wrong_code":
        raise DemoError(f"a wrong code for {order.order_no} was answered {_said(refused)}")
    await order.buyer.post("orders", path, {"code": code})


async def code_on_phone(platform: Platform, order: Order) -> str:
    """Wait until the phone shows the order's code."""

    async def look() -> str | None:
        said = await platform.send("GET", "phone", f"/phones/{order.buyer.party}/messages")
        codes = [each["code"] for each in said.body.get("items", []) if each["order_id"] == order.order_id]
        return codes[-1] if codes else None

    return await until(f"the code of {order.order_no} is on the buyer's phone", look)


def _said(answer: Answer) -> str:
    return f"{answer.status} {answer.code} {answer.body.get('detail', '')}".strip()

"""F10, cancel against hand-over: a thousand buyers change their minds just when the supplier gives the parcel away."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeVar

from shared.kernel.ids import new_id
from tests.failures.platform import KEEPER, Site, on_platform
from tests.failures.rig import require
from wanpu.demo.client import Answer, Caller, Json, Platform, until
from wanpu.demo.market import Listing, Market, Shop, onboard, open_shop
from wanpu.demo.place import Place
from wanpu.demo.samples import Deal, Item, Supplier
from wanpu.demo.shopping import Basket, body_of
from wanpu.reconcile.kept import snapshot

ORDERS = 1_000
AT_ONCE = 32  # orders under way
CALLS = 4 * AT_ONCE  # both sides of an order, each perhaps twice at once
AT_LEAST = ORDERS // 10  # of each outcome, else it was no race
LEAD_SECONDS = (0.005, 5.0)  # how much earlier one side begins: about as long as an event is under way, idle or busy
BUYER_FIRST = 2 / 3  # of the orders where one side begins: the buyer's word has the longer way
TOGETHER = 0.2  # of the orders: neither side begins earlier
REPEATED = 0.3  # of the requests go out a second time with their key, half of them at the same moment
QUIET_SECONDS = 120.0
PIECES = 2_000  # of each variant: nobody is refused for want of stock
SKUS = ("jam", "tofu", "noodles", "pickles")
MILL = Supplier(
    "磨坊 The Mill",
    "CN-SC",
    tuple(Item(sku, sku.title(), "food", (("one", 3_000 + 500 * n),), "", PIECES) for n, sku in enumerate(SKUS)),
    (Deal("commission", SKUS, 120_000),),
)

T = TypeVar("T")
R = TypeVar("R")


class End(NamedTuple):
    """Where an order, its lines, its parcel and the parcel's cash stand."""

    order: str
    cancellation: str | None
    part: str
    lines: str
    parcel: str
    cash: str


CALLED_OFF, TOO_LATE, KNOWN = "called off", "refused by the parcel's row", "refused at once"
OUTCOMES = {(202, 409): CALLED_OFF, (202, 200): TOO_LATE, (409, 200): KNOWN}  # by the answers to buyer and supplier
ENDS = {
    CALLED_OFF: End("CLOSED", "DONE", "CANCELLED", "CANCELLED", "CANCELLED", "REVERSED"),
    TOO_LATE: End("CONFIRMED", "REFUSED", "HANDED_OVER", "SHIPPED", "HANDED_OVER", "DUE"),
    KNOWN: End("CONFIRMED", None, "HANDED_OVER", "SHIPPED", "HANDED_OVER", "DUE"),
}
REFUSALS = {"handed_over", "cancelled"}

_READY = """
    SELECT count(*) FROM logistics.shipments s JOIN logistics.delivery_details d USING (order_id)
     WHERE s.state = 'CREATED'
"""
_ENDS = """
    SELECT o.order_id::text, o.state, o.cancellation, p.state AS part,
           (SELECT string_agg(DISTINCT l.state, ' ') FROM orders.lines l WHERE l.order_id = o.order_id) AS lines,
           s.state AS parcel, c.state AS cash
      FROM orders.orders o JOIN orders.supplier_orders p ON p.order_id = o.order_id
           LEFT JOIN logistics.shipments s ON s.supplier_order_id = p.supplier_order_id
           LEFT JOIN logistics.cod_cash c ON c.shipment_id = s.shipment_id
"""
_STOCK = "SELECT variant_id::text, received, reserved, sold FROM orders.stock"
_TRAVELS_CANCELLED = """
    SELECT count(*) FROM orders.lines l JOIN logistics.shipments s USING (supplier_order_id)
     WHERE l.state IN ('CANCELLED', 'RELEASED') AND s.state <> 'CANCELLED'
"""


class Crowd(Platform):
    """A platform that many reach at once."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._turns = asyncio.Semaphore(CALLS)
        return self


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was confirmed as it was placed."""

    order_id: str
    buyer: Caller
    basket: Basket


@dataclass(frozen=True, slots=True)
class Race:
    """Which side of an order begins, by how much, and what each sends again; drawn before anything is asked."""

    lead_seconds: float  # of the buyer; negative: of the supplier
    buyer_again: str
    supplier_again: str

    @classmethod
    def draw(cls, chance: random.Random) -> Self:
        """Leads are spread evenly over their magnitudes: some are as long as the event's way, whatever that is."""
        low, high = map(math.log, LEAD_SECONDS)
        lead = math.exp(chance.uniform(low, high)) * (1 if chance.random() < BUYER_FIRST else -1)
        together = chance.random() < TOGETHER
        return cls(0.0 if together else lead, _again(chance), _again(chance))


@dataclass(frozen=True, slots=True)
class Raced:
    """The answers to both sides of an order, repetitions after the first."""

    placed: Placed
    cancel: Sequence[Answer]
    hand_over: Sequence[Answer]

    @property
    def outcome(self) -> str:
        answers = (self.cancel[0], self.hand_over[0])
        found = OUTCOMES.get((answers[0].status, answers[1].status))
        refusals = {answer.code for answer in answers} - {""}
        require(found is not None and refusals <= REFUSALS, f"{self.placed.order_id} was answered {answers}")
        return str(found)


def f10_hand_over(seed: int) -> str:
    """A thousand orders, cancelled and handed over at about the same time, on the whole platform."""
    return on_platform(_f10, seed)


async def _f10(site: Site) -> str:
    where, chance = site.place, site.chance
    async with Crowd(where.urls, where.keys) as platform:
        shop = await _open(platform)
        orders = await _place(platform, shop, chance)
        await _until_parcels_can_go(where)
        parcels = await _parcels(platform, shop)
        raced = await _race(platform, orders, parcels, chance)
        await site.drained(time.monotonic(), QUIET_SECONDS)
        outcomes = _outcomes(raced)
        _require_same_answers(raced)
        _require_ends(raced, await _seen(platform, shop, orders), "by the API")
        await _audit(where, raced)
        checks = await site.hold(platform.history)
    repeated = sum(len(each.cancel) + len(each.hand_over) - 2 for each in raced)
    told = ", ".join(f"{outcomes[name]} {name}" for name in ENDS)
    return f"{len(raced)} orders: {told}; {repeated} repetitions answered the same; stock adds up; {checks} checks hold"


async def _open(platform: Platform) -> Shop:
    market = Market(platform)
    return await open_shop(market, KEEPER, await onboard(market, MILL), markup=0)


async def _place(platform: Platform, shop: Shop, chance: random.Random) -> list[Placed]:
    async def place_one(basket: Basket) -> Placed:
        buyer = platform.caller("buyer", f"buyer-{new_id()}")
        answer = await buyer.order(body_of(basket, buyer.party, "cod", None))
        stands = answer.status == 201 and answer.body["state"] == "CONFIRMED"
        require(stands, f"an order was answered {answer}")
        return Placed(answer.body["order_id"], buyer, basket)

    return await _bounded(place_one, [_basket(shop, chance) for _ in range(ORDERS)])


def _basket(shop: Shop, chance: random.Random) -> Basket:
    lines: list[tuple[Listing, int]] = [
        (listing, chance.choice((1, 1, 2))) for listing in chance.sample(shop.listings, chance.choice((1, 1, 2)))
    ]
    return Basket(shop, tuple(lines))


async def _until_parcels_can_go(where: Place) -> None:
    async def look() -> bool | None:
        async with snapshot(where.auditor_dsn) as kept:
            return (await kept.tx.fetchval(_READY)) == ORDERS or None

    await until(f"{ORDERS} parcels with their addresses", look, QUIET_SECONDS)


async def _parcels(platform: Platform, shop: Shop) -> dict[str, Json]:
    """The supplier's parcels by order, as the supplier lists them."""
    supplier = _supplier(platform, shop)
    found: dict[str, Json] = {}
    query = {"limit": "100"}
    while True:
        page = await supplier.get("logistics", "/shipments", **query)
        found |= {parcel["order_id"]: parcel for parcel in page["items"]}
        if not page["next_cursor"]:
            return found
        query["cursor"] = page["next_cursor"]


async def _race(
    platform: Platform, orders: Sequence[Placed], parcels: Mapping[str, Json], chance: random.Random
) -> list[Raced]:
    """Both sides of every order, in an order of its own."""
    supplier = _supplier(platform, orders[0].basket.shop)

    async def run(drawn: tuple[Placed, Race]) -> Raced:
        placed, race = drawn
        cancel = f"/orders/{placed.order_id}/cancel"
        hand_over = f"/shipments/{parcels[placed.order_id]['shipment_id']}/hand-over"
        waybill = {"carrier": "sandbox", "waybill": f"F10{new_id()[-12:].upper()}"}
        buyers = Ask(placed.buyer, "orders", cancel, {"reason": "changed my mind"})
        suppliers = Ask(supplier, "logistics", hand_over, waybill)
        answers = await asyncio.gather(
            buyers.after(-race.lead_seconds, race.buyer_again), suppliers.after(race.lead_seconds, race.supplier_again)
        )
        return Raced(placed, *answers)

    return await _bounded(run, [(placed, Race.draw(chance)) for placed in chance.sample(orders, len(orders))])


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to be sent, perhaps again with its key."""

    caller: Caller
    service: str
    path: str
    body: Json

    async def after(self, seconds: float, again: str) -> list[Answer]:
        """Send it when its time has come; `again`: at the same moment, afterwards, or never."""
        await asyncio.sleep(max(0.0, seconds))
        key = new_id()
        answers = await asyncio.gather(*(self._send(key) for _ in range(2 if again == "at once" else 1)))
        return [*answers, await self._send(key)] if again == "afterwards" else answers

    async def _send(self, key: str) -> Answer:
        answer = await self.caller.ask("POST", self.service, self.path, self.body, key=key)
        decided = {name: value for name, value in answer.body.items() if name != "trace_id"}  # each try has its own
        return Answer(answer.status, decided)


def _again(chance: random.Random) -> str:
    return chance.choice(("at once", "afterwards")) if chance.random() < REPEATED else "never"


def _outcomes(raced: Sequence[Raced]) -> Counter[str]:
    found = Counter(each.outcome for each in raced)
    called_off = found[CALLED_OFF]
    enough = AT_LEAST <= called_off <= len(raced) - AT_LEAST
    require(enough and found[TOO_LATE] > 0, f"that was no race: {dict(found)}")
    return found


def _require_same_answers(raced: Sequence[Raced]) -> None:
    sides = [answers for each in raced for answers in (each.cancel, each.hand_over)]
    wrong = [answers for answers in sides if any(answer != answers[0] for answer in answers)]
    require(not wrong, f"{len(wrong)} requests got another answer the second time: {wrong[:2]}")


async def _seen(platform: Platform, shop: Shop, orders: Sequence[Placed]) -> dict[str, End]:
    """Every order as its buyer sees it, with its parcel as the supplier sees it."""
    parcels = await _parcels(platform, shop)

    async def see(placed: Placed) -> tuple[str, End]:
        order, parcel = await placed.buyer.get("orders", f"/orders/{placed.order_id}"), parcels[placed.order_id]
        lines = " ".join(sorted({line["state"] for line in order["lines"]}))
        (part,) = order["supplier_orders"]
        end = End(
            *(order["state"], order.get("cancellation"), part["state"], lines),
            *(parcel["parcel_state"], parcel["cash_state"]),
        )
        return placed.order_id, end

    return dict(await _bounded(see, orders))


def _require_ends(raced: Sequence[Raced], seen: Mapping[str, End], how: str) -> None:
    wrong = [
        f"{each.placed.order_id}, {each.outcome}: {seen.get(each.placed.order_id)}"
        for each in raced
        if seen.get(each.placed.order_id) != ENDS[each.outcome]
    ]
    require(not wrong, f"{how} {len(wrong)} orders ended otherwise than was answered: {'; '.join(wrong[:3])}")


async def _audit(where: Place, raced: Sequence[Raced]) -> None:
    """The same by the tables, and stock by what the driver itself sold."""
    async with snapshot(where.auditor_dsn) as kept:
        ends = {row[0]: End(*row[1:]) for row in map(tuple, await kept.tx.fetch(_ENDS))}
        stock = {row["variant_id"]: tuple(row)[1:] for row in await kept.tx.fetch(_STOCK)}
        travels = await kept.tx.fetchval(_TRAVELS_CANCELLED)
    _require_ends(raced, ends, "by the tables")
    require(travels == 0, f"{travels} cancelled lines travel")
    sold: Counter[str] = Counter()
    for each in raced:
        for listing, qty in each.placed.basket.lines:
            sold[listing.variant.variant_id] += qty if each.outcome != CALLED_OFF else 0
    meant = {variant: (PIECES, 0, number) for variant, number in sold.items()}
    require(stock == meant, f"received, reserved and sold are {stock}; by the answers {meant}")


def _supplier(platform: Platform, shop: Shop) -> Caller:
    return platform.caller("supplier", shop.listings[0].variant.supplier_id)


async def _bounded(do: Callable[[T], Awaitable[R]], of: Sequence[T]) -> list[R]:
    """All of it, so many at once, results in the order given."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(each: T) -> R:
        async with turns:
            return await do(each)

    return await asyncio.gather(*(one(each) for each in of))

"""F10, the hot parts: a thousand pieces for 5,000 buyers, one variant twice in a cart, goods with a service, second
thoughts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from shared.kernel.ids import new_id
from tests.failures.buyers import Book, Buyers, Wish
from tests.failures.platform import CHEAP, CONNECTIONS, Site, on_platform, open_market
from tests.failures.rig import require
from wanpu.demo.client import Platform
from wanpu.demo.market import Listing, Shop, adopt, make_offer, publish
from wanpu.demo.samples import Deal, Item
from wanpu.demo.shopping import Basket, body_of
from wanpu.reconcile import History
from wanpu.reconcile.kept import snapshot

PIECES = {"hot": 1_000, "pair": 500, "fickle": 200, "kit": 300, "tea": 150}
PLACES = {"kit": 250, "tea": 250}  # in the slot of a service that is bought with these
BUYERS = 5_000
CARTS = 400  # with two lines of the variant that there are pieces of for 250
FICKLE_BUYERS = 600  # for 200 pieces, half of which come back at once
AT_ONCE = 8
QUIET_SECONDS = 60.0
LOOK_SECONDS = 0.02

_STOCK = "SELECT stock_id::text, received - reserved - sold AS free, reserved + sold AS taken FROM orders.stock"
SAYS = {"out_of_stock", "slot_full"}


def f10_hot(seed: int) -> str:
    """What is scarce is sold to the last piece, by two intake processes, and no piece more."""
    return on_platform(_f10, seed)


async def _f10(site: Site) -> str:
    await site.double(["orders"])
    shop = await open_market(site, **PIECES)
    slots = await _open_slots(site, shop)
    over = asyncio.Event()
    watch = asyncio.create_task(_lowest(site, over))
    buyers, began = Buyers(site.place.keys, BUYERS), time.monotonic()
    async with site.platform() as platform:
        hot, pair, carts, cancelled = await asyncio.gather(
            _rush(site, list(_wishes(buyers, _basket(shop, "hot"), BUYERS)), CONNECTIONS),
            _rush(site, list(_wishes(buyers, _basket(shop, "pair", "pair"), CARTS)), AT_ONCE),
            _rush(site, _mixed(site, buyers, shop, slots), AT_ONCE),
            _change_minds(site, platform, _basket(shop, "fickle")),
        )
    seconds = time.monotonic() - began
    over.set()
    lowest = await watch
    await site.drained(time.monotonic(), QUIET_SECONDS)
    taken, most = await _stock(site), PIECES | {sku: min(PIECES[sku], PLACES[sku]) for sku in PLACES}
    pieces = {sku: taken[_variant(shop, sku)][1] for sku in PIECES}
    places = {sku: taken[listing.slot_id or ""][1] for sku, listing in slots.items()}
    history = History([asked for book in (platform, hot, pair, carts) for asked in book.history.asked])
    checks = await site.hold(history)
    told = (
        f"{BUYERS} buyers in {seconds:.0f} s: {hot}; {CARTS} carts with a variant twice: {pair}; "
        f"{2 * CARTS} carts of goods with a service: {carts}, {places} of {PLACES} places taken; "
        f"{cancelled} of the fickle cancelled and their pieces were sold again: {pieces} of {PIECES} sold, "
        f"never fewer than {lowest} free; each refusal names its lines; {checks} checks hold"
    )
    stand = [len(book.history.orders()) for book in (hot, pair, carts)]
    due = [PIECES["hot"], PIECES["pair"] // 2, sum(most[sku] for sku in PLACES)]
    require((pieces, places, stand, lowest) == (most, {sku: most[sku] for sku in PLACES}, due, 0), told)
    return told


async def _open_slots(site: Site, shop: Shop) -> dict[str, Listing]:
    """A service in the shop, listed once for each thing it is bought with, in a slot of its own."""
    async with site.platform() as platform:
        supplier = platform.caller("supplier", shop.listings[0].variant.supplier_id)
        creator = platform.caller("creator", shop.creator_id)
        lesson = Item("lesson", "Lesson", "food", (("an hour", CHEAP),), kind="service")
        offer = await make_offer(
            supplier, Deal("commission", ("lesson",), 120_000), {"lesson": await publish(supplier, lesson)}
        )
        (listing,) = await adopt(creator, shop.storefront_id, offer, markup=0)
        begins = datetime.now(UTC) + timedelta(hours=1)
        when = {"starts_at": begins.isoformat(), "ends_at": (begins + timedelta(hours=1)).isoformat()}
        what = {"variant_id": listing.variant.variant_id, "provider": "Miller", **when}
        opened = {sku: await supplier.post("catalog", "/slots", {**what, "capacity": PLACES[sku]}) for sku in PLACES}
    await site.drained(time.monotonic(), QUIET_SECONDS)  # orders knows them
    return {sku: replace(listing, slot_id=each["slot_id"]) for sku, each in opened.items()}


def _mixed(site: Site, buyers: Buyers, shop: Shop, slots: Mapping[str, Listing]) -> list[Wish]:
    """Carts of goods with a service: the one kind lacks places first, the other pieces."""
    wishes: list[Wish] = []
    for sku, service in slots.items():
        (goods,) = _basket(shop, sku).lines
        wishes += _wishes(buyers, Basket(shop, ((service, 1), goods)), CARTS)
    site.chance.shuffle(wishes)
    return wishes


def _basket(shop: Shop, *skus: str) -> Basket:
    """One piece a line."""
    listings = {each.variant.sku: each for each in shop.listings}
    return Basket(shop, tuple((listings[sku], 1) for sku in skus))


def _variant(shop: Shop, sku: str) -> str:
    return next(each.variant.variant_id for each in shop.listings if each.variant.sku == sku)


def _wishes(buyers: Buyers, basket: Basket, number: int) -> Iterator[Wish]:
    return (buyers.wish(party, basket, "cod") for party in buyers.parties[:number])


async def _rush(site: Site, wishes: list[Wish], connections: int) -> Book:
    """All of them at once; who is refused hears of which lines, and how few there are."""
    book = Book()
    await book.ask(site.orders, wishes, connections)
    await book.settle(site.orders)
    refused = len(wishes) - len(book.history.orders())
    require(
        len(book.refused) == refused, f"{refused} orders do not stand, and {len(book.refused)} were refused: {book}"
    )
    vague = [body for body in book.refused if body["code"] not in SAYS or not _names_lines(body["lines"])]
    require(not vague, f"{len(vague)} refusals do not say what lacks: {vague[:2]}")
    return book


def _names_lines(lines: list[dict[str, int]]) -> bool:
    return bool(lines) and all(0 <= line["available"] < line["wanted"] for line in lines)


async def _change_minds(site: Site, platform: Platform, basket: Basket) -> int:
    """Who gets a piece cancels half of the time, and others buy meanwhile, until all are gone; how many cancelled."""
    turns, cancelled = asyncio.Semaphore(AT_ONCE), 0

    async def buy(stays: bool) -> None:
        nonlocal cancelled
        async with turns:
            buyer = platform.caller("buyer", f"fickle-{new_id()}")
            answer = await buyer.order(body_of(basket, buyer.party, "prepaid", None))
            require(answer.status == 201 or answer.code == "out_of_stock", f"a fickle buyer was answered {answer}")
            if answer.status == 201 and not stays:
                await buyer.post("orders", f"/orders/{answer.body['order_id']}/cancel", {"reason": "changed my mind"})
                cancelled += 1

    await asyncio.gather(*(buy(site.chance.random() < 0.5) for _ in range(FICKLE_BUYERS)))
    await asyncio.gather(*(buy(stays=True) for _ in range(PIECES["fickle"])))
    return cancelled


async def _lowest(site: Site, over: asyncio.Event) -> int:
    """The fewest free pieces of any variant that were ever committed."""
    lowest = min(PIECES.values())
    while not over.is_set():
        lowest = min(lowest, *(free for free, _ in (await _stock(site)).values()))
        await asyncio.sleep(LOOK_SECONDS)
    return min(lowest, *(free for free, _ in (await _stock(site)).values()))


async def _stock(site: Site) -> dict[str, tuple[int, int]]:
    """By variant and slot what is free and what is taken."""
    async with snapshot(site.place.auditor_dsn) as kept:
        return {row[0]: (row["free"], row["taken"]) for row in await kept.tx.fetch(_STOCK)}

"""A market that only load tests can buy in, built by the public API on any stack whose operator's key is at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from shared.kernel.ids import new_id
from wanpu.demo.client import Caller, DemoError, Json, Platform, money, until

VARIANTS = 1_000
A_PRODUCT = 200  # variants that one product and one offer hold at most (services/catalog/http/requests.py)
A_DELIVERY = 1_000  # lines that a stock delivery holds at most
A_CART = 50  # lines of an order that the platform takes by default
PIECES = 5_000_000  # of each variant: 36 minutes of the field's peak, 2,300 a second, on one of them
CHEAPEST, DEAREST, STEP = 5_000, 10_000, 100  # fen: the field's CNY 50 to 100, where cash on delivery needs no code
SHIP_TO: Json = {"name": "Load test", "phone": "13800000000", "region": "CN-ZJ", "address": "1 Test Lane"}
ARRIVAL_SECONDS = 120.0  # for supplier, products, offers, adoptions and stock to arrive in orders


@dataclass(frozen=True, slots=True)
class Listing:
    """A variant in the storefront; `price` in fen."""

    listing_id: str
    variant_id: str
    price: int


@dataclass(frozen=True, slots=True)
class Market:
    """What can be ordered, of whom, and whose money it would be if it were real."""

    storefront_id: str
    supplier_id: str
    creator_id: str
    referrer_id: str
    listings: tuple[Listing, ...]


async def build(platform: Platform, variants: int = VARIANTS, pieces: int = PIECES) -> Market:
    """A supplier with so many variants on sale in one shop: for load tests if `platform.loadtest` says so, which it
    must on a platform that anybody else uses.

    Raises:
        DemoError: a call was refused, or what was built did not arrive in time.
    """
    supplier = await _supplier(platform)
    counts = [min(A_PRODUCT, variants - begun) for begun in range(0, variants, A_PRODUCT)]
    products = await asyncio.gather(*(_product(supplier, place, count) for place, count in enumerate(counts)))
    prices = {variant: price for product in products for variant, price in product.items()}
    await _deliver(supplier, tuple(prices), pieces)
    offers = await asyncio.gather(*(_offer(supplier, tuple(product)) for product in products))
    creator, referrer = await asyncio.gather(_creator(platform, "Load test"), _creator(platform, "Load test's friend"))
    storefront_id = await _open(creator)
    adopted = await asyncio.gather(*(_adopt(creator, storefront_id, offer) for offer in offers))
    listings = tuple(Listing(listing, each, prices[each]) for taken in adopted for listing, each in taken)
    market = Market(storefront_id, supplier.party, creator.party, referrer.party, listings)
    await _until_sold(platform, market)
    return market


def price_of(place: int) -> int:
    """The list price of the n-th variant, in fen."""
    return CHEAPEST + place * STEP % (DEAREST - CHEAPEST + STEP)


async def _supplier(platform: Platform) -> Caller:
    body: Json = {"name": "Load test", "kinds": ["good"], "regions": [], "cod_allowed": True}
    made = await platform.operator.post("catalog", "/suppliers", body | {"loadtest": platform.loadtest})
    return platform.caller("supplier", made["supplier_id"])


async def _product(supplier: Caller, place: int, count: int) -> dict[str, int]:
    """A published product; its variants with their prices."""
    prices = [price_of(place * A_PRODUCT + n) for n in range(count)]
    variants = [{"sku": f"LT-{place}-{n}", "spec": {}, "list_price": money(price)} for n, price in enumerate(prices)]
    body: Json = {"supplier_id": supplier.party, "title": f"Load test {place}", "description": "", "kind": "good"}
    made = await supplier.post("catalog", "/products", body | {"category": "loadtest", "variants": variants})
    await supplier.post("catalog", f"/products/{made['product_id']}/publish")
    return dict(zip((each["variant_id"] for each in made["variants"]), prices, strict=True))


async def _deliver(supplier: Caller, variants: Sequence[str], pieces: int) -> None:
    lines = [{"variant_id": each, "delta": pieces, "reason": "load test"} for each in variants]
    for begun in range(0, len(lines), A_DELIVERY):
        await supplier.post("catalog", "/stock-deliveries", {"lines": lines[begun : begun + A_DELIVERY]})


async def _offer(supplier: Caller, variants: Sequence[str]) -> str:
    terms = {"kind": "commission", "creator_ppm": 150_000, "referrer_ppm": 20_000, "platform_ppm": 10_000}
    body: Json = {"supplier_id": supplier.party, "variant_ids": variants, "terms": terms, "adoption": "open"}
    return str((await supplier.post("catalog", "/offers", body))["offer_id"])


async def _creator(platform: Platform, name: str) -> Caller:
    made = await platform.operator.post("storefront", "/creators", {"name": name, "channel": "account"})
    return platform.caller("creator", made["creator_id"])


async def _open(creator: Caller) -> str:
    body = {"creator_id": creator.party, "slug": f"load-{new_id()[-12:]}", "name": "Load test"}
    return str((await creator.post("storefront", "/storefronts", body))["storefront_id"])


async def _adopt(creator: Caller, storefront_id: str, offer_id: str) -> list[tuple[str, str]]:
    """The listings with their variants."""
    made = await creator.post("storefront", f"/storefronts/{storefront_id}/adoptions", {"offer_id": offer_id})
    return [(each["listing_id"], each["variant_id"]) for each in made["listings"]]


async def _until_sold(platform: Platform, market: Market) -> None:
    """Wait until orders has the stock of all listings, and takes an order of each."""
    path, count = f"/storefronts/{market.storefront_id}/listings", len(market.listings)

    async def on_shelf() -> int | None:
        shown = [each async for each in _shelf(platform, path)]
        return sum(each["available"] != "no" for each in shown) == count or None

    await until(f"all {count} listings of the load test are available", on_shelf, ARRIVAL_SECONDS)
    carts = (market.listings[begun : begun + A_CART] for begun in range(0, count, A_CART))
    await asyncio.gather(*(_try(platform, market, cart) for cart in carts))


async def _shelf(platform: Platform, path: str) -> AsyncIterator[Json]:
    cursor: dict[str, str] = {}
    while True:
        page = await platform.operator.get("storefront", path, limit="100", **cursor)
        for each in page["items"]:
            yield each
        if not page.get("next_cursor"):
            return
        cursor = {"cursor": page["next_cursor"]}


async def _try(platform: Platform, market: Market, cart: Sequence[Listing]) -> None:
    """Order one piece of each and think better of it."""
    buyer = platform.caller("buyer", f"load-{new_id()}")
    lines = [{"listing_id": each.listing_id, "qty": 1, "unit_price": money(each.price)} for each in cart]
    body: Json = {"storefront_id": market.storefront_id, "buyer_ref": buyer.party, "payment": "prepaid"}
    answer = await buyer.order(body | {"lines": lines, "ship_to": SHIP_TO})
    if answer.status != 201:
        raise DemoError(f"the load test's market takes no orders: {answer.status} {answer.body}")
    await buyer.post("orders", f"/orders/{answer.body['order_id']}/cancel", {"reason": "load test"})

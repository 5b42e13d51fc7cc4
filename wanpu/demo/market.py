"""Suppliers publish and offer, creators adopt and write: the market that the buyers find."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.kernel.ids import new_id
from wanpu.demo import samples
from wanpu.demo.client import Caller, DemoError, Json, Platform, money, until

REFERRER_PPM = 20_000
PLATFORM_PPM = 10_000
ADOPTIONS = 4  # offers a creator takes, of six: from two or three suppliers
EMBEDS = 3  # listings in an article
SHELF_SECONDS = 60.0  # supplier, product, offer, adoption and stock all have to arrive


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant on sale; `price` in fen."""

    variant_id: str
    sku: str
    title: str
    supplier_id: str
    price: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A published offer and its variants."""

    offer_id: str
    kind: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A variant in a storefront at that shop's price; a service's is had in a slot."""

    listing_id: str
    variant: Variant
    price: int
    slot_id: str | None = None


@dataclass(frozen=True, slots=True)
class Shop:
    """A storefront with what it sells and the article that sells it."""

    creator_id: str
    name: str
    storefront_id: str
    url: str
    listings: tuple[Listing, ...]
    content_id: str
    embedded: tuple[Listing, ...]

    @property
    def plenty(self) -> tuple[Listing, ...]:
        """All but what is meant to sell out."""
        return tuple(each for each in self.listings if each.variant.sku != samples.SCARCE)


@dataclass(slots=True)
class Market:
    """Everything on sale; `names` of parties by id."""

    platform: Platform
    offers: list[Offer] = field(default_factory=list)
    shops: list[Shop] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    suppliers: list[str] = field(default_factory=list)

    @property
    def scarce(self) -> tuple[Shop, Listing]:
        """A shop that sells the scarce thing, and its listing."""
        for shop in self.shops:
            for listing in shop.listings:
                if listing.variant.sku == samples.SCARCE:
                    return shop, listing
        raise DemoError("nobody adopted the offer with the scarce thing: see ADOPTIONS")


async def supply(market: Market) -> None:
    """Suppliers with their products, stock and offers."""
    for group in await asyncio.gather(*(onboard(market, sample) for sample in samples.SUPPLIERS)):
        market.offers += group


async def open_shops(market: Market) -> None:
    """Creators with their storefronts, adoptions and articles, once each listing can be bought."""
    count = len(market.offers)
    taken = [[market.offers[(place + step) % count] for step in range(ADOPTIONS)] for place in range(count)]
    creators = enumerate(samples.CREATORS)
    opened = (open_shop(market, creator, taken[place], markup=2 * place) for place, creator in creators)
    market.shops = await asyncio.gather(*opened)


async def onboard(market: Market, sample: samples.Supplier) -> list[Offer]:
    """A supplier with products on sale, stock and offers."""
    body = {"name": sample.name, "kinds": ["good", "service"], "regions": [], "cod_allowed": True}
    supplier_id = (await market.platform.operator.post("catalog", "/suppliers", body))["supplier_id"]
    market.names[supplier_id] = sample.name
    market.suppliers.append(supplier_id)
    supplier = market.platform.caller("supplier", supplier_id)
    found = await asyncio.gather(*(publish(supplier, item) for item in sample.items))
    variants = {item.sku: each for item, each in zip(sample.items, found, strict=True)}
    await _deliver(supplier, sample.items, variants)
    return [await make_offer(supplier, deal, variants) for deal in sample.deals]


async def publish(supplier: Caller, item: samples.Item) -> tuple[Variant, ...]:
    """A product with its variants, on sale."""
    variants = [
        {"sku": f"{item.sku}-{place}", "spec": {"choice": spec}, "list_price": money(price)}
        for place, (spec, price) in enumerate(item.variants)
    ]
    body: Json = {
        "supplier_id": supplier.party,
        "title": item.title,
        "description": item.text or item.title,
        "kind": item.kind,
        "category": item.category,
        "media": [],
        "variants": variants,
    }
    made = await supplier.post("catalog", "/products", body)
    await supplier.post("catalog", f"/products/{made['product_id']}/publish")
    return tuple(
        Variant(each["variant_id"], item.sku, item.title, supplier.party, price)
        for each, (_, price) in zip(made["variants"], item.variants, strict=True)
    )


async def _deliver(
    supplier: Caller, items: Sequence[samples.Item], variants: Mapping[str, tuple[Variant, ...]]
) -> None:
    lines = [
        {"variant_id": variant.variant_id, "delta": item.pieces, "reason": "first delivery"}
        for item in items
        for variant in variants[item.sku]
    ]
    await supplier.post("catalog", "/stock-deliveries", {"lines": lines})


async def make_offer(supplier: Caller, deal: samples.Deal, products: Mapping[str, tuple[Variant, ...]]) -> Offer:
    """An offer of some of these products, open to all creators."""
    variants = tuple(variant for sku in deal.skus for variant in products[sku])
    body: Json = {
        "supplier_id": supplier.party,
        "variant_ids": [each.variant_id for each in variants],
        "terms": _terms(deal, variants),
        "adoption": "open",
    }
    return Offer((await supplier.post("catalog", "/offers", body))["offer_id"], deal.kind, variants)


def _terms(deal: samples.Deal, variants: Sequence[Variant]) -> Json:
    if deal.kind == "commission":
        rates = {"creator_ppm": deal.creator_ppm, "referrer_ppm": REFERRER_PPM, "platform_ppm": PLATFORM_PPM}
        return {"kind": "commission", **rates}
    floors = [
        {"variant_id": each.variant_id, "price": money(each.price * deal.floor_percent // 100)} for each in variants
    ]
    return {"kind": "wholesale", "platform_ppm": PLATFORM_PPM, "floors": floors}


async def open_shop(market: Market, sample: samples.Creator, offers: Sequence[Offer], markup: int) -> Shop:
    """A creator's shop with these offers and an article; `markup` is in percent, where the price is theirs."""
    body = {"name": sample.name, "channel": sample.channel}
    creator_id = (await market.platform.operator.post("storefront", "/creators", body))["creator_id"]
    market.names[creator_id] = sample.name
    creator = market.platform.caller("creator", creator_id)
    slug = f"{sample.slug}-{new_id()[-6:]}"  # so that the demo can run again on the same data
    opened = await creator.post(
        "storefront", "/storefronts", {"creator_id": creator_id, "slug": slug, "name": sample.name}
    )
    storefront_id: str = opened["storefront_id"]
    taken = await asyncio.gather(*(adopt(creator, storefront_id, offer, markup) for offer in offers))
    listings = tuple(listing for each in taken for listing in each)
    embedded = tuple(each[0] for each in taken)[:EMBEDS]
    content_id = await _write(creator, storefront_id, sample, embedded)
    await _until_sold(market.platform, storefront_id, len(listings))
    return Shop(creator_id, sample.name, storefront_id, opened["url"], listings, content_id, embedded)


async def adopt(creator: Caller, storefront_id: str, offer: Offer, markup: int) -> tuple[Listing, ...]:
    """An offer in a storefront; `markup` is in percent, where the price is the creator's."""
    body: Json = {"offer_id": offer.offer_id}
    prices = {each.variant_id: each.price for each in offer.variants}
    if offer.kind == "wholesale":
        prices = {variant: retail(price, markup) for variant, price in prices.items()}
        body["prices"] = [{"variant_id": variant, "price": money(price)} for variant, price in prices.items()]
    made = await creator.post("storefront", f"/storefronts/{storefront_id}/adoptions", body)
    variants = {each.variant_id: each for each in offer.variants}
    return tuple(
        Listing(each["listing_id"], variants[each["variant_id"]], prices[each["variant_id"]])
        for each in made["listings"]
    )


def retail(price: int, markup: int) -> int:
    """What a creator asks under wholesale terms: so many percent over the list price, ending in 90 fen."""
    return price * (100 + markup) // 10_000 * 100 + 90


async def _write(creator: Caller, storefront_id: str, sample: samples.Creator, embedded: Sequence[Listing]) -> str:
    paragraphs = [sample.story]
    for place, listing in enumerate(embedded, 1):
        paragraphs += [f"**{listing.variant.title}**", f"{{{{listing:{place}}}}}"]
    body: Json = {
        "kind": "article",
        "title": sample.headline,
        "body": "\n\n".join(paragraphs),
        "embeds": [{"position": place, "listing_id": each.listing_id} for place, each in enumerate(embedded, 1)],
    }
    made = await creator.post("storefront", f"/storefronts/{storefront_id}/contents", body)
    content_id: str = made["content_id"]
    return content_id


async def _until_sold(platform: Platform, storefront_id: str, count: int) -> None:
    """Wait until the shop shows all its listings as available: then orders knows them and their stock."""

    async def shelf() -> list[Any] | None:
        items = (await platform.operator.get("storefront", f"/storefronts/{storefront_id}/listings", limit="100"))[
            "items"
        ]
        return items if sum(each["available"] != "no" for each in items) == count else None

    await until(f"a shop of {count} listings shows all of them as available", shelf, SHELF_SECONDS)

"""The JSON surface: creators and their shops, what they adopt and write; what anyone may list."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from services.storefront import store, usecases
from services.storefront.domain import Adoption, Listing, Placed, Shelved
from services.storefront.http.surroundings import Surroundings
from shared.contracts.values import (
    AdoptionId,
    Availability,
    Channel,
    ContentId,
    ContentKind,
    CreatorId,
    EntryPoint,
    GroupId,
    ListingId,
    Money,
    OfferId,
    ProductId,
    StorefrontId,
    SupplierId,
    TouchId,
    VariantId,
)
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import Body, Call, Id, Listed, Page, Routes, above_zero

MAX_PRICE = 10**12  # minor units: times 10,000 pieces it still is a bigint
MAX_EMBEDS = 50  # an article with more is a catalogue
MAX_POSITION = 10_000
MAX_VARIANTS = 1_000

routes = Routes()


def _affordable(price: Money) -> Money:
    if price.amount > MAX_PRICE:
        raise ValueError(f"a price is at most {MAX_PRICE} minor units")
    return price


Name = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True)]
# 2 to 40 characters that need no escaping in an address and read the same in any font.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])$")]
Price = Annotated[Money, AfterValidator(above_zero), AfterValidator(_affordable)]


class NewCreator(Body):
    """A creator as the operator admits them."""

    name: Name
    channel: Channel


class CreatorMade(BaseModel):
    """The creator's id is the party of their tokens."""

    creator_id: CreatorId


@routes.post("/creators", roles={"operator"}, status=201)
async def register_creator(call: Call, tx: Tx, body: NewCreator) -> CreatorMade:
    """Admit a creator."""
    creator = await usecases.register_creator(tx, usecases.Register(body.name, body.channel), call.cause)
    return CreatorMade(creator_id=creator.creator_id)


class NewStorefront(Body):
    """A shop; `slug` becomes its address."""

    creator_id: Id[CreatorId]
    slug: Slug
    name: Name


class StorefrontMade(BaseModel):
    """`url` is the shop's page."""

    storefront_id: StorefrontId
    url: str


@routes.post("/storefronts", roles={"creator"}, status=201)
async def open_storefront(call: Call, tx: Tx, body: NewStorefront) -> StorefrontMade:
    """Open a shop; 409 `slug_taken`."""
    shop = await usecases.open_storefront(tx, usecases.Open(call.party, **dict(body)), call.cause)
    return StorefrontMade(storefront_id=shop.storefront_id, url=_url(call, shop.slug))


def _url(call: Call, slug: str, path: str = "") -> str:
    return f"{Surroundings.of(call).settings.storefront_url.rstrip('/')}/s/{slug}{path}"


class NewPrice(Body):
    """What a variant costs in the shop."""

    variant_id: Id[VariantId]
    price: Price


class NewAdoption(Body):
    """An offer to take; under wholesale terms with a price for each variant."""

    offer_id: Id[OfferId]
    prices: Annotated[list[NewPrice], Field(max_length=MAX_VARIANTS)] | None = None


class ListingShown(BaseModel):
    """A listing of the caller's own; `price` is left out where it is the variant's list price."""

    listing_id: ListingId
    variant_id: VariantId
    price: Money | None
    state: Literal["active", "paused"]
    offer_version: int

    @classmethod
    def of(cls, listing: Listing, offer_version: int) -> ListingShown:
        return cls(
            listing_id=listing.listing_id,
            variant_id=listing.variant_id,
            price=listing.price,
            state=listing.state,
            offer_version=offer_version,
        )


class AdoptionShown(BaseModel):
    """An adoption and its listings."""

    adoption_id: AdoptionId
    state: Literal["active", "paused", "ended"]
    listings: list[ListingShown]

    @classmethod
    def of(cls, adoption: Adoption, offer_version: int | None = None) -> AdoptionShown:
        version = offer_version or adoption.offer_version
        listings = [ListingShown.of(each, version) for each in adoption.listings]
        return cls(adoption_id=adoption.adoption_id, state=adoption.state, listings=listings)


@routes.post("/storefronts/{storefront_id}/adoptions", roles={"creator"}, status=201)
async def adopt_offer(call: Call, tx: Tx, storefront_id: StorefrontId, body: NewAdoption) -> AdoptionShown:
    """Take an offer into the shop; 409 `offer_ended`, `not_invited`, `already_adopted`, 422 `price_below_floor`."""
    prices = [(each.variant_id, each.price) for each in body.prices or ()]
    command = usecases.Adopt(call.party, storefront_id, body.offer_id, prices)
    return await _shown(tx, await usecases.adopt_offer(tx, command, call.cause))


async def _shown(tx: Tx, adoption: Adoption) -> AdoptionShown:
    """With the supplier's prices under commission terms, as far as they have arrived."""
    shown = AdoptionShown.of(adoption)
    lists = await store.select_list_prices(tx, [each.variant_id for each in shown.listings if each.price is None])
    return shown.model_copy(update={"listings": [_with_list_price(each, lists) for each in shown.listings]})


def _with_list_price(listing: ListingShown, prices: dict[VariantId, Money]) -> ListingShown:
    return listing if listing.price else listing.model_copy(update={"price": prices.get(listing.variant_id)})


@routes.post("/adoptions/{adoption_id}/pause", roles={"creator"})
async def pause_adoption(call: Call, tx: Tx, adoption_id: AdoptionId) -> AdoptionShown:
    """Take its listings off sale for the time being."""
    return await _shown(tx, await usecases.pause_adoption(tx, call.party, adoption_id, call.cause))


@routes.post("/adoptions/{adoption_id}/resume", roles={"creator"})
async def resume_adoption(call: Call, tx: Tx, adoption_id: AdoptionId) -> AdoptionShown:
    """Put its listings on sale again; 409 `offer_ended`."""
    return await _shown(tx, await usecases.resume_adoption(tx, call.party, adoption_id, call.cause))


@routes.post("/adoptions/{adoption_id}/end", roles={"creator"})
async def end_adoption(call: Call, tx: Tx, adoption_id: AdoptionId) -> AdoptionShown:
    """Give it up for good."""
    return await _shown(tx, await usecases.end_adoption(tx, call.party, adoption_id, call.cause))


class NewListingPrice(Body):
    """What the listing costs from now on."""

    price: Price


@routes.post("/listings/{listing_id}/price", roles={"creator"})
async def price_listing(call: Call, tx: Tx, listing_id: ListingId, body: NewListingPrice) -> ListingShown:
    """Set the price under wholesale terms, which also lifts a pause for the price."""
    command = usecases.SetPrice(call.party, listing_id, body.price)
    return ListingShown.of(*await usecases.price_listing(tx, command, call.cause))


class ListingForSale(BaseModel):
    """A listing as anyone sees it."""

    listing_id: ListingId
    variant_id: VariantId
    product_id: ProductId
    supplier_id: SupplierId
    title: str
    spec: dict[str, str]
    price: Money
    offer_id: OfferId
    offer_version: int
    available: Availability

    @classmethod
    def of(cls, item: Shelved) -> ListingForSale:
        return cls(**{name: getattr(item, name) for name in cls.model_fields})


@routes.get("/storefronts/{storefront_id}/listings", anyone=True)
async def list_listings(tx: Tx, storefront_id: StorefrontId, page: Page) -> Listed[ListingForSale]:
    """What the shop sells now, oldest listing first."""
    if await store.select_storefront(tx, storefront_id) is None:
        raise Rejected("not_found", "There is no such storefront.")
    found = await store.select_shelf(tx, storefront_id, page.after, page.fetch)
    return page.of([ListingForSale.of(item) for item in found], lambda item: item.listing_id)


class NewEmbed(Body):
    """A listing of the shop's at a place of the text: see `{{listing:N}}`."""

    position: Annotated[int, Field(ge=0, le=MAX_POSITION)]
    listing_id: Id[ListingId]


class NewContent(Body):
    """A piece of content; `body` is Markdown, in which a paragraph `{{listing:N}}` is the place of position N."""

    kind: ContentKind
    title: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
    body: Annotated[str, StringConstraints(max_length=100_000)]
    embeds: Annotated[list[NewEmbed], Field(max_length=MAX_EMBEDS)] | None = None


class ContentMade(BaseModel):
    """`url` is its page."""

    content_id: ContentId
    url: str


@routes.post("/storefronts/{storefront_id}/contents", roles={"creator"}, status=201)
async def publish_content(call: Call, tx: Tx, storefront_id: StorefrontId, body: NewContent) -> ContentMade:
    """Publish a piece with listings of the shop in it; 422 `unknown_listing`."""
    embeds = [Placed(each.position, each.listing_id) for each in body.embeds or ()]
    command = usecases.WriteContent(call.party, storefront_id, body.kind, body.title, body.body, embeds)
    shop, content = await usecases.publish_content(tx, command, call.cause)
    return ContentMade(content_id=content.content_id, url=_url(call, shop.slug, f"/c/{content.content_id}"))


class NewTouch(Body):
    """How a viewer came to a shop."""

    storefront_id: Id[StorefrontId]
    entry_point: EntryPoint
    content_id: Id[ContentId] | None = None
    position: Annotated[int, Field(ge=0, le=MAX_POSITION)] | None = None
    group_id: Id[GroupId] | None = None
    shared_by: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    viewer_ref: Annotated[str, StringConstraints(min_length=1, max_length=128)]


class TouchMade(BaseModel):
    """`touch` goes into the order as it is."""

    touch: str
    touch_id: TouchId
    expires_at: AwareDatetime


@routes.post("/touches", anyone=True, status=201)
async def make_touch(call: Call, tx: Tx, body: NewTouch) -> TouchMade:
    """Sign an arrival; it is valid for 15 days and kept nowhere."""
    surroundings = Surroundings.of(call)
    fields = dict(body)
    storefront_id = fields.pop("storefront_id")
    touch = await usecases.arrive(tx, storefront_id, usecases.Arrive(**fields), surroundings.settings.touch_seconds)
    expires_at = datetime.fromtimestamp(touch.expires_at, UTC)
    return TouchMade(touch=surroundings.keys.sign(touch), touch_id=touch.touch_id, expires_at=expires_at)

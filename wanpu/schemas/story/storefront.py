"""The creator's part of the story: a shop for tea, and an article that makes people want it."""

from __future__ import annotations

from typing import Any

from shared.contracts.event import Event
from shared.contracts.storefront import (
    AdoptionEnded,
    AdoptionPaused,
    AdoptionResumed,
    ContentPublished,
    CreatorRegistered,
    Embed,
    Listing,
    ListingPaused,
    ListingPriced,
    OfferAdopted,
    StorefrontOpened,
)
from shared.contracts.values import AdoptionId, ContentId, CreatorId, ListingId, StorefrontId

from .catalog import BOX, OFFER, SUPPLIER, TIN, WHOLESALE_OFFER
from .telling import because, cny, named

CREATOR = CreatorId(named("creator"))
STOREFRONT = StorefrontId(named("storefront"))
CONTENT = ContentId(named("article"))
LISTING = ListingId(named("listing of the tin"))
_BOX_LISTING = ListingId(named("listing of the box"))


def _adoption(state: str) -> dict[str, Any]:
    return {
        "adoption_id": AdoptionId(named("adoption")),
        "storefront_id": STOREFRONT,
        "creator_id": CREATOR,
        "offer_id": OFFER,
        "offer_version": 1,
        "supplier_id": SUPPLIER,
        "state": state,
        "listings": (Listing(listing_id=LISTING, variant_id=TIN, price=None, state="active"),),
    }


def _wholesale(price: int, listing_state: str) -> dict[str, Any]:
    box = {"listing_id": _BOX_LISTING, "variant_id": BOX, "price": cny(price), "state": listing_state}
    return _adoption("active") | {
        "adoption_id": AdoptionId(named("wholesale adoption")),
        "offer_id": WHOLESALE_OFFER,
        "listings": (Listing.model_validate(box),),
    }


TOLD: tuple[Event, ...] = (
    CreatorRegistered(creator_id=CREATOR, version=1, name="茶与四季 Tea and Seasons", channel="account").at(
        1, because("POST /creators")
    ),
    StorefrontOpened(
        storefront_id=STOREFRONT, creator_id=CREATOR, version=1, slug="tea-and-seasons", name="茶与四季小铺"
    ).at(1, because("POST /storefronts")),
    OfferAdopted(**_adoption("active"), version=1).at(1, because("POST /storefronts/{id}/adoptions")),
    AdoptionPaused(**_adoption("paused"), version=2).at(2, because("POST /adoptions/{id}/pause")),
    AdoptionResumed(**_adoption("active"), version=3).at(3, because("POST /adoptions/{id}/resume")),
    AdoptionEnded(**_adoption("ended"), version=4).at(4, because("POST /adoptions/{id}/end")),
    ListingPriced(
        **_wholesale(45_900, "active"),
        version=2,
        listing_id=_BOX_LISTING,
        price_before=cny(49_900),
        price_after=cny(45_900),
    ).at(2, because("POST /listings/{id}/price")),
    ListingPaused(**_wholesale(45_900, "paused"), version=3, listing_id=_BOX_LISTING, reason="price_below_floor").at(
        3, because("wanpu.catalog.OfferTermsChanged.v1")
    ),
    ContentPublished(
        content_id=CONTENT,
        storefront_id=STOREFRONT,
        creator_id=CREATOR,
        version=1,
        kind="article",
        title="清明前的一杯绿 A green cup before Qingming",
        body="We walked up to **Meijiawu** before sunrise …",
        embeds=(Embed(position=1, listing_id=LISTING),),
    ).at(1, because("POST /storefronts/{id}/contents")),
)

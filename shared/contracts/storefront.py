"""What storefronts tell: who sells what to whom, at which price, and the content that brings the buyers."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .event import Event, Topic
from .values import (
    AdoptionId,
    Channel,
    ContentId,
    ContentKind,
    CreatorId,
    ListingId,
    Money,
    OfferId,
    StorefrontId,
    SupplierId,
    Value,
    VariantId,
    Version,
)

CREATORS = Topic("storefront.creators", owner="storefront", key="creator_id")
STOREFRONTS = Topic("storefront.storefronts", owner="storefront", key="storefront_id")
ADOPTIONS = Topic("storefront.adoptions", owner="storefront", key="adoption_id")
CONTENT = Topic("storefront.content", owner="storefront", key="content_id")
GROUPS = Topic("storefront.groups", owner="storefront", key="group_id")
TOUCHES = Topic("storefront.touches", owner="storefront", key="touch_id")


class CreatorState(Event):
    """All a mirror keeps of a creator, carried by every event about one."""

    topic: ClassVar[Topic] = CREATORS

    creator_id: CreatorId
    version: Version
    name: str
    channel: Channel


class CreatorRegistered(CreatorState):
    """A creator joined the platform."""

    type: ClassVar[str] = "wanpu.storefront.CreatorRegistered.v1"


class StorefrontState(Event):
    """All a mirror keeps of a storefront, carried by every event about one."""

    topic: ClassVar[Topic] = STOREFRONTS

    storefront_id: StorefrontId
    creator_id: CreatorId
    version: Version
    slug: str
    name: str


class StorefrontOpened(StorefrontState):
    """A creator opened a shop."""

    type: ClassVar[str] = "wanpu.storefront.StorefrontOpened.v1"


class Listing(Value):
    """What a buyer sees of one variant in a storefront."""

    listing_id: ListingId
    variant_id: VariantId
    price: Money | None = Field(description="The creator's price (wholesale); null means the variant's list price.")
    state: Literal["active", "paused"] = Field(description="It can be ordered while this and the adoption are active.")


class AdoptionState(Event):
    """All a mirror keeps of an adoption and its listings, carried by every event about one."""

    topic: ClassVar[Topic] = ADOPTIONS

    adoption_id: AdoptionId
    storefront_id: StorefrontId
    creator_id: CreatorId
    offer_id: OfferId
    offer_version: Version = Field(description="The offer's version the creator agreed to.")
    supplier_id: SupplierId
    version: Version
    state: Literal["active", "paused", "ended"]
    listings: tuple[Listing, ...]


class OfferAdopted(AdoptionState):
    """A storefront took an offer; its variants are listed there now."""

    type: ClassVar[str] = "wanpu.storefront.OfferAdopted.v1"


class AdoptionPaused(AdoptionState):
    """A creator stopped selling an offer for the time being."""

    type: ClassVar[str] = "wanpu.storefront.AdoptionPaused.v1"


class AdoptionResumed(AdoptionState):
    """A creator sells a paused offer again."""

    type: ClassVar[str] = "wanpu.storefront.AdoptionResumed.v1"


class AdoptionEnded(AdoptionState):
    """A storefront gave an offer up for good, or the offer itself ended."""

    type: ClassVar[str] = "wanpu.storefront.AdoptionEnded.v1"


class ListingPriced(AdoptionState):
    """A creator set the price of a listing under wholesale terms; a listing paused for its price is active again."""

    type: ClassVar[str] = "wanpu.storefront.ListingPriced.v1"

    listing_id: ListingId
    price_before: Money
    price_after: Money


class ListingPaused(AdoptionState):
    """A listing can't be ordered until it is priced again: a new floor left nothing for the creator."""

    type: ClassVar[str] = "wanpu.storefront.ListingPaused.v1"

    listing_id: ListingId
    reason: Literal["price_below_floor"]


class Embed(Value):
    """A listing at its place in a piece of content."""

    position: int = Field(ge=0)
    listing_id: ListingId


class ContentState(Event):
    """All a mirror keeps of a piece of content, carried by every event about one."""

    topic: ClassVar[Topic] = CONTENT

    content_id: ContentId
    storefront_id: StorefrontId
    creator_id: CreatorId
    version: Version
    kind: ContentKind
    title: str
    body: str = Field(description="Markdown.")
    embeds: tuple[Embed, ...]


class ContentPublished(ContentState):
    """A creator published an article, a post, a live show or a video with listings in it."""

    type: ClassVar[str] = "wanpu.storefront.ContentPublished.v1"

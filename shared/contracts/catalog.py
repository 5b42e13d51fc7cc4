"""What the catalog tells: who supplies what, at which price, on which terms for creators, and what was delivered."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from .event import Event, Topic
from .values import (
    CreatorId,
    DeliveryId,
    Money,
    OfferId,
    OfferVersion,
    ProductId,
    Region,
    SlotId,
    SupplierId,
    Value,
    VariantId,
    VariantKind,
    Version,
)

SUPPLIERS = Topic("catalog.suppliers", owner="catalog", key="supplier_id")
PRODUCTS = Topic("catalog.products", owner="catalog", key="product_id")
OFFERS = Topic("catalog.offers", owner="catalog", key="offer_id")
STOCK = Topic("catalog.stock", owner="catalog", key="variant_id")
SLOTS = Topic("catalog.slots", owner="catalog", key="slot_id")


class SupplierState(Event):
    """All a mirror keeps of a supplier, carried by every event about one."""

    topic: ClassVar[Topic] = SUPPLIERS

    supplier_id: SupplierId
    version: Version
    name: str
    kinds: tuple[VariantKind, ...]
    regions: tuple[Region, ...] = Field(description="Where it delivers to; empty means everywhere.")
    cod_allowed: bool
    loadtest: bool = Field(default=False, description="True: only load tests may order from it.")


class SupplierOnboarded(SupplierState):
    """A supplier was admitted to the platform."""

    type: ClassVar[str] = "wanpu.catalog.SupplierOnboarded.v1"


class Variant(Value):
    """One thing that can be ordered; its kind is the product's."""

    variant_id: VariantId
    sku: str = Field(description="The supplier's own code, unique within the supplier only.")
    spec: dict[str, str]
    list_price: Money = Field(description="The retail price under commission terms.")
    weight_g: int | None = None


class ProductState(Event):
    """All a mirror keeps of a product and its variants, carried by every event about one."""

    topic: ClassVar[Topic] = PRODUCTS

    product_id: ProductId
    supplier_id: SupplierId
    version: Version
    state: Literal["draft", "published", "withdrawn"] = Field(description="Only what is published may be sold.")
    title: str
    description: str
    kind: VariantKind
    category: str
    media: tuple[str, ...]
    variants: tuple[Variant, ...]


class ProductPublished(ProductState):
    """A supplier put a product on sale, for the first time or again."""

    type: ClassVar[str] = "wanpu.catalog.ProductPublished.v1"


class ProductWithdrawn(ProductState):
    """A supplier took a product off sale; orders already placed stand."""

    type: ClassVar[str] = "wanpu.catalog.ProductWithdrawn.v1"


class PriceChanged(ProductState):
    """A supplier changed the list price of one variant; `variants` shows it as it is now."""

    type: ClassVar[str] = "wanpu.catalog.PriceChanged.v1"

    variant_id: VariantId
    price_before: Money
    price_after: Money


class StockAdjusted(Event):
    """Pieces came into a supplier's stock, or left it otherwise than by a sale.

    A delta adds up, so each counts once; whoever keeps stock sums them. It is a fact also when it
    takes more than is left.
    """

    topic: ClassVar[Topic] = STOCK
    type: ClassVar[str] = "wanpu.catalog.StockAdjusted.v1"

    delivery_id: DeliveryId
    variant_id: VariantId
    supplier_id: SupplierId
    delta: int
    reason: str
    adjusted_at: AwareDatetime


class SlotState(Event):
    """All a mirror keeps of a time window in which a service can be had, carried by every event about one."""

    topic: ClassVar[Topic] = SLOTS

    slot_id: SlotId
    variant_id: VariantId
    supplier_id: SupplierId
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    capacity: int = Field(ge=1, description="How many can be served in it.")
    provider: str = Field(description="Who serves, in the supplier's own words.")
    opened_at: AwareDatetime


class SlotOpened(SlotState):
    """A supplier offers a service in a time window."""

    type: ClassVar[str] = "wanpu.catalog.SlotOpened.v1"


class OfferState(Event):
    """All a mirror keeps of an offer, carried by every event about one.

    `versions` holds the terms in force at `version` and those that are scheduled. Nothing is published when
    a scheduled version takes effect: at any time the highest version whose `effective_from` has passed counts.
    """

    topic: ClassVar[Topic] = OFFERS

    offer_id: OfferId
    supplier_id: SupplierId
    version: Version = Field(description="The version of the terms in force when this was said.")
    state: Literal["active", "ended"]
    variant_ids: tuple[VariantId, ...]
    versions: tuple[OfferVersion, ...]
    adoption: Literal["open", "invited"]
    invited: tuple[CreatorId, ...] = Field(description="Who may adopt it when `adoption` is invited.")
    valid_from: AwareDatetime | None
    valid_until: AwareDatetime | None
    notice_days: int = Field(ge=0, description="Terms worse for the creator wait this long.")


class OfferPublished(OfferState):
    """A supplier made an offer to creators."""

    type: ClassVar[str] = "wanpu.catalog.OfferPublished.v1"


class OfferTermsChanged(OfferState):
    """A supplier announced new terms: better ones count at once, worse ones after the notice."""

    type: ClassVar[str] = "wanpu.catalog.OfferTermsChanged.v1"

    new_version: Version = Field(description="The version announced; see it in `versions`.")


class OfferEnded(OfferState):
    """A supplier ended an offer: it can't be adopted any more, and its listings can't be ordered."""

    type: ClassVar[str] = "wanpu.catalog.OfferEnded.v1"

    ended_at: AwareDatetime

"""What callers get back."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

from services.catalog.domain import Adoption, OfferState, ProductState
from shared.contracts.values import (
    CreatorId,
    DeliveryId,
    Money,
    OfferId,
    OfferVersion,
    ProductId,
    Region,
    SlotId,
    SupplierId,
    VariantId,
    VariantKind,
)


class View(BaseModel):
    """An answer that is read from the attributes of what the use case returned."""

    model_config = ConfigDict(from_attributes=True)


class SupplierMade(View):
    """The new supplier's id, which is the party of its tokens."""

    supplier_id: SupplierId


class SupplierView(View):
    """A supplier as it is."""

    supplier_id: SupplierId
    name: str
    kinds: tuple[VariantKind, ...]
    regions: tuple[Region, ...]
    cod_allowed: bool
    loadtest: bool
    version: int


class VariantMade(View):
    """A new variant's id beside the supplier's own code for it."""

    variant_id: VariantId
    sku: str


class ProductMade(View):
    """A new product, which nobody sees before it is published."""

    product_id: ProductId
    state: ProductState
    variants: tuple[VariantMade, ...]


class VariantView(VariantMade):
    """A variant as it is."""

    spec: dict[str, str]
    list_price: Money
    weight_g: int | None = None


class ProductView(View):
    """A product as it is."""

    product_id: ProductId
    supplier_id: SupplierId
    state: ProductState
    version: int
    title: str
    description: str
    kind: VariantKind
    category: str
    media: tuple[str, ...]
    variants: tuple[VariantView, ...]


class PriceSet(BaseModel):
    """A variant's list price from now on; `version` is the product's."""

    variant_id: VariantId
    product_id: ProductId
    version: int
    list_price: Money


class DeliveryMade(BaseModel):
    """A delivery that was recorded."""

    delivery_id: DeliveryId


class SlotMade(View):
    """A slot that is open."""

    slot_id: SlotId


class SlotView(View):
    """A slot as it was opened; what of it is taken is known to orders."""

    slot_id: SlotId
    variant_id: VariantId
    supplier_id: SupplierId
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    capacity: int
    provider: str
    opened_at: AwareDatetime


class OfferMade(BaseModel):
    """A new offer; its terms are version 1."""

    offer_id: OfferId
    version: Literal[1] = 1


class TermsAnnounced(BaseModel):
    """The version announced and when it counts: now for terms no worse for the creator, else after the notice."""

    offer_id: OfferId
    version: int
    effective_from: AwareDatetime


class OfferView(View):
    """An offer as it is: `versions` are the one in force and, if any, the one scheduled."""

    offer_id: OfferId
    supplier_id: SupplierId
    state: OfferState
    variant_ids: tuple[VariantId, ...]
    versions: tuple[OfferVersion, ...]
    adoption: Adoption
    invited: tuple[CreatorId, ...]
    valid_from: AwareDatetime | None
    valid_until: AwareDatetime | None
    notice_days: int
    ended_at: AwareDatetime | None

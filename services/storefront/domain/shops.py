"""Creators, their shops, and what stands on a shop's shelf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.contracts.values import (
    Availability,
    Channel,
    CreatorId,
    ListingId,
    Money,
    OfferId,
    ProductId,
    StorefrontId,
    SupplierId,
    VariantId,
    VariantKind,
)


@dataclass(frozen=True, slots=True)
class Creator:
    """A b: whoever brings an audience."""

    creator_id: CreatorId
    name: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class Storefront:
    """The shop a creator runs; `slug` is its address."""

    storefront_id: StorefrontId
    creator_id: CreatorId
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Shelved:
    """A listing with all that a buyer needs to know of it; what is not complete never becomes one."""

    listing_id: ListingId
    variant_id: VariantId
    product_id: ProductId
    supplier_id: SupplierId
    offer_id: OfferId
    offer_version: int
    title: str
    description: str
    kind: VariantKind
    media: tuple[str, ...]
    spec: Mapping[str, str]
    price: Money
    available: Availability
    supplier: str
    regions: tuple[str, ...]
    cod_allowed: bool

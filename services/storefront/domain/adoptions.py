"""Adoptions: an offer taken into a shop, with a listing for each of its variants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.storefront.domain.offers import check_price, is_covered
from shared.contracts.values import (
    AdoptionId,
    CreatorId,
    ListingId,
    Money,
    OfferId,
    StorefrontId,
    SupplierId,
    Terms,
    VariantId,
    WholesaleTerms,
)
from shared.kernel.errors import Rejected

AdoptionState = Literal["active", "paused", "ended"]
ListingState = Literal["active", "paused"]


@dataclass(frozen=True, slots=True)
class Listing:
    """One variant in a shop; `price` is the creator's own (wholesale), None the variant's list price."""

    listing_id: ListingId
    variant_id: VariantId
    price: Money | None
    state: ListingState = "active"


@dataclass(frozen=True, slots=True)
class Adoption:
    """An offer in a shop; `offer_version` is what the creator agreed to, `events` the position on its stream."""

    adoption_id: AdoptionId
    storefront_id: StorefrontId
    creator_id: CreatorId
    offer_id: OfferId
    offer_version: int
    supplier_id: SupplierId
    listings: tuple[Listing, ...]
    state: AdoptionState = "active"
    version: int = 1
    events: int = 1

    def listing(self, listing_id: ListingId) -> Listing:
        """One of its listings. Raises `LookupError` for another's."""
        return next(each for each in self.listings if each.listing_id == listing_id)

    def underpriced(self, terms: Terms) -> list[ListingId]:
        """Listings on sale whose price leaves the creator less than nothing under these terms."""
        return [
            each.listing_id
            for each in self.listings
            if each.state == "active" and not is_covered(terms, each.variant_id, each.price)
        ]


def price_list(
    terms: Terms, variant_ids: Sequence[VariantId], prices: Sequence[tuple[VariantId, Money]]
) -> Mapping[VariantId, Money | None]:
    """What each variant of an offer costs in a shop that adopts it: wholesale, one price a variant; commission, none.

    Raises:
        Rejected: as `check_price`; `validation_failed` for a price missing, twice, or of no variant of the offer.
    """
    given = dict(prices)
    for place, (variant_id, price) in enumerate(prices):
        if variant_id not in variant_ids:
            _refuse(f"prices.{place}.variant_id", "The offer has no such variant.")
        check_price(terms, variant_id, price)
    if len(given) < len(prices):
        _refuse("prices", "Name each variant once.")
    if not isinstance(terms, WholesaleTerms):
        return dict.fromkeys(variant_ids)
    if missing := [variant_id for variant_id in variant_ids if variant_id not in given]:
        _refuse("prices", f"Under wholesale terms you set the prices; one is missing for: {', '.join(missing)}.")
    return {variant_id: given[variant_id] for variant_id in variant_ids}


def _refuse(field: str, detail: str) -> None:
    errors = [{"field": field, "detail": detail}]
    raise Rejected("validation_failed", "Correct the fields named in `errors`.", errors=errors)

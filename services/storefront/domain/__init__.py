"""Pure rules of the storefront: whose shop, which offers may be adopted, at which price, and what a touch says."""

from __future__ import annotations

from collections.abc import Mapping

from services.storefront.domain.adoptions import Adoption, Listing, price_list
from services.storefront.domain.content import Content, Placed
from services.storefront.domain.offers import Offer, check_price, is_covered
from services.storefront.domain.shops import Creator, Shelved, Storefront
from services.storefront.domain.touches import Touch, TouchKeys

CODES: Mapping[str, int] = {
    "slug_taken": 409,
    "offer_ended": 409,
    "offer_not_started": 409,
    "not_invited": 409,
    "already_adopted": 409,
    "price_below_floor": 422,
    "price_not_yours": 422,
    "unknown_listing": 422,
}

__all__ = [
    "CODES",
    "Adoption",
    "Content",
    "Creator",
    "Listing",
    "Offer",
    "Placed",
    "Shelved",
    "Storefront",
    "Touch",
    "TouchKeys",
    "check_price",
    "is_covered",
    "price_list",
]

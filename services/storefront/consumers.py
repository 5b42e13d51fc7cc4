"""What others tell, and what we do about it."""

from __future__ import annotations

from services.storefront import usecases
from shared.contracts.catalog import (
    OfferEnded,
    OfferPublished,
    OfferTermsChanged,
    PriceChanged,
    ProductPublished,
    ProductWithdrawn,
    SupplierOnboarded,
)
from shared.contracts.orders import AvailabilityChanged, StockShort
from shared.kernel.delivery import Router


def reactions() -> Router:
    """The storefront's subscriptions, all of them mirrors of the newest state."""
    react = Router("storefront")
    react.latest(SupplierOnboarded, do=usecases.mirror_suppliers)
    react.latest(ProductPublished, ProductWithdrawn, PriceChanged, do=usecases.mirror_products)
    react.latest(OfferPublished, OfferTermsChanged, OfferEnded, do=usecases.mirror_offers)
    react.latest(AvailabilityChanged, StockShort, do=usecases.mirror_availability)
    react.timer(usecases.SETTLE_OFFER, do=usecases.settle_due_offers)
    return react

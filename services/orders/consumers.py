"""Which event leads to which use case, one line each."""

from __future__ import annotations

from services.orders.settings import Settings
from services.orders.usecases import mirrors, stock
from shared.contracts.catalog import (
    OfferEnded,
    OfferPublished,
    OfferTermsChanged,
    PriceChanged,
    ProductPublished,
    ProductWithdrawn,
    StockAdjusted,
    SupplierOnboarded,
)
from shared.contracts.storefront import (
    AdoptionEnded,
    AdoptionPaused,
    AdoptionResumed,
    ListingPaused,
    ListingPriced,
    OfferAdopted,
    StorefrontOpened,
)
from shared.kernel.delivery import Router


def reactions(settings: Settings) -> Router:
    """All that orders does because of others, or because time has passed."""
    react = Router("orders")
    _intake(react)
    return react


def _intake(react: Router) -> None:
    react.latest(SupplierOnboarded, do=mirrors.mirror_suppliers)
    react.latest(ProductPublished, ProductWithdrawn, PriceChanged, do=mirrors.mirror_products)
    react.latest(OfferPublished, OfferTermsChanged, OfferEnded, do=mirrors.mirror_offers)
    react.latest(StorefrontOpened, do=mirrors.mirror_storefronts)
    react.latest(OfferAdopted, AdoptionPaused, AdoptionResumed, AdoptionEnded, do=mirrors.mirror_adoptions)
    react.latest(ListingPriced, ListingPaused, do=mirrors.mirror_adoptions)
    react.every(StockAdjusted, do=stock.receive)
    react.timer(stock.ANNOUNCE, stock.announce)

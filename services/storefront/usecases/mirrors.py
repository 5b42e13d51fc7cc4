"""What others told, kept for our pages; and what an offer's change does to the shops."""

from __future__ import annotations

from collections.abc import Sequence

from services.storefront import store
from services.storefront.usecases.settling import settle_offers
from shared.contracts.catalog import OfferState, ProductState, SupplierState
from shared.contracts.orders.availability import AvailabilityState
from shared.kernel.database import Tx


async def mirror_suppliers(tx: Tx, told: Sequence[SupplierState]) -> None:
    await store.upsert_suppliers(tx, told)


async def mirror_products(tx: Tx, told: Sequence[ProductState]) -> None:
    await store.upsert_products(tx, told)


async def mirror_offers(tx: Tx, told: Sequence[OfferState]) -> None:
    """Keep the offers, then end or pause what they no longer carry."""
    await store.upsert_offers(tx, told)
    await settle_offers(tx, {offer.offer_id: offer.as_cause() for offer in told})


async def mirror_availability(tx: Tx, told: Sequence[AvailabilityState]) -> None:
    await store.upsert_availability(tx, told)

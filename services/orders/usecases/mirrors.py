"""Keeping what others tell, so that an order is decided without asking anyone."""

from __future__ import annotations

from collections.abc import Sequence

from services.orders.store import mirrors as store
from shared.contracts.catalog import OfferState, ProductState, SupplierState
from shared.contracts.storefront import AdoptionState, StorefrontState
from shared.kernel.database import Tx


async def mirror_suppliers(tx: Tx, told: Sequence[SupplierState]) -> None:
    """Where a supplier delivers, and whether the courier may collect for it."""
    await store.save_suppliers(tx, told)


async def mirror_products(tx: Tx, told: Sequence[ProductState]) -> None:
    """What may be sold, and the list prices."""
    await store.save_products(tx, told)


async def mirror_offers(tx: Tx, told: Sequence[OfferState]) -> None:
    """The terms that splits are made by."""
    await store.save_offers(tx, told)


async def mirror_storefronts(tx: Tx, told: Sequence[StorefrontState]) -> None:
    """Whose shop it is."""
    await store.save_storefronts(tx, told)


async def mirror_adoptions(tx: Tx, told: Sequence[AdoptionState]) -> None:
    """What is listed where, and the creators' own prices."""
    await store.save_adoptions(tx, told)

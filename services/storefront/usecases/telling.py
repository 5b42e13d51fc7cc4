"""An adoption as its events carry it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from services.storefront.domain import Adoption
from shared.contracts.storefront import Listing


def state_of(adoption: Adoption) -> dict[str, Any]:
    """The fields that every event about an adoption has."""
    listings = tuple(Listing(**asdict(each) | {"price": each.price}) for each in adoption.listings)
    return {name: getattr(adoption, name) for name in _TOLD} | {"listings": listings}


_TOLD = (
    *("adoption_id", "storefront_id", "creator_id", "offer_id", "offer_version", "supplier_id"),
    *("version", "state"),
)

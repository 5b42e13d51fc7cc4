"""What may be sold and on which terms: pure states and rules, a subject a module, refused by name."""

from __future__ import annotations

from typing import Final

from services.catalog.domain.offers import (
    Adoption,
    HoldWanted,
    Offer,
    OfferState,
    Terms,
    check_terms,
    check_validity,
    is_no_longer,
    is_no_worse,
)
from services.catalog.domain.parties import Actor, Rules, Supplier, not_found
from services.catalog.domain.products import (
    Offered,
    Product,
    ProductState,
    StockLine,
    Variant,
    check_offerable,
    check_stocked,
    product_withdrawn,
)
from services.catalog.domain.slots import NewSlot, Slot, opened

__all__ = [
    "Actor",
    "Adoption",
    "HoldWanted",
    "NewSlot",
    "Offer",
    "OfferState",
    "Offered",
    "Product",
    "ProductState",
    "Rules",
    "Slot",
    "StockLine",
    "Supplier",
    "Terms",
    "Variant",
    "check_offerable",
    "check_stocked",
    "check_terms",
    "check_validity",
    "is_no_longer",
    "is_no_worse",
    "not_found",
    "opened",
    "product_withdrawn",
]

CODES: Final = {
    "loadtest_only": 403,
    "sku_taken": 409,
    "product_withdrawn": 409,
    "offer_ended": 409,
    "kind_not_supplied": 422,
    "service_without_stock": 422,
    "good_without_slots": 422,
    "slot_invalid": 422,
    "split_exceeds_line": 422,
    "floors_incomplete": 422,
    "terms_kind_fixed": 422,
    "validity_invalid": 422,
}

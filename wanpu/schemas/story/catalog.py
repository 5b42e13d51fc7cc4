"""The supplier's part of the story: tea from Hangzhou, and the terms for those who recommend it."""

from __future__ import annotations

from typing import Any

from shared.contracts.catalog import (
    OfferEnded,
    OfferPublished,
    OfferTermsChanged,
    PriceChanged,
    ProductPublished,
    ProductWithdrawn,
    SlotOpened,
    StockAdjusted,
    SupplierOnboarded,
    Variant,
)
from shared.contracts.event import Event
from shared.contracts.values import (
    CommissionTerms,
    DeliveryId,
    Floor,
    OfferId,
    OfferVersion,
    ProductId,
    SlotId,
    SupplierId,
    VariantId,
    WholesaleTerms,
)

from .telling import after, because, cny, named

SUPPLIER = SupplierId(named("supplier"))
PRODUCT = ProductId(named("product"))
TIN = VariantId(named("tin of 50 g"))
BOX = VariantId(named("box of 250 g"))
OFFER = OfferId(named("commission offer"))
WHOLESALE_OFFER = OfferId(named("wholesale offer"))
TIN_SKU, TITLE = "LJ-2026-50", "明前龙井 Longjing, first flush"

_TERMS = CommissionTerms(kind="commission", creator_ppm=150_000, referrer_ppm=20_000, platform_ppm=10_000)
_WORSE = _TERMS.model_copy(update={"creator_ppm": 120_000})
_WHOLESALE = WholesaleTerms(kind="wholesale", platform_ppm=10_000, floors=(Floor(variant_id=BOX, price=cny(39_900)),))
_WEEK = 7 * 24 * 60


def _product(state: str, tin_price: int = 12_900) -> dict[str, Any]:
    return {
        "product_id": PRODUCT,
        "supplier_id": SUPPLIER,
        "state": state,
        "title": TITLE,
        "description": "Picked before Qingming at Meijiawu, pan-fired by hand.",
        "kind": "good",
        "category": "tea",
        "media": ("https://media.example/longjing-1.jpg",),
        "variants": (
            Variant(variant_id=TIN, sku=TIN_SKU, spec={"weight": "50 g"}, list_price=cny(tin_price), weight_g=120),
            Variant(variant_id=BOX, sku="LJ-2026-250", spec={"weight": "250 g"}, list_price=cny(52_900), weight_g=480),
        ),
    }


def _offer(state: str) -> dict[str, Any]:
    return {
        "offer_id": OFFER,
        "supplier_id": SUPPLIER,
        "version": 1,
        "state": state,
        "variant_ids": (TIN, BOX),
        "versions": (OfferVersion(version=1, terms=_TERMS, effective_from=after(20)),),
        "adoption": "open",
        "invited": (),
        "valid_from": None,
        "valid_until": None,
        "notice_days": 7,
    }


def _wholesale() -> dict[str, Any]:
    version = OfferVersion(version=1, terms=_WHOLESALE, effective_from=after(25))
    invited = {"adoption": "invited", "invited": (named("creator"),), "valid_until": after(60 * 24 * 90)}
    return _offer("ended") | invited | {"offer_id": WHOLESALE_OFFER, "variant_ids": (BOX,), "versions": (version,)}


_ANNOUNCED = OfferVersion(version=2, terms=_WORSE, effective_from=after(600 + _WEEK))

TOLD: tuple[Event, ...] = (
    SupplierOnboarded(
        supplier_id=SUPPLIER,
        version=1,
        name="梅家坞茶农合作社 Meijiawu Tea Growers",
        kinds=("good",),
        regions=("CN-ZJ", "CN-SH", "CN-JS"),
        cod_allowed=True,
    ).at(1, because("POST /suppliers")),
    ProductPublished(**_product("published"), version=2).at(1, because("POST /products/{id}/publish")),
    PriceChanged(
        **_product("published", 13_900),
        version=3,
        variant_id=TIN,
        price_before=cny(12_900),
        price_after=cny(13_900),
    ).at(2, because("POST /variants/{id}/price")),
    ProductWithdrawn(**_product("withdrawn", 13_900), version=4).at(3, because("POST /products/{id}/withdraw")),
    StockAdjusted(
        delivery_id=DeliveryId(named("delivery")),
        variant_id=TIN,
        supplier_id=SUPPLIER,
        delta=200,
        reason="received",
        adjusted_at=after(15),
    ).at(1, because("POST /stock-deliveries")),
    SlotOpened(
        slot_id=SlotId(named("slot")),
        variant_id=VariantId(named("tasting for one")),
        supplier_id=SUPPLIER,
        starts_at=after(_WEEK),
        ends_at=after(_WEEK + 90),
        capacity=12,
        provider="Meijiawu tea house",
        opened_at=after(16),
    ).at(1, because("POST /slots")),
    OfferPublished(**_offer("active")).at(1, because("POST /offers")),
    OfferTermsChanged(**_offer("active") | {"versions": (*_offer("active")["versions"], _ANNOUNCED)}, new_version=2).at(
        2, because("POST /offers/{id}/terms")
    ),
    OfferEnded(**_wholesale(), ended_at=after(9_000)).at(2, because("POST /offers/{id}/end")),
)

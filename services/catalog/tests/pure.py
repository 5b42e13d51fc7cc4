"""Terms and offers as values, for tests without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.catalog.domain import (
    HoldWanted,
    Offer,
    Rules,
    Terms,
)
from shared.contracts.values import (
    CommissionTerms,
    Floor,
    Money,
    OfferId,
    OfferVersion,
    SupplierId,
    VariantId,
    WholesaleTerms,
)
from shared.kernel.errors import Rejected

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOTICE = timedelta(days=7)
SAME_HOLD: tuple[HoldWanted, Rules] = ("unchanged", Rules())
TEA, CUP = VariantId("tea"), VariantId("cup")


def cny(amount: int) -> Money:
    return Money(amount=amount, currency="CNY")


def commission(creator: int, referrer: int = 0, platform: int = 0) -> CommissionTerms:
    return CommissionTerms(kind="commission", creator_ppm=creator, referrer_ppm=referrer, platform_ppm=platform)


def wholesale(tea: int, cup: int, platform: int = 0) -> WholesaleTerms:
    floors = (Floor(variant_id=TEA, price=cny(tea)), Floor(variant_id=CUP, price=cny(cup)))
    return WholesaleTerms(kind="wholesale", platform_ppm=platform, floors=floors)


def offer(terms: Terms, as_of: datetime = NOON) -> Offer:
    return Offer(
        offer_id=OfferId("offer"),
        supplier_id=SupplierId("s"),
        variant_ids=(TEA, CUP),
        versions=(OfferVersion(version=1, terms=terms, effective_from=NOON - NOTICE),),
        last_version=1,
        adoption="open",
        invited=(),
        valid_from=None,
        valid_until=None,
        notice_seconds=NOTICE.total_seconds(),
        as_of=as_of,
    )


def refusal(error: pytest.ExceptionInfo[Rejected]) -> str:
    return error.value.code

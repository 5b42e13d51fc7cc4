"""Offers as catalog told of them: who may adopt, which terms are in force, which prices they leave room for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.values import (
    CreatorId,
    Money,
    OfferId,
    OfferVersion,
    SupplierId,
    Terms,
    VariantId,
    WholesaleTerms,
)
from shared.kernel.errors import Rejected

MILLION = 1_000_000  # rates are parts per million


@dataclass(frozen=True, slots=True)
class Offer:
    """A supplier's offer with the terms in force and those announced."""

    offer_id: OfferId
    supplier_id: SupplierId
    state: Literal["active", "ended"]
    variant_ids: tuple[VariantId, ...]
    adoption: Literal["open", "invited"]
    invited: tuple[CreatorId, ...]
    versions: tuple[OfferVersion, ...]
    valid_until: datetime | None = None

    def in_force(self, now: datetime) -> OfferVersion:
        """The highest version whose time has come. Raises `offer_not_started` when there is none yet."""
        begun = [version for version in self.versions if version.effective_from <= now]
        if not begun:
            raise Rejected("offer_not_started", "The offer's terms are not in force yet; adopt it once they are.")
        return max(begun, key=lambda version: version.version)

    def next_change(self, now: datetime) -> datetime | None:
        """When the next announced terms take effect."""
        return min((each.effective_from for each in self.versions if each.effective_from > now), default=None)

    def require_active(self, now: datetime) -> None:
        """Raise `offer_ended` for an offer that was ended or has lapsed."""
        if self.state == "ended" or (self.valid_until is not None and self.valid_until <= now):
            raise Rejected("offer_ended", "The supplier ended this offer; choose another.")

    def admit(self, creator_id: CreatorId, now: datetime) -> OfferVersion:
        """The terms this creator would agree to by adopting now.

        Raises:
            Rejected: `offer_ended`, `not_invited`, `offer_not_started`.
        """
        self.require_active(now)
        if self.adoption == "invited" and creator_id not in self.invited:
            raise Rejected("not_invited", "This offer is for creators the supplier invited; ask the supplier.")
        return self.in_force(now)


def check_price(terms: Terms, variant_id: VariantId, price: Money) -> None:
    """Raise unless the creator may ask this price for the variant under these terms.

    Raises:
        Rejected: `price_not_yours` (commission), `currency_mismatch`, `price_below_floor` (with the floor).
    """
    if not isinstance(terms, WholesaleTerms):
        raise Rejected("price_not_yours", "Under commission terms the supplier sets the price; leave it out.")
    floor = _floor(terms, variant_id)
    if floor is None:
        raise Rejected("price_below_floor", "The offer names no floor for this variant; ask the supplier for one.")
    if floor.currency != price.currency:
        raise Rejected("currency_mismatch", f"The offer is in {floor.currency}; give the price in {floor.currency}.")
    if not _leaves_rest(price.amount, floor.amount, terms.platform_ppm):
        raise Rejected(
            "price_below_floor", "Nothing is left for you at this price; raise it.", floor=floor, variant_id=variant_id
        )


def is_covered(terms: Terms, variant_id: VariantId, price: Money | None) -> bool:
    """Whether a listing at this price can stay on sale under these terms; None is the supplier's own price."""
    if price is None or not isinstance(terms, WholesaleTerms):
        return True
    floor = _floor(terms, variant_id)
    if floor is None or floor.currency != price.currency:
        return False
    return _leaves_rest(price.amount, floor.amount, terms.platform_ppm)


def _floor(terms: WholesaleTerms, variant_id: VariantId) -> Money | None:
    return next((floor.price for floor in terms.floors if floor.variant_id == variant_id), None)


def _leaves_rest(price: int, floor: int, platform_ppm: int) -> bool:
    """Exact, before any rounding: if this holds, rounding the platform's share up still takes no one below zero."""
    return (price - floor) * MILLION >= price * platform_ppm

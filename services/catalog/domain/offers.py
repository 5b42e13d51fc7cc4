"""Suppliers' terms for creators: which may be, which are worse than others, and from when they count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from services.catalog.domain.parties import DAY_SECONDS, Rules
from shared.contracts.values import (
    CommissionTerms,
    CreatorId,
    OfferId,
    OfferVersion,
    SupplierId,
    VariantId,
    WholesaleTerms,
)
from shared.kernel.errors import Rejected

OfferState = Literal["active", "ended"]
Adoption = Literal["open", "invited"]
Terms = CommissionTerms | WholesaleTerms
HoldWanted = int | Literal["unchanged"] | None  # seconds; None: the platform's usual hold

WHOLE_PPM: Final = 1_000_000


def check_terms(terms: Terms, variant_ids: Sequence[VariantId], rules: Rules) -> Terms:
    """The terms as they are kept: floors in the order of the offer's variants, so that equal terms are equal.

    Raises:
        Rejected: `split_exceeds_line`, `floors_incomplete`, `currency_mismatch`.
    """
    if isinstance(terms, CommissionTerms):
        if terms.creator_ppm + terms.referrer_ppm + terms.platform_ppm > WHOLE_PPM:
            raise Rejected("split_exceeds_line", f"The rates together may take at most {WHOLE_PPM} ppm of a line.")
        return terms
    rules.check_currency(floor.price for floor in terms.floors)
    floors = {floor.variant_id: floor for floor in terms.floors}
    if len(terms.floors) != len(floors) or set(floors) != set(variant_ids):
        raise Rejected("floors_incomplete", "Give exactly one floor for each variant of the offer and no other.")
    return terms.model_copy(update={"floors": tuple(floors[variant_id] for variant_id in variant_ids)})


def is_no_worse(new: Terms, old: Terms) -> bool:
    """Whether no part of `new` takes anything from a creator that `old` gives.

    Under commission the platform's rate is paid by the supplier, so only the rates of creator and referrer (who
    is a creator, too) count. Under wholesale the creator keeps what floor and platform leave, so these count.

    Raises:
        Rejected: `terms_kind_fixed`, because listings of one kind have prices and those of the other do not.
    """
    match new, old:
        case CommissionTerms(), CommissionTerms():
            return new.creator_ppm >= old.creator_ppm and new.referrer_ppm >= old.referrer_ppm
        case WholesaleTerms(), WholesaleTerms():
            before = {floor.variant_id: floor.price.amount for floor in old.floors}
            floors = all(floor.price.amount <= before[floor.variant_id] for floor in new.floors)
            return floors and new.platform_ppm <= old.platform_ppm
        case _:
            raise Rejected("terms_kind_fixed", f"This offer is of kind {old.kind}: end it and make another one.")


def is_no_longer(new: int | None, old: int | None, rules: Rules) -> bool:
    """Whether a creator waits for a commission no longer than before; None is the usual hold."""
    return (new or rules.hold_seconds) <= (old or rules.hold_seconds)


def check_validity(valid_from: datetime | None, valid_until: datetime | None, now: datetime) -> None:
    """Refuse with `validity_invalid` an offer that would be over before anybody could adopt it."""
    if valid_until is not None and valid_until <= max(now, valid_from or now):
        raise Rejected("validity_invalid", "`valid_until` must be later than now and than `valid_from`.")


@dataclass(frozen=True, slots=True)
class Offer:
    """A supplier's terms for creators; `versions` are the one in force and, if any, the one scheduled."""

    offer_id: OfferId
    supplier_id: SupplierId
    variant_ids: tuple[VariantId, ...]
    versions: tuple[OfferVersion, ...]
    last_version: int
    adoption: Adoption
    invited: tuple[CreatorId, ...]
    valid_from: datetime | None
    valid_until: datetime | None
    notice_seconds: float
    as_of: datetime  # the database's time at which it was read; whoever changes it holds it since
    state: OfferState = "active"
    ended_at: datetime | None = None

    @property
    def in_force(self) -> OfferVersion:
        """What counts at `as_of`."""
        return self.versions[0]

    @property
    def announced(self) -> OfferVersion:
        """The newest word: what is scheduled, else what is in force."""
        return self.versions[-1]

    @property
    def notice_days(self) -> int:
        """Whole days, rounded down: never promise more than is kept."""
        return int(self.notice_seconds // DAY_SECONDS)

    def with_terms(self, terms: Terms, hold: HoldWanted, rules: Rules) -> Offer:
        """With new terms as the next version: at once if no part is worse than what is in force, else after the notice.

        A longer hold is worse, whatever the terms; one that is not named stays as it was announced last.

        A scheduled version that they meet is replaced and never counts: the notice is always given against what
        is in force, so replacing can only lengthen it. Terms that say what was announced last change nothing.

        Raises:
            Rejected: `offer_ended`, `terms_kind_fixed`.
        """
        if self.state == "ended":
            raise Rejected("offer_ended", "This offer has ended: make another one.")
        before, said = self.in_force, self.announced
        held = said.hold_seconds if hold == "unchanged" else hold
        no_worse = is_no_worse(terms, before.terms) and is_no_longer(held, before.hold_seconds, rules)
        if (terms, held) == (said.terms, said.hold_seconds):
            return self
        effective_from = self.as_of if no_worse else self.as_of + timedelta(seconds=self.notice_seconds)
        new = OfferVersion(version=self.last_version + 1, terms=terms, effective_from=effective_from, hold_seconds=held)
        kept = (before,) if effective_from > self.as_of else ()
        return replace(self, versions=(*kept, new), last_version=new.version)

    def ended(self) -> Offer:
        """Over. An offer that has ended stays as it is."""
        return self if self.state == "ended" else replace(self, state="ended", ended_at=self.as_of)

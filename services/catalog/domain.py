"""What may be sold and on which terms: pure states and rules, refused by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.contracts.values import (
    CommissionTerms,
    CreatorId,
    Money,
    OfferId,
    OfferVersion,
    ProductId,
    Region,
    SupplierId,
    VariantId,
    VariantKind,
    WholesaleTerms,
)
from shared.kernel.errors import Rejected

ProductState = Literal["draft", "published", "withdrawn"]
OfferState = Literal["active", "ended"]
Adoption = Literal["open", "invited"]
Terms = CommissionTerms | WholesaleTerms

WHOLE_PPM = 1_000_000
DAY_SECONDS = 86_400

CODES: Final = {
    "loadtest_only": 403,
    "sku_taken": 409,
    "product_withdrawn": 409,
    "offer_ended": 409,
    "kind_not_supplied": 422,
    "service_without_stock": 422,
    "split_exceeds_line": 422,
    "floors_incomplete": 422,
    "terms_kind_fixed": 422,
    "validity_invalid": 422,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has set for all suppliers."""

    currency: str = "CNY"
    notice_seconds: float = 7 * DAY_SECONDS

    def check_currency(self, prices: Iterable[Money]) -> None:
        """Refuse the first price in another currency with `currency_mismatch`."""
        for price in prices:
            if price.currency != self.currency:
                raise Rejected("currency_mismatch", f"State prices in {self.currency}, not in {price.currency}.")


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who organises goods and services; `regions` is where it delivers to, empty means everywhere."""

    supplier_id: SupplierId
    name: str
    kinds: tuple[VariantKind, ...]
    regions: tuple[Region, ...]
    cod_allowed: bool
    loadtest: bool = False
    version: int = 1

    def check_kind(self, kind: VariantKind) -> None:
        """Refuse with `kind_not_supplied` what this supplier was not admitted for."""
        if kind not in self.kinds:
            raise Rejected("kind_not_supplied", f"This supplier was admitted for: {', '.join(self.kinds)}.")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: an operator for any supplier (`party` is None), or a supplier for itself."""

    party: str | None
    loadtest: bool = False

    def check_owns(self, supplier_id: str) -> None:
        """Refuse someone else's object with `not_found`: that it exists is nobody else's business."""
        if self.party is not None and self.party != supplier_id:
            raise not_found()

    def check_acts_for(self, supplier: Supplier) -> None:
        """As `check_owns`; and a load test stays among the suppliers made for it, else `loadtest_only`."""
        self.check_owns(supplier.supplier_id)
        if self.loadtest and not supplier.loadtest:
            raise Rejected("loadtest_only", "A load-test token may act for suppliers made with `loadtest: true` only.")


def not_found() -> Rejected:
    """The one answer for what is not there and for what is someone else's."""
    return Rejected("not_found", "There is no such object among yours.")


@dataclass(frozen=True, slots=True)
class Variant:
    """One thing that can be ordered."""

    variant_id: VariantId
    sku: str
    spec: dict[str, str]
    list_price: Money
    weight_g: int | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """What a supplier sells; a changed one is a new value with the next version, an unchanged one is itself."""

    product_id: ProductId
    supplier_id: SupplierId
    title: str
    description: str
    kind: VariantKind
    category: str
    media: tuple[str, ...]
    variants: tuple[Variant, ...]
    state: ProductState = "draft"
    version: int = 1

    def published(self) -> Product:
        """On sale, for the first time or again."""
        return self if self.state == "published" else self._changed(state="published")

    def withdrawn(self) -> Product:
        """Off sale. Raises `illegal_transition` for a draft, which nobody could buy."""
        if self.state == "draft":
            raise Rejected("illegal_transition", "A draft is not on sale: there is nothing to withdraw.")
        return self if self.state == "withdrawn" else self._changed(state="withdrawn")

    def variant(self, variant_id: str) -> Variant:
        """The variant of that id, which is this product's, in either case of its letters."""
        return next(variant for variant in self.variants if variant.variant_id == variant_id.lower())

    def priced(self, variant_id: str, price: Money) -> Product:
        """With another list price for one variant. Raises `product_withdrawn` for a product off sale."""
        if self.state == "withdrawn":
            raise product_withdrawn([variant_id])
        chosen = self.variant(variant_id)
        if chosen.list_price == price:
            return self
        variants = (replace(each, list_price=price) if each is chosen else each for each in self.variants)
        return self._changed(variants=tuple(variants))

    def _changed(self, *, state: ProductState | None = None, variants: tuple[Variant, ...] = ()) -> Product:
        return replace(self, state=state or self.state, variants=variants or self.variants, version=self.version + 1)


def product_withdrawn(variant_ids: Collection[str]) -> Rejected:
    """Something was asked of variants whose product is off sale."""
    return Rejected(
        "product_withdrawn", "The product is withdrawn: publish it again first.", variant_ids=sorted(variant_ids)
    )


@dataclass(frozen=True, slots=True)
class Offered:
    """What must be known of a variant before stock comes in or an offer is made on it."""

    variant_id: VariantId
    supplier_id: SupplierId
    kind: VariantKind
    product_state: ProductState


@dataclass(frozen=True, slots=True)
class StockLine:
    """So many pieces of a variant came in, or left otherwise than by a sale (`delta` below zero)."""

    variant_id: VariantId
    delta: int
    reason: str


def check_stocked(variants: Iterable[Offered]) -> None:
    """Refuse `service_without_stock`. What is withdrawn still has stock, and its deliveries stay facts."""
    services = sorted(variant.variant_id for variant in variants if variant.kind == "service")
    if services:
        raise Rejected("service_without_stock", "A service has slots instead of stock.", variant_ids=services)


def check_offerable(variants: Iterable[Offered]) -> None:
    """Refuse an offer on what is off sale with `product_withdrawn`; a draft may be offered ahead."""
    withdrawn = [variant.variant_id for variant in variants if variant.product_state == "withdrawn"]
    if withdrawn:
        raise product_withdrawn(withdrawn)


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

    def with_terms(self, terms: Terms) -> Offer:
        """With new terms as the next version: at once if no part is worse than what is in force, else after the notice.

        A scheduled version that they meet is replaced and never counts: the notice is always given against what
        is in force, so replacing can only lengthen it. Terms that say what was announced last change nothing.

        Raises:
            Rejected: `offer_ended`, `terms_kind_fixed`.
        """
        if self.state == "ended":
            raise Rejected("offer_ended", "This offer has ended: make another one.")
        no_worse = is_no_worse(terms, self.in_force.terms)
        if terms == self.announced.terms:
            return self
        effective_from = self.as_of if no_worse else self.as_of + timedelta(seconds=self.notice_seconds)
        new = OfferVersion(version=self.last_version + 1, terms=terms, effective_from=effective_from)
        kept = (self.in_force,) if effective_from > self.as_of else ()
        return replace(self, versions=(*kept, new), last_version=new.version)

    def ended(self) -> Offer:
        """Over. An offer that has ended stays as it is."""
        return self if self.state == "ended" else replace(self, state="ended", ended_at=self.as_of)

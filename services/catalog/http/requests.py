"""What callers send: parsed strictly, refused by field."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, AwareDatetime, Discriminator, Field, StringConstraints, Tag, model_validator

from services.catalog.domain import Adoption, HoldWanted
from services.catalog.usecases.offers import MakeOffer
from shared.contracts.values import (
    CommissionTerms,
    CreatorId,
    Money,
    Ppm,
    Region,
    SupplierId,
    VariantId,
    VariantKind,
    WholesaleTerms,
)
from shared.kernel.http import Body, Id, above_zero

MAX_PRICE = 10**11  # a billion yuan: ten thousand pieces of it still fit a bigint
MAX_DELTA = 10_000_000  # pieces in one line of a delivery; more is a typing mistake
MAX_CAPACITY = 100_000  # a stadium; more is a typing mistake
MAX_LINES = 1_000
MAX_VARIANTS = 200  # each event about a product carries them all, and a record holds 1 MB
MAX_INVITED = 1_000
MAX_HOLD_SECONDS = 90 * 86_400  # a quarter: longer is no hold but a loan from the creator


def _bounded(money: Money) -> Money:
    if money.amount > MAX_PRICE:
        raise ValueError(f"the amount must be at most {MAX_PRICE}")
    return money


def _not_zero(delta: int) -> int:
    if delta == 0:
        raise ValueError("a delta of zero delivers nothing")
    return delta


def _web_address(text: str) -> str:
    if urlsplit(text).scheme not in ("", "http", "https"):  # pages show these: no javascript:, no data:
        raise ValueError("give an http or https address, or a path")
    return text


def _of_this_age(moment: datetime) -> datetime:
    if not 2000 <= moment.year < 2200:  # near a calendar's ends a moment has no time in UTC, which the database wants
        raise ValueError("give a moment between 2000 and 2199")
    return moment


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("each may be named once only")
    return values


Once = AfterValidator(_distinct)
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Short = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"\S")]
Moment = Annotated[AwareDatetime, AfterValidator(_of_this_age)]
Price = Annotated[Money, AfterValidator(above_zero), AfterValidator(_bounded)]
Media = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_web_address)]
Hold = Annotated[int, Field(ge=1, le=MAX_HOLD_SECONDS, description="Null: the platform's usual hold.")]
Delta = Annotated[int, Field(ge=-MAX_DELTA, le=MAX_DELTA), AfterValidator(_not_zero)]


class NewSupplier(Body):
    """Who is admitted, and for what."""

    name: Text
    kinds: Annotated[tuple[VariantKind, ...], Field(min_length=1), Once]
    regions: Annotated[tuple[Region, ...], Field(max_length=300, description="Empty: everywhere."), Once]
    cod_allowed: bool
    loadtest: bool = False


class NewVariant(Body):
    """One thing that can be ordered."""

    sku: Short
    spec: Annotated[dict[Short, Text], Field(max_length=20)] = Field(default_factory=dict)
    list_price: Price
    weight_g: Annotated[int, Field(ge=1, le=10_000_000)] | None = None


class NewProduct(Body):
    """A product as a draft."""

    supplier_id: Id[SupplierId]
    title: Text
    description: Annotated[str, StringConstraints(max_length=20_000)] = ""
    kind: VariantKind
    category: Text
    media: Annotated[tuple[Media, ...], Field(max_length=20)] = ()
    variants: Annotated[tuple[NewVariant, ...], Field(min_length=1, max_length=MAX_VARIANTS)]


class PriceWanted(Body):
    """The new list price."""

    list_price: Price


class DeliveredLine(Body):
    """Pieces of one variant: came in, or (below zero) left otherwise than by a sale."""

    variant_id: Id[VariantId]
    delta: Delta
    reason: Text


class NewDelivery(Body):
    """A delivery: all its lines or none."""

    lines: Annotated[tuple[DeliveredLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class NewSlot(Body):
    """A time window in which a service can be had."""

    variant_id: Id[VariantId]
    starts_at: Moment
    ends_at: Moment
    capacity: Annotated[int, Field(ge=1, le=MAX_CAPACITY, description="How many can be served in it.")]
    provider: Text


class WantedFloor(Body):
    """What the supplier gets for one piece of a variant."""

    variant_id: Id[VariantId]
    price: Price


class WantedCommission(Body):
    """Rates in parts per million of the line; the supplier gets the rest."""

    kind: Literal["commission"]
    creator_ppm: Ppm
    referrer_ppm: Ppm
    platform_ppm: Ppm

    def terms(self) -> CommissionTerms:
        """As the domain knows them."""
        return CommissionTerms.model_validate(self.model_dump())


class WantedWholesale(Body):
    """A floor for each variant of the offer; the creator gets what floor and platform leave."""

    kind: Literal["wholesale"]
    platform_ppm: Ppm
    floors: Annotated[tuple[WantedFloor, ...], Field(min_length=1, max_length=MAX_VARIANTS)]

    def terms(self) -> WholesaleTerms:
        """As the domain knows them."""
        return WholesaleTerms.model_validate(self.model_dump())


WantedTerms = Annotated[WantedCommission | WantedWholesale, Field(discriminator="kind")]


class NewOffer(Body):
    """Terms for creators on some variants; `invited` names who may adopt it when adoption is not open."""

    supplier_id: Id[SupplierId]
    variant_ids: Annotated[tuple[Id[VariantId], ...], Field(min_length=1, max_length=MAX_VARIANTS), Once]
    terms: WantedTerms
    adoption: Adoption
    invited: Annotated[tuple[Id[CreatorId], ...], Field(max_length=MAX_INVITED), Once] = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    hold_seconds: Hold | None = None

    @model_validator(mode="after")
    def _invites_someone(self) -> NewOffer:
        if (self.adoption == "invited") != bool(self.invited):
            raise ValueError("`invited` names creators if, and only if, `adoption` is invited")
        return self

    def wanted(self) -> MakeOffer:
        """As the use case knows it."""
        return MakeOffer(
            self.supplier_id,
            self.variant_ids,
            self.terms.terms(),
            self.adoption,
            self.invited,
            self.valid_from,
            self.valid_until,
            self.hold_seconds,
        )


class ChangedTerms(Body):
    """The new terms, of the kind the offer has; a hold that is not named stays as it is."""

    terms: WantedTerms
    hold_seconds: Hold | None = None

    @property
    def hold(self) -> HoldWanted:
        """As the domain knows it: null is said on purpose."""
        return self.hold_seconds if "hold_seconds" in self.model_fields_set else "unchanged"


def _shape(body: Any) -> str:
    return "named" if isinstance(body, dict) and "terms" in body else "bare"


# `{"terms": {…}}` as where an offer is made, or the terms alone: the path says already what they are.
AnyChangedTerms = Annotated[
    Annotated[ChangedTerms, Tag("named")] | Annotated[WantedTerms, Tag("bare")], Discriminator(_shape)
]

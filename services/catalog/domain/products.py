"""What may be sold, and what may be said of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

from shared.contracts.values import Money, ProductId, SupplierId, VariantId, VariantKind
from shared.kernel.errors import Rejected

ProductState = Literal["draft", "published", "withdrawn"]


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

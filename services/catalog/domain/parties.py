"""Who may act for whom, and what the operator has set for all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.contracts.values import Money, Region, SupplierId, VariantKind
from shared.kernel.errors import Rejected

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator has set for all suppliers."""

    currency: str = "CNY"
    notice_seconds: float = 7 * DAY_SECONDS
    hold_seconds: float = 7 * DAY_SECONDS  # of offers that name none

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

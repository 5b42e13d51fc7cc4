"""What does not fit: kept for a person to look at, never a reason to refuse a fact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.contracts.values import DiscrepancyKind

Source = Literal["report", "statement", "bank", "time"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One discrepancy; amounts in minor units where it is about money."""

    kind: DiscrepancyKind
    expected: int | None = None
    actual: int | None = None
    currency: str | None = None

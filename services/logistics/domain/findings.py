"""What does not fit: kept for a person to look at, never a reason to refuse a fact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FindingKind = Literal[
    "unmatched",  # a report about a waybill that nobody handed over (yet)
    "contradiction",  # it can't be true beside what ended the parcel
    "late",  # an ending that is older than what the parcel did since, so it had no effect
    "report_changed",  # a report id used again for something else
    "short",
    "over",
    "duplicate",  # money collected a second time
    "cash_unclear",  # a collection without an amount, or in another currency than the one due
    "delivered_without_cash",
    "cash_without_delivery",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One discrepancy; amounts in minor units where it is about money."""

    kind: FindingKind
    expected: int | None = None
    actual: int | None = None
    currency: str | None = None

"""The cash for a parcel: its own axis, whatever the parcel does. Money that was taken is never left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from shared.contracts.values import CashState, Money

from .findings import Finding


@dataclass(frozen=True, slots=True)
class Cash:
    """What the courier is to collect, and how far that has come."""

    state: CashState
    due: Money


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection report means: `counts` when it is the money that was due, and what doesn't fit."""

    counts: bool
    findings: tuple[Finding, ...] = ()


def collect(cash: Cash | None, taken: Money | None) -> Collection:
    """Hold what the courier took against what was due; `cash` is None when the parcel was prepaid."""
    if taken is None or taken.amount <= 0:
        return Collection(False, (Finding("cash_unclear", cash.due.amount if cash else 0),))
    if cash is None:
        return Collection(False, (Finding("over", 0, taken.amount, taken.currency),))
    expected = (cash.due.amount, taken.amount, taken.currency)
    if taken.currency != cash.due.currency:
        return Collection(False, (Finding("cash_unclear", *expected),))
    if not _open(cash.state):
        return Collection(False, (Finding("duplicate", *expected),))
    if taken.amount == cash.due.amount:
        return Collection(True)
    return Collection(True, (Finding("short" if taken.amount < cash.due.amount else "over", *expected),))


def _open(state: CashState) -> bool:
    """Whether nothing was collected so far; a buyer who refused at first may still have paid."""
    match state:
        case "DUE" | "OVERDUE" | "REFUSED" | "REVERSED":
            return True
        case "COLLECTED" | "REMITTED" | "BANKED" | "SETTLED" | "SHORT" | "DISPUTED" | "WRITTEN_OFF":
            return False
        case _:
            assert_never(state)

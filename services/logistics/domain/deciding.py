"""Which decisions a discrepancy allows, and what each of them moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.values import Bearer, DiscrepancyKind

from .findings import Source

DecisionKind = Literal["bear", "refund_buyer", "return_to_carrier", "accept", "retry", "dismiss"]
Effect = Literal[
    "none",
    "write_off",  # nobody will bring this cash any more
    "remit",  # the row is taken as it stands
    "collect",  # the row is the collection, and remits it
    "rematch",  # the row is held against its parcel again
]

_BY_KIND: Final[Mapping[tuple[Source, DiscrepancyKind], tuple[DecisionKind, ...]]] = {
    ("report", "short"): ("bear", "dismiss"),
    ("time", "delivered_without_cash"): ("bear", "dismiss"),
    ("report", "over"): ("refund_buyer", "dismiss"),
    ("time", "cash_without_delivery"): ("refund_buyer", "dismiss"),
    ("time", "missing"): ("bear",),
    ("statement", "short"): ("bear", "retry"),
    ("statement", "over"): ("refund_buyer", "return_to_carrier"),
    ("statement", "fee_differs"): ("accept", "retry"),
    ("statement", "delivered_without_cash"): ("accept", "retry"),
    ("statement", "cash_without_delivery"): ("refund_buyer", "return_to_carrier", "retry", "dismiss"),
    ("statement", "duplicate"): ("return_to_carrier", "retry", "dismiss"),
    ("statement", "unmatched"): ("return_to_carrier", "retry", "dismiss"),
}
_UNCOLLECTED: Final = frozenset({"delivered_without_cash", "cash_without_delivery"})
# What needs the row's own cash; it may have been remitted by another row since.
_TAKES: Final = frozenset({"short", "over", "fee_differs", "delivered_without_cash"})


@dataclass(frozen=True, slots=True)
class Open:
    """A discrepancy as it is when somebody decides: `collected` by the courier, `net` of the statement's row.

    `free`: its cash, or its charge, is not settled by another row. `collected`: the courier reported a collection.
    `prepaid`: no cash is due.
    """

    source: Source
    kind: DiscrepancyKind
    expected: int = 0
    actual: int = 0
    net: int = 0
    free: bool = True
    collected: bool = True
    prepaid: bool = False


@dataclass(frozen=True, slots=True)
class Moved:
    """What a decision does: its effect here, and `amount`, the difference that the ledger must move."""

    effect: Effect = "none"
    amount: int | None = None


def possible(found: Open) -> tuple[DecisionKind, ...]:
    """The decisions that this discrepancy allows now."""
    kind = found.kind
    if found.source == "statement" and kind in _TAKES and not (found.free or found.prepaid):
        kind = "duplicate"  # its cash came by another row meanwhile
    elif found.source == "statement" and kind in _UNCOLLECTED and found.collected:
        return ("retry",)  # what was missed came: the row may fit now
    return _BY_KIND.get((found.source, kind), ("dismiss",))


def decide(found: Open, decision: DecisionKind, bearer: Bearer | None) -> Moved:
    """What a possible decision moves."""
    match found.source, decision:
        case _, "dismiss":
            return Moved()
        case _, "retry":
            return Moved("rematch")
        case "statement", "accept":
            return Moved("collect" if found.kind == "delivered_without_cash" else "remit")
        case "statement", "bear":
            return Moved("remit", found.expected - found.actual)
        case "statement", "refund_buyer" | "return_to_carrier":
            return _give_back(found, decision)
        case "time", "bear" if found.kind == "missing":
            return Moved("none" if bearer == "carrier" else "write_off", found.expected)
        case _, "bear":
            return Moved("write_off" if found.source == "time" else "none", found.expected - found.actual)
        case _:
            return Moved("none", found.actual - found.expected)


def _give_back(found: Open, decision: DecisionKind) -> Moved:
    """What came too much goes back; of what is over the rest is taken."""
    if found.kind == "over" and found.prepaid:
        return Moved("none", found.actual)
    if found.kind == "over" and found.free:
        return Moved("remit", found.actual - found.expected)
    return Moved("none", found.net if decision == "return_to_carrier" else found.actual)

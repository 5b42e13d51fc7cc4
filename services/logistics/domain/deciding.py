"""Which decisions a discrepancy allows, and what each of them moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.values import Bearer, DiscrepancyKind

from .findings import Source

DecisionKind = Literal["bear", "refund_buyer", "return_to_carrier", "accept", "retry", "dismiss"]
DecisionEffect = Literal[
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
    ("statement", "cash_without_delivery"): ("accept", "return_to_carrier", "retry", "dismiss"),
    ("statement", "duplicate"): ("return_to_carrier", "retry", "dismiss"),
    ("statement", "unmatched"): ("return_to_carrier", "retry", "dismiss"),
}
_STRAYS: Final = frozenset({"duplicate", "unmatched", "cash_without_delivery"})
_UNCOLLECTED: Final = frozenset({"delivered_without_cash", "cash_without_delivery"})
# What needs the row's own cash; it may have been remitted by another row since.
_TAKES: Final = frozenset({"short", "over", "fee_differs", "delivered_without_cash"})


@dataclass(frozen=True, slots=True)
class Open:
    """A discrepancy as it is when somebody decides: `collected` by the courier, `net` of the statement's row.

    `free`: its cash, or its charge, is not settled by another row. `collected`: the courier reported a collection.
    `prepaid`: no cash is due. `charge`: the row is one for the way back.
    """

    source: Source
    kind: DiscrepancyKind
    expected: int = 0
    actual: int = 0
    net: int = 0
    free: bool = True
    collected: bool = True
    prepaid: bool = False
    charge: bool = False

    @property
    def is_stray(self) -> bool:
        """Whether the row's money is no parcel's: it came before, names none, or none was due."""
        return self.source == "statement" and (self.prepaid or not self.free or self.kind in _STRAYS)


@dataclass(frozen=True, slots=True)
class Moved:
    """What a decision does: its effect here, and `amount`, the difference that the ledger must move."""

    effect: DecisionEffect = "none"
    amount: int | None = None


def possible(found: Open) -> tuple[DecisionKind, ...]:
    """The decisions that this discrepancy allows now."""
    kind = found.kind
    if found.source == "statement" and kind in _TAKES and not (found.free or found.prepaid):
        # Its cash came by another row meanwhile; of one that is over the ledger would take back a part only.
        return ("retry", "dismiss") if kind == "over" else _BY_KIND["statement", "duplicate"]
    if found.source == "statement" and kind in _UNCOLLECTED and found.collected:
        return ("retry",)  # what was missed came: the row may fit now
    if found.source == "statement" and kind == "over" and found.prepaid:
        return ("return_to_carrier", "dismiss")
    return _BY_KIND.get((found.source, kind), ("dismiss",))


def decide(found: Open, decision: DecisionKind, bearer: Bearer | None) -> Moved:
    """What a possible decision moves."""
    match found.source, decision:
        case _, "dismiss" | "retry":
            return Moved("rematch" if decision == "retry" else "none")
        case "statement", "accept":
            return _accepted(found)
        case "statement", "bear":
            return Moved("remit", found.expected - found.actual)
        case "statement", "return_to_carrier" if found.is_stray:
            return Moved("none", found.net)
        case "statement", "refund_buyer" | "return_to_carrier":
            return Moved("remit", found.actual - found.expected)
        case "time", "bear" if found.kind == "missing":
            return Moved("none" if bearer == "carrier" else "write_off", found.expected)
        case _, "bear":
            return Moved("write_off" if found.source == "time" else "none", found.expected - found.actual)
        case _:
            return Moved("none", found.actual - found.expected)


def _accepted(found: Open) -> Moved:
    """The row is right: it is the collection nobody reported, or its fee or charge is what we pay."""
    if found.kind in _UNCOLLECTED:
        return Moved("collect")
    return Moved("remit", found.actual - found.expected if found.charge else None)

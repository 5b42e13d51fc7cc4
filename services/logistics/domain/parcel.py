"""The parcel's machine: which states follow which, and what a carrier's report does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal, assert_never

from shared.contracts.values import DiscrepancyKind, ParcelState

MAX_ATTEMPTS: Final = 3  # the third failed attempt turns the parcel round

ParcelKind = Literal[
    "scan", "out_for_delivery", "attempt_failed", "delivered", "refused", "returned", "lost", "damaged"
]
ReportKind = ParcelKind | Literal["cod_collected"]  # cash is an axis of its own: see cash.py
Effect = Literal["moved", "noted", "late", "contradicts", "collected", "unmatched"]
ReturnReason = Literal["refused", "attempts_exhausted", "undeliverable"]

_PROGRESS: Final = frozenset({"scan", "out_for_delivery", "attempt_failed"})


def _travelling(*following: ParcelState) -> frozenset[ParcelState]:
    return frozenset((*following, "LOST", "DAMAGED"))


def _next(*following: ParcelState) -> frozenset[ParcelState]:
    return frozenset(following)


# One step of the machine. Several of them may be told at once, none is left out.
LEGAL: Final[Mapping[ParcelState, frozenset[ParcelState]]] = {
    "CREATED": _next("HANDED_OVER", "CANCELLED"),
    "HANDED_OVER": _travelling("IN_TRANSIT"),
    "IN_TRANSIT": _travelling("OUT_FOR_DELIVERY"),
    "OUT_FOR_DELIVERY": _travelling("DELIVERED", "ATTEMPT_FAILED", "RETURNING"),
    "ATTEMPT_FAILED": _travelling("OUT_FOR_DELIVERY", "RETURNING"),
    "RETURNING": _travelling("RETURNED"),
    "RETURNED": _next("RESTOCKED", "WRITTEN_OFF"),
    "DELIVERED": _next(),
    "CANCELLED": _next(),
    "RESTOCKED": _next(),
    "WRITTEN_OFF": _next(),
    "LOST": _next(),
    "DAMAGED": _next(),
}
ENDED: Final = frozenset(state for state, following in LEGAL.items() if not following) | {"RETURNED"}


def _ahead(state: ParcelState, seen: frozenset[ParcelState] = frozenset()) -> frozenset[ParcelState]:
    """All states that may still come after `state`; itself only where the machine has a circle."""
    for following in LEGAL[state] - seen:
        seen = _ahead(following, seen | {following})
    return seen


# Carriers skip steps (a parcel delivered that was never scanned out): a report counts those between as done.
AHEAD: Final = {state: _ahead(state) for state in LEGAL}


@dataclass(frozen=True, slots=True)
class Parcel:
    """Where a parcel is; `moved_by` and `moved_at` (the carrier's time) are of the last report that moved it."""

    state: ParcelState = "CREATED"
    attempts: int = 0
    turned_by: ReturnReason | None = None
    moved_by: ParcelKind | None = None
    moved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier says of the parcel itself; `at` is the carrier's time."""

    kind: ParcelKind
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a report did: `steps` are the parcels it led to, one after the other; none unless it moved."""

    effect: Effect
    steps: tuple[Parcel, ...] = ()
    finding: DiscrepancyKind | None = None


def hear(parcel: Parcel, report: Report) -> Heard:
    """Let a report take its effect: it moves the parcel if its time and the machine allow. Never refuses."""
    if parcel.state in ENDED:
        effect = _after_the_end(parcel, report)
        return Heard(effect, finding="contradiction" if effect == "contradicts" else None)
    if (report.kind, report.at) == (parcel.moved_by, parcel.moved_at):
        return Heard("noted")  # the same fact under another report id must not count as a second attempt
    if parcel.moved_at is not None and report.at < parcel.moved_at:
        return Heard("late", finding=None if report.kind in _PROGRESS else "late")
    target = _target(parcel, report)
    if target == parcel.state and target != "ATTEMPT_FAILED":
        return Heard("noted")
    if target not in AHEAD[parcel.state]:
        return _out_of_place(report)
    return Heard("moved", _steps(parcel, report, target))


def _target(parcel: Parcel, report: Report) -> ParcelState:
    match report.kind:
        case "scan":
            return "IN_TRANSIT"
        case "out_for_delivery":
            return "OUT_FOR_DELIVERY"
        case "attempt_failed":
            return "RETURNING" if parcel.attempts + 1 >= MAX_ATTEMPTS else "ATTEMPT_FAILED"
        case "delivered":
            return "DELIVERED"
        case "refused":
            return "RETURNING"
        case "returned":
            return "RETURNED"
        case "lost":
            return "LOST"
        case "damaged":
            return "DAMAGED"
        case _:
            assert_never(report.kind)


def _steps(parcel: Parcel, report: Report, target: ParcelState) -> tuple[Parcel, ...]:
    moved = replace(parcel, state=target, moved_by=report.kind, moved_at=report.at)
    if report.kind == "attempt_failed":
        moved = replace(moved, attempts=parcel.attempts + 1)
    match target:
        case "RETURNING":
            return (replace(moved, turned_by="refused" if report.kind == "refused" else "attempts_exhausted"),)
        case "RETURNED":
            back = replace(moved, turned_by=parcel.turned_by or "undeliverable")
            return back, replace(back, state="RESTOCKED" if restockable(report.reason) else "WRITTEN_OFF")
        case _:
            return (moved,)


def restockable(reason: str | None) -> bool:
    """Whether what came back can be sold again: unopened, it can, unless the carrier gives damage as the reason."""
    return reason != "damaged"


def _out_of_place(report: Report) -> Heard:
    """In time, but the parcel is past it: a scan on the way back is ordinary, an ending is not."""
    if report.kind == "scan":
        return Heard("noted")
    return Heard("late") if report.kind in _PROGRESS else Heard("contradicts", finding="contradiction")


def _after_the_end(parcel: Parcel, report: Report) -> Effect:
    """Progress older than the end only fills a gap; what would undo the end, or end it otherwise, contradicts it."""
    if report.kind in _agreeing(parcel.state):
        return "noted"
    if report.kind in _PROGRESS or (report.kind == "refused" and parcel.state != "DELIVERED"):
        older = parcel.moved_at is not None and report.at <= parcel.moved_at
        return "late" if older else "contradicts"
    return "contradicts"


def _agreeing(state: ParcelState) -> frozenset[ParcelKind]:
    match state:
        case "DELIVERED":
            return frozenset({"delivered"})
        case "RETURNED" | "RESTOCKED" | "WRITTEN_OFF":
            return frozenset({"returned"})
        case "LOST":
            return frozenset({"lost"})
        case "DAMAGED":
            return frozenset({"damaged", "returned"})  # a damaged parcel goes home too
        case (
            "CREATED" | "CANCELLED" | "HANDED_OVER" | "IN_TRANSIT" | "OUT_FOR_DELIVERY" | "ATTEMPT_FAILED" | "RETURNING"
        ):
            return frozenset()
        case _:
            assert_never(state)

"""A row of a carrier's statement held against what is known of its parcel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, assert_never

from shared.contracts.values import CashState, DiscrepancyKind, ParcelState

from .contracts import Contract
from .findings import Finding
from .lines import Row
from .parcel import ReturnReason

Outcome = Literal["remitted", "charged", "noted", "found"]
CAME_BACK: Final[frozenset[ParcelState]] = frozenset({"RETURNED", "RESTOCKED", "WRITTEN_OFF"})


@dataclass(frozen=True, slots=True)
class CashFacts:
    """A parcel's cash as it is while its row is locked; `collected` is None before the courier reported it."""

    state: CashState
    due: int
    currency: str
    collected: int | None = None
    remit_by: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether a statement may still name this cash: it was not remitted, nor given up."""
        match self.state:
            case "DUE" | "COLLECTED" | "REFUSED" | "OVERDUE" | "REVERSED" | "SHORT" | "DISPUTED":
                return True
            case "REMITTED" | "BANKED" | "SETTLED" | "WRITTEN_OFF":
                return False
            case _:
                assert_never(self.state)


@dataclass(frozen=True, slots=True)
class ParcelFacts:
    """What is known of a waybill's parcel; `cash` is None when it was prepaid, `charged`: its way back is settled."""

    state: ParcelState
    turned_by: ReturnReason | None = None
    cash: CashFacts | None = None
    charged: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What a row is: `remitted` and `charged` take effect, `noted` agrees and moves nothing, `found` waits for a
    decision. A row that takes effect may have come late, which is a finding beside it."""

    outcome: Outcome
    finding: Finding | None = None


def judge(
    row: Row, parcel: ParcelFacts | None, contract: Contract, received_at: datetime, *, repeated: bool = False
) -> Judged:
    """Match by waybill, amount and fee. `repeated`: the waybill stands earlier in the same statement for the same
    purpose."""
    differs = _Differs(row, contract)
    if parcel is None:
        return differs.found("unmatched", None, row.gross or row.fee)
    if repeated:
        return differs.found("duplicate", None, row.gross or row.fee)
    if row.is_charge and (parcel.state in CAME_BACK or parcel.cash is None or parcel.cash.collected is None):
        return _judge_charge(parcel, differs)
    if parcel.cash is None:
        return differs.found("over", 0, row.gross) if row.gross else Judged("noted")
    return _judge_cash(parcel, parcel.cash, differs, received_at)


@dataclass(frozen=True, slots=True)
class _Differs:
    row: Row
    contract: Contract

    def found(self, kind: DiscrepancyKind, expected: int | None, actual: int) -> Judged:
        return Judged("found", Finding(kind, expected, actual, self.contract.currency))


def _judge_charge(parcel: ParcelFacts, differs: _Differs) -> Judged:
    """A charge for the way back: once a parcel, by the contract."""
    row = differs.row
    agreed = differs.contract.charge(parcel.turned_by) if parcel.state in CAME_BACK else None
    expected = agreed[0] if agreed else 0
    if parcel.charged:
        return differs.found("duplicate", expected, row.fee)
    return Judged("charged") if row.fee == expected else differs.found("fee_differs", expected, row.fee)


def _judge_cash(parcel: ParcelFacts, cash: CashFacts, differs: _Differs, received_at: datetime) -> Judged:
    row = differs.row
    if cash.currency != differs.contract.currency:
        return Judged("found", Finding("cash_unclear", cash.due, row.gross, differs.contract.currency))
    if not cash.waits:
        return differs.found("duplicate", cash.collected, row.gross)
    if cash.collected is None:
        return _judge_uncollected(parcel, cash, differs)
    if row.gross != cash.collected:
        return differs.found("short" if row.gross < cash.collected else "over", cash.collected, row.gross)
    agreed = differs.contract.fee.of(row.gross)
    if row.fee != agreed:
        return differs.found("fee_differs", agreed, row.fee)
    late = cash.remit_by is not None and received_at > cash.remit_by
    return Judged("remitted", Finding("late", row.gross, row.gross, cash.currency) if late else None)


def _judge_uncollected(parcel: ParcelFacts, cash: CashFacts, differs: _Differs) -> Judged:
    row = differs.row
    if not row.gross:
        return Judged("noted")  # it says, as we do, that nothing was taken
    if parcel.state == "DELIVERED":
        return differs.found("delivered_without_cash", cash.due, row.gross)
    return differs.found("cash_without_delivery", 0, row.gross)

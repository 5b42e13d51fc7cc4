"""What parties are paid out of what is theirs, and what stops it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from shared.contracts.values import PayoutId, PayoutState
from shared.kernel.errors import Rejected

CODES: Final[Mapping[str, int]] = MappingProxyType(
    {"exceeds_available": 409, "not_banked": 409, "second_person_needed": 409}
)

RULE = "rule"  # who approves what is below the limit
FOLLOWS: Final[Mapping[PayoutState, frozenset[PayoutState]]] = MappingProxyType(
    {
        "REQUESTED": frozenset({"APPROVED"}),
        "APPROVED": frozenset({"SUBMITTED"}),
        "SUBMITTED": frozenset({"PAID", "FAILED"}),
        "PAID": frozenset({"RETURNED"}),
        "FAILED": frozenset(),
        "RETURNED": frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class Payout:
    """A payout as it is, in minor units; `events` counts what was told of it."""

    payout_id: PayoutId
    party: str
    state: PayoutState
    amount: int
    currency: str
    requested_by: str
    approved_by: str | None = None
    bank_ref: str | None = None
    failure: str | None = None
    version: int = 1
    events: int = 0

    def to(self, state: PayoutState) -> Payout:
        """One step on. Raises `illegal_transition` for one that the machine does not have."""
        if state not in FOLLOWS[self.state]:
            detail = f"The payout is {self.state} and can't be {state}; see GET /payouts."
            raise Rejected("illegal_transition", detail, state=self.state)
        return replace(self, state=state, version=self.version + 1, events=self.events + 1)


@dataclass(frozen=True, slots=True)
class Funds:
    """Locked: what is a party's, and what of the bank's money nobody was promised. Either may be below zero."""

    available: int
    free: int


def check_payable(amount: int, funds: Funds, currency: str) -> None:
    """Whether so much may go out. Raises `exceeds_available`, `not_banked`."""
    if amount > funds.available:
        available = {"amount": funds.available, "currency": currency}
        detail = f"At most {max(0, funds.available)} minor units of {currency} are available."
        raise Rejected("exceeds_available", detail, available=available)
    check_banked(amount, funds.free)


def check_banked(amount: int, free: int) -> None:
    """Nobody is paid with money that has not arrived. Raises `not_banked`."""
    if amount > free:
        raise Rejected("not_banked", "The bank does not hold that much yet; try again once it does.")


def approved(payout: Payout, by: str) -> Payout:
    """Approved by a second person. Raises `second_person_needed`, `illegal_transition`."""
    if by == payout.requested_by:
        raise Rejected("second_person_needed", "Who asked for a payout can't approve it; ask another operator.")
    return replace(payout.to("APPROVED"), approved_by=by)

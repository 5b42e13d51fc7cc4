"""What parties are paid out of what is theirs."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import Money, PayoutId, PayoutState
from .topics import PAYOUTS


class PayoutFact(Event):
    """A payout as it is after the event."""

    topic: ClassVar[Topic] = PAYOUTS

    payout_id: PayoutId
    party: str
    amount: Money
    state: PayoutState


class PayoutRequested(PayoutFact):
    """A party wants its money; from now on it lies in the payout and can't be asked for twice."""

    type: ClassVar[str] = "wanpu.orders.PayoutRequested.v1"

    requested_by: str
    needs_approval: bool = Field(description="Above the limit a second person has to approve.")
    requested_at: AwareDatetime


class PayoutApproved(PayoutFact):
    """It may be paid."""

    type: ClassVar[str] = "wanpu.orders.PayoutApproved.v1"

    approved_by: str = Field(description="The second person's party, or `rule` below the limit.")
    approved_at: AwareDatetime


class PayoutSubmitted(PayoutFact):
    """The bank was told to pay."""

    type: ClassVar[str] = "wanpu.orders.PayoutSubmitted.v1"

    submitted_at: AwareDatetime


class PayoutPaid(PayoutFact):
    """The bank paid."""

    type: ClassVar[str] = "wanpu.orders.PayoutPaid.v1"

    bank_ref: str
    paid_at: AwareDatetime


class PayoutFailed(PayoutFact):
    """The bank did not pay: the money is available again."""

    type: ClassVar[str] = "wanpu.orders.PayoutFailed.v1"

    failure: str
    failed_at: AwareDatetime


class PayoutReturned(PayoutFact):
    """The receiving bank sent it back after it was paid: the money is available again."""

    type: ClassVar[str] = "wanpu.orders.PayoutReturned.v1"

    bank_ref: str
    failure: str
    returned_at: AwareDatetime

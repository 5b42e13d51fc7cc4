"""A party's share of a line on its way to the party's bank account."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import CommissionState, ContentId, EntryPoint, GroupId, LineId, Money, OrderId, PartyKind, Value, WaitsFor
from .topics import COMMISSIONS


class BalanceAfter(Value):
    """All that a party is owed in the commission's currency, once the event has happened; minor units."""

    held: int
    available: int
    in_payout: int


class CommissionFact(Event):
    """A party's share of one line as it is after the event, and what the event did to the party's balance.

    Suppliers', creators' and referrers' shares are told of; the platform's own are in the ledger.
    """

    topic: ClassVar[Topic] = COMMISSIONS

    party: str
    party_kind: PartyKind
    order_id: OrderId
    line_id: LineId
    state: CommissionState
    amount: Money = Field(description="What is left of the share.")
    delta: Money = Field(description="What the event added to the share, or below zero took from it.")
    balance: BalanceAfter
    # `cause` in JSON: an event's own cause is what it inherits in its headers.
    cause_id: str = Field(alias="cause", description="The event, timer or report that led to it.")
    waits_for: tuple[WaitsFor, ...] = Field(default=(), description="What must happen before it is available.")
    hold_until: AwareDatetime | None = None
    entry_point: EntryPoint
    content_id: ContentId | None = None
    group_id: GroupId | None = None
    changed_at: AwareDatetime


class CommissionEstimated(CommissionFact):
    """The order stands: this much will be earned if the line reaches its buyer."""

    type: ClassVar[str] = "wanpu.orders.CommissionEstimated.v1"


class CommissionEarned(CommissionFact):
    """The line was delivered; the share is held until the hold is over and the money is there."""

    type: ClassVar[str] = "wanpu.orders.CommissionEarned.v1"


class CommissionAvailable(CommissionFact):
    """It can be paid out: the hold is over and the money has reached the bank."""

    type: ClassVar[str] = "wanpu.orders.CommissionAvailable.v1"


class CommissionHeldAgain(CommissionFact):
    """The bank took the money back: the share waits for it again."""

    type: ClassVar[str] = "wanpu.orders.CommissionHeldAgain.v1"


class CommissionInPayout(CommissionFact):
    """It is part of a payout."""

    type: ClassVar[str] = "wanpu.orders.CommissionInPayout.v1"


class CommissionPaid(CommissionFact):
    """The payout it is part of was paid."""

    type: ClassVar[str] = "wanpu.orders.CommissionPaid.v1"


class CommissionReversed(CommissionFact):
    """The buyer got money back for the line, and the party's part of it was taken back, before or after a payout."""

    type: ClassVar[str] = "wanpu.orders.CommissionReversed.v1"


class CommissionVoided(CommissionFact):
    """The line never reached its buyer: nothing was earned."""

    type: ClassVar[str] = "wanpu.orders.CommissionVoided.v1"

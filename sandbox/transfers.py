"""Money that the platform told somebody to pay out: carried out once, in its time, and reported until that is taken.

The memory is the platform's topics: an order to pay that has come to its end there stays at rest after a restart,
any other is carried out again with the same words, since each follows from the order itself.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sandbox.calls import Calls, status_of
from sandbox.errands import Errands
from sandbox.settings import Settings
from shared.contracts.values import Money

DELAY_SECONDS = (0.5, 3.0)
RETURN_SECONDS = 5.0  # from a payment to the day on which the receiving bank sends it back
Behaviour = Literal["pay", "fail", "return", "duplicate"]
Outcome = Literal["paid", "failed", "returned"]
_OUTCOMES: Mapping[Behaviour, tuple[Outcome, ...]] = {
    "pay": ("paid",),
    "fail": ("failed",),
    "return": ("paid", "returned"),
    "duplicate": ("paid", "paid"),  # the same call a second time, as a lost answer would cause it
}
_NAMES = uuid.UUID("c7c1b3a4-0c55-5b39-8f0e-0d3d1f0d5a21")


@dataclass(slots=True)
class Transfer:
    """An order to pay; `position` is its event's place in its stream: one that failed may be told again."""

    kind: Literal["payout", "refund"]
    subject: str
    amount: Money
    asked_at: datetime
    position: int
    payment_id: str | None = None
    behaviour: Behaviour | None = None
    ended: bool = False
    told: list[dict[str, Any]] = field(default_factory=list)
    errand: asyncio.Task[None] | None = None

    def ref(self, outcome: Outcome) -> str:
        """Names the act: the same act, the same name."""
        return uuid.uuid5(_NAMES, f"{self.subject}/{self.position}/{outcome}").hex

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            f"{self.kind}_id": self.subject,
            "amount": self.amount.model_dump(),
            "behaviour": self.behaviour,
            "ended": self.ended,
            "told": self.told,
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a transfer: the call's id and body."""

    call_id: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class Transfers:
    """All orders to pay of one party; `habits` in parts of 100, `tell` gives an outcome its words."""

    settings: Settings
    calls: Calls
    path: str
    habits: Mapping[Behaviour, int]
    tell: Callable[[Transfer, Outcome, datetime], Told]
    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    errands: Errands = field(default_factory=Errands)
    known: dict[str, Transfer] = field(default_factory=dict)
    _wanted: dict[str, Behaviour] = field(default_factory=dict)

    def ask(self, transfer: Transfer) -> None:
        """Take an order to pay once; carry it out unless every act is left to the caller."""
        before = self.known.get(transfer.subject)
        if before and before.position >= transfer.position:
            return
        self.known[transfer.subject] = transfer
        wanted = self._wanted.pop(transfer.subject, None)
        if wanted or not self.settings.quiet_sandbox:
            self._set_out(transfer, wanted or self._habit(transfer.subject))

    def end(self, subject: str, position: int, outcome: Outcome) -> None:
        """The platform knows what became of it; one that comes back by habit does so after it was paid."""
        transfer = self.known.get(subject)
        if transfer and position > transfer.position:
            transfer.ended = outcome != "paid" or self._habit(subject) != "return"

    def instruct(self, subject: str, behaviour: Behaviour) -> None:
        """Let it end this way, now or as soon as it is told."""
        if transfer := self.known.get(subject):
            if transfer.errand:
                transfer.errand.cancel()
            transfer.ended = False
            self._set_out(transfer, behaviour)
        else:
            self._wanted[subject] = behaviour

    def _habit(self, subject: str) -> Behaviour:
        chance = self.settings.chance(f"transfer/{subject}")
        return chance.choices(list(self.habits), list(self.habits.values()))[0]

    def _set_out(self, transfer: Transfer, behaviour: Behaviour) -> None:
        transfer.behaviour = behaviour
        transfer.errand = self.errands.start(self._go(transfer, behaviour))

    async def _go(self, transfer: Transfer, behaviour: Behaviour) -> None:
        await self.caught_up.wait()
        if transfer.ended:
            return
        pace = self.settings.sandbox_pace
        after = self.settings.chance(f"delay/{transfer.subject}").uniform(*DELAY_SECONDS) * pace
        await asyncio.sleep(after)
        for outcome in _OUTCOMES[behaviour]:
            if outcome == "returned":
                await asyncio.sleep(RETURN_SECONDS * pace)
                after += RETURN_SECONDS * pace
            await self._report(transfer, outcome, transfer.asked_at + timedelta(seconds=after))

    async def _report(self, transfer: Transfer, outcome: Outcome, at: datetime) -> None:
        told = self.tell(transfer, outcome, at)
        answer = await self.calls.until_taken(self.path, told.call_id, told.body)
        transfer.told.append({**told.body, "status": status_of(answer)})

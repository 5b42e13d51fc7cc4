"""Carriers' statements as the bank sees them: money that comes in for each, whole or in two parts."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sandbox.calls import Calls, status_of
from sandbox.errands import Errands
from sandbox.settings import Settings
from shared.contracts.event import Event
from shared.contracts.logistics import BankCreditReceived, StatementMatched
from shared.contracts.values import Money

CREDITS: Final = "/bank-credits"
HEARS: Final = (StatementMatched, BankCreditReceived)
DELAY_SECONDS: Final = (1.0, 4.0)  # before each part
IN_PARTS: Final = 15  # statements of 100 that come in two parts when nobody says otherwise
_NAMES = uuid.UUID("3c2a0c8e-6a53-5e0e-9c5e-5b7f3c1d9e47")


@dataclass(slots=True)
class Credited:
    """A statement and what came in for it; `refs` are the credits that the platform knows of."""

    statement_id: str
    carrier: str
    statement_ref: str
    net: Money
    matched_at: datetime
    parts: int | None = None
    refs: set[str] = field(default_factory=set)
    told: list[dict[str, Any]] = field(default_factory=list)

    def amounts(self) -> list[int]:
        """The sums of its parts: even, but for the last unit."""
        parts, net = self.parts or 1, self.net.amount
        return [net * (part + 1) // parts - net * part // parts for part in range(parts)]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": "credit",
            "carrier": self.carrier,
            "statement_ref": self.statement_ref,
            "amount": self.net.model_dump(),
            "parts": self.parts,
            "told": self.told,
        }


@dataclass(slots=True)
class Credits:
    """All statements the bank knows of, by the name that their carrier gave them."""

    settings: Settings
    calls: Calls
    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    errands: Errands = field(default_factory=Errands)
    known: dict[str, Credited] = field(default_factory=dict)
    _wanted: dict[str, int] = field(default_factory=dict)
    _refs: dict[str, set[str]] = field(default_factory=dict)  # credits heard of, by statement's id

    def hear(self, event: Event) -> None:
        """A statement whose rows were all looked at is due; what the platform has was credited before a restart."""
        match event:
            case BankCreditReceived():
                self._refs.setdefault(event.statement_id, set()).add(event.bank_ref)
            case StatementMatched():
                self._owe(event)

    def instruct(self, statement_ref: str, parts: int) -> None:
        """Credit it in so many parts, now or as soon as it is known; one that is being credited goes on as it began."""
        if credited := self.known.get(statement_ref):
            self._set_out(credited, parts)
        else:
            self._wanted[statement_ref] = parts

    def _owe(self, event: StatementMatched) -> None:
        if event.statement_ref in self.known or event.net.amount <= 0:
            return
        refs = self._refs.setdefault(event.statement_id, set())
        said = (event.statement_id, event.carrier, event.statement_ref, event.net, event.matched_at)
        self.known[event.statement_ref] = credited = Credited(*said, refs=refs)
        wanted = self._wanted.pop(event.statement_ref, None)
        if wanted or not self.settings.quiet_sandbox:
            self._set_out(credited, wanted or self._habit(event.statement_id))

    def _habit(self, statement_id: str) -> int:
        return 2 if self.settings.chance(f"credit/{statement_id}").randrange(100) < IN_PARTS else 1

    def _set_out(self, credited: Credited, parts: int) -> None:
        if credited.parts is None:
            credited.parts = parts
            self.errands.start(self._go(credited))

    async def _go(self, credited: Credited) -> None:
        """One part after the other; what the platform has is not told again."""
        await self.caught_up.wait()
        chance = self.settings.chance(f"delay/{credited.statement_id}")
        for number, amount in enumerate(credited.amounts(), 1):
            bank_ref = "credit_" + uuid.uuid5(_NAMES, f"{credited.statement_id}/{number}/{credited.parts}").hex
            if amount > 0 and bank_ref not in credited.refs:
                await asyncio.sleep(chance.uniform(*DELAY_SECONDS) * self.settings.sandbox_pace)
                await self._credit(credited, bank_ref, amount)

    async def _credit(self, credited: Credited, bank_ref: str, amount: int) -> None:
        body: Mapping[str, Any] = {
            "carrier": credited.carrier,
            "statement_ref": credited.statement_ref,
            "amount": {"amount": amount, "currency": credited.net.currency},
            "value_date": credited.matched_at.date().isoformat(),
            "bank_ref": bank_ref,
        }
        answer = await self.calls.until_taken(CREDITS, bank_ref, body)
        credited.told.append({**body, "status": status_of(answer)})

"""What the provider owes the platform: all it captured, less its fee, less what it paid back, settled every so often.

Its memory is the platform's topic of payments: captured or refunded and not settled is what is settled next.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.calls import Calls, status_of
from sandbox.psp.payments import PROVIDER
from sandbox.topics import position_of
from shared.contracts.event import Event
from shared.contracts.orders import PaymentCaptured, PaymentFact, PaymentRefunded, PaymentSettled

SETTLEMENTS: Final = f"/payments/settlements/{PROVIDER}"
HEARS: Final = (PaymentCaptured, PaymentRefunded, PaymentSettled)
FEE_PPM: Final = 6_000  # 0.6 %
MOST_ROWS: Final = 1_000  # in a settlement: its body stays below the 256 KiB that the platform reads
HOME: Final = "CNY"  # the currency of a settlement that names none
_NAMES = uuid.UUID("8f0f2a6d-2d5c-5f59-9d7e-4b8c6e1a3f05")


@dataclass(frozen=True, slots=True)
class Row:
    """One payment in a settlement; `gross` is below zero for what went back to the card."""

    payment_id: str
    gross: int

    @property
    def fee(self) -> int:
        """Rounded half up; nothing for a refund."""
        return (max(self.gross, 0) * FEE_PPM + 500_000) // 1_000_000

    def as_json(self) -> dict[str, Any]:
        return {"payment_id": self.payment_id, "gross": self.gross, "fee": self.fee}


@dataclass(slots=True)
class Account:
    """What moved for one payment, each movement under its name, so that hearing of it twice counts once."""

    currency: str
    captured: dict[int, int] = field(default_factory=dict)  # by the event's position
    refunded: dict[str, int] = field(default_factory=dict)  # by refund
    settled: dict[str, int] = field(default_factory=dict)  # by settlement, which names a payment once

    def owed(self) -> int:
        """What is settled next: captured first, refunded after it; zero when all is."""
        done = self.settled.values()
        captured = sum(self.captured.values()) - sum(gross for gross in done if gross > 0)
        return captured or -sum(self.refunded.values()) - sum(gross for gross in done if gross < 0)


@dataclass(slots=True)
class Settling:
    """The provider's account with the platform."""

    calls: Calls
    accounts: dict[str, Account] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def hear(self, event: Event, headers: Mapping[str, str]) -> None:
        """What the platform has in its books about our payments."""
        if not isinstance(event, PaymentFact) or event.psp != PROVIDER:
            return
        account = self.accounts.setdefault(event.payment_id, Account(event.due.currency))
        match event:
            case PaymentCaptured():
                account.currency = event.captured.currency
                account.captured[position_of(headers)] = event.captured.amount
            case PaymentRefunded():
                account.refunded[event.refund_id or f"{position_of(headers)}"] = event.refunded.amount
            case PaymentSettled():
                account.settled[event.settlement_id] = event.gross.amount

    async def settle(self) -> None:
        """Settle until nothing is owed: a payment's refund in a later settlement than its capture."""
        async with self._turn:
            while settlement := next(self._due(), None):
                if not await self._send(*settlement):
                    return

    def owed(self) -> int:
        """Payments with something to settle."""
        return sum(account.owed() != 0 for account in self.accounts.values())

    def _due(self) -> Iterator[tuple[str, list[Row]]]:
        """Settlements that could be sent now: a currency and its rows."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for payment_id, account in sorted(self.accounts.items()):
            if gross := account.owed():
                rows[account.currency].append(Row(payment_id, gross))
        for currency, due in sorted(rows.items()):
            yield currency, due[:MOST_ROWS]

    async def _send(self, currency: str, rows: list[Row]) -> bool:
        """Send one; its name follows from its rows, so that the same ones sent again are the same settlement."""
        payments = [row.as_json() for row in rows]
        name = uuid.uuid5(_NAMES, json.dumps([currency, payments])).hex
        body: dict[str, Any] = {
            "settlement_id": f"stl_{name}",
            "payments": payments,
            "bank_ref": f"psp_{name}",
            **({} if currency == HOME else {"currency": currency}),
        }
        answer = await self.calls.until_taken(SETTLEMENTS, f"{PROVIDER}-settlement-{name}", body)
        taken = answer is not None and answer.is_success
        self.sent.append({**body, "status": status_of(answer)})
        for row in rows if taken else ():
            self.accounts[row.payment_id].settled[body["settlement_id"]] = row.gross
        return taken

"""Payments as the provider sees them: a bill, attempts to pay it, calls that tell the platform.

Kept in memory: each reference and call id follows from the payment and the attempt, so that a buyer who pays
again after a restart repeats the same call, which the platform knows by its id.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sandbox.calls import Calls
from sandbox.errands import Errands
from sandbox.settings import Settings

PROVIDER = "sandbox"
CALLBACK = f"/payments/callbacks/{PROVIDER}"
DELAY_SECONDS = (0.2, 2.0)
LATE_SECONDS = 30.0  # a bank that thinks about it; with the demo's pace and periods, longer than an order waits
Behaviour = Literal["capture", "fail", "late", "wrong_amount", "duplicate"]
# How buyers and banks behave when nobody says otherwise, in parts of 100; nobody pays a wrong amount by chance.
HABITS: Mapping[Behaviour, int] = {"capture": 76, "duplicate": 10, "fail": 8, "late": 6}
State = Literal["open", "failed", "captured"]
_NAMES = uuid.UUID("5f0d7a52-6c0e-5e0a-9a1c-7f6f6b0f5a11")


@dataclass(frozen=True, slots=True)
class Bill:
    """What a `pay_url` says."""

    payment_id: str
    amount: int
    currency: str
    expires: int

    def is_signed(self, key: str, signature: str) -> bool:
        """Whether orders made this URL, and nobody changed the sum."""
        said = f"{self.payment_id}.{self.amount}.{self.currency}.{self.expires}"
        return hmac.compare_digest(hmac.new(key.encode(), said.encode(), hashlib.sha256).hexdigest(), signature)

    @property
    def is_over(self) -> bool:
        return time.time() >= self.expires


@dataclass(slots=True)
class Payment:
    """A bill and what became of it; `told` counts calls that were taken."""

    bill: Bill
    state: State = "open"
    attempts: int = 0
    psp_ref: str = ""
    told: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "payment_id": self.bill.payment_id,
            "amount": self.bill.amount,
            "currency": self.bill.currency,
            "state": self.state,
            "attempts": self.attempts,
            "psp_ref": self.psp_ref,
            "told": self.told,
        }


@dataclass(frozen=True, slots=True)
class Order:
    """What a test or the demo wants of the next attempt."""

    behaviour: Behaviour
    delay_seconds: float | None = None


@dataclass(slots=True)
class Provider:
    """The provider's books and its habits."""

    settings: Settings
    calls: Calls
    errands: Errands = field(default_factory=Errands)
    payments: dict[str, Payment] = field(default_factory=dict)
    _orders: dict[str, Order] = field(default_factory=dict)

    def instruct(self, payment_id: str, order: Order) -> None:
        """Let the next attempt to pay end this way."""
        self._orders[payment_id] = order

    def pay(self, bill: Bill) -> Payment:
        """One press of the button; a captured payment stays as it is."""
        payment = self.payments.setdefault(bill.payment_id, Payment(bill))
        if payment.state == "captured":
            return payment
        payment.attempts += 1
        order = self._orders.pop(bill.payment_id, None) or self._habit(payment)
        payment.state = "failed" if order.behaviour == "fail" else "captured"
        payment.psp_ref = "psp_" + uuid.uuid5(_NAMES, f"{bill.payment_id}/{payment.state}/{payment.attempts}").hex
        self.errands.start(self._tell(payment, order))
        return payment

    def _habit(self, payment: Payment) -> Order:
        """By seed; after a failure buyers try another card, and in quiet nothing odd happens."""
        if self.settings.quiet_sandbox:
            return Order("capture", 0.0)
        chance = self.settings.chance(f"{payment.bill.payment_id}/{payment.attempts}")
        behaviour: Behaviour = "capture"
        if payment.attempts == 1:
            behaviour = chance.choices(list(HABITS), list(HABITS.values()))[0]
        low, high = (LATE_SECONDS, LATE_SECONDS) if behaviour == "late" else DELAY_SECONDS
        return Order(behaviour, chance.uniform(low, high) * self.settings.sandbox_pace)

    async def _tell(self, payment: Payment, order: Order) -> None:
        """Report the attempt; a duplicate is the same call a second time, as a lost answer would cause it."""
        kind = "failed" if payment.state == "failed" else "captured"
        call_id = f"{PROVIDER}-{kind}-{payment.bill.payment_id}-{payment.attempts}"
        body = _report(payment, kind, order)
        await asyncio.sleep(self._delay(order))
        for _ in range(2 if order.behaviour == "duplicate" else 1):
            answer = await self.calls.until_taken(CALLBACK, call_id, body)
            payment.told += answer is not None and answer.is_success

    def _delay(self, order: Order) -> float:
        if order.delay_seconds is not None:
            return order.delay_seconds
        return LATE_SECONDS * self.settings.sandbox_pace if order.behaviour == "late" else 0.0


def _report(payment: Payment, kind: str, order: Order) -> dict[str, Any]:
    amount = payment.bill.amount - 1 if order.behaviour == "wrong_amount" else payment.bill.amount
    return {
        "payment_id": payment.bill.payment_id,
        "kind": kind,
        "amount": amount,
        "currency": payment.bill.currency,
        "psp_ref": payment.psp_ref,
        "at": datetime.now(UTC).isoformat(),
    }

"""What a payment provider's report means for the order it pays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from shared.contracts.values import OrderId, OrderState, PaymentId, PaymentState
from shared.kernel.errors import Rejected

Outcome = Literal["applied", "order_not_open", "amount_differs", "currency_differs"]

# A failed try is not the end: the buyer may pay again on the same page until the order expires.
OPEN: Final[tuple[PaymentState, ...]] = ("PENDING", "FAILED")


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as it is; amounts in minor units."""

    payment_id: PaymentId
    order_id: OrderId
    state: PaymentState
    due: int
    currency: str
    captured: int


def judge_capture(payment: Payment, order: OrderState, amount: int, currency: str) -> Outcome:
    """Whether a capture pays the order: only the exact sum does, and only while the order waits for it.

    Under any other outcome the order stays as it is and the whole sum goes back.
    """
    if order != "PLACED" or payment.state not in OPEN:
        return "order_not_open"
    if currency != payment.currency:
        return "currency_differs"
    return "applied" if amount == payment.due else "amount_differs"


@dataclass(frozen=True, slots=True)
class Settling:
    """What a provider has of an order's money, by the books: taken and given back, paid over and kept for it."""

    captured: int = 0
    refunded: int = 0
    settled: int = 0
    kept: int = 0

    def take(self, gross: int, fee: int) -> Settling:
        """After a row of a settlement; below zero it keeps what it had paid over before it gave it back.

        Raises:
            Rejected: `settlement_differs` for more than it has, or a fee above the sum.
        """
        if gross == 0 or fee < 0 or (gross > 0 and fee > gross):
            raise Rejected("settlement_differs", "A row pays over or keeps a sum, and its fee is a part of it.")
        after = replace(self, settled=self.settled + max(gross, 0), kept=self.kept + max(-gross, 0))
        paid_too_much = after.settled - after.captured + after.refunded
        if after.settled > after.captured or (gross < 0 and after.kept > paid_too_much):
            raise Rejected("settlement_differs", "More than the provider has taken, or than it paid over too much.")
        return after

"""What a payment provider's report means for the order it pays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from shared.contracts.values import OrderId, OrderState, PaymentId, PaymentState

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

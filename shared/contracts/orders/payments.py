"""What a payment provider did about a prepaid order."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import Money, OrderId, PaymentId, PaymentState, RefundId
from .topics import PAYMENTS


class PaymentFact(Event):
    """A prepaid order's payment as it is after the event."""

    topic: ClassVar[Topic] = PAYMENTS

    payment_id: PaymentId
    order_id: OrderId
    state: PaymentState
    due: Money = Field(description="What the order costs.")
    psp: str
    psp_ref: str | None = None


class PaymentCaptured(PaymentFact):
    """The payment provider took the buyer's money.

    Only an `outcome` of applied pays the order; under any other the order stays as it is, and the
    whole sum is to be refunded.
    """

    type: ClassVar[str] = "wanpu.orders.PaymentCaptured.v1"

    captured: Money
    outcome: Literal["applied", "order_not_open", "amount_differs", "currency_differs"]
    captured_at: AwareDatetime = Field(description="The provider's time.")


class PaymentFailed(PaymentFact):
    """The payment provider could not take the buyer's money."""

    type: ClassVar[str] = "wanpu.orders.PaymentFailed.v1"

    reason: str | None = None
    failed_at: AwareDatetime = Field(description="The provider's time.")


class PaymentSettled(PaymentFact):
    """The provider paid over what it had taken, less its fee; below zero it kept what it had paid back."""

    type: ClassVar[str] = "wanpu.orders.PaymentSettled.v1"

    settlement_id: str
    bank_ref: str
    gross: Money
    fee: Money
    settled_at: AwareDatetime


class PaymentRefunded(PaymentFact):
    """The provider gave the buyer money back."""

    type: ClassVar[str] = "wanpu.orders.PaymentRefunded.v1"

    refund_id: RefundId | None = Field(default=None, description="Null when it names no refund of ours.")
    refunded: Money
    refunded_at: AwareDatetime = Field(description="The provider's time.")

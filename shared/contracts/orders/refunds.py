"""What buyers get back."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import LineId, Money, OrderId, PaymentId, Quantity, RefundId, RefundState, SupplierOrderId, Value
from .topics import REFUNDS

RefundKind = Literal["refund_only", "return_and_refund", "automatic"]
RefundRoute = Literal["card", "transfer", "wallet"]


class RefundLine(Value):
    """How much of a line goes back."""

    line_id: LineId
    quantity: Quantity
    amount: Money


class RefundFact(Event):
    """A refund as it is after the event."""

    topic: ClassVar[Topic] = REFUNDS

    refund_id: RefundId
    order_id: OrderId
    buyer_ref: str
    supplier_order_id: SupplierOrderId | None = Field(
        default=None, description="Whose goods it is about; null for money that paid nothing."
    )
    kind: RefundKind = Field(description="Automatic: nobody asked, what was paid for never reached the buyer.")
    reason: str
    state: RefundState
    amount: Money
    lines: tuple[RefundLine, ...] = ()
    route: RefundRoute = Field(description="Back to the card it came from, to an account, or into the buyer's wallet.")
    payment_id: PaymentId | None = Field(default=None, description="The payment it goes back through.")


class RefundRequested(RefundFact):
    """A buyer wants money back; the supplier who says nothing until `approve_by` has agreed."""

    type: ClassVar[str] = "wanpu.orders.RefundRequested.v1"

    requested_by: Literal["buyer", "operator", "service"]
    approve_by: AwareDatetime


class RefundApproved(RefundFact):
    """The refund stands: its money is the buyer's, at the latest once the goods are back."""

    type: ClassVar[str] = "wanpu.orders.RefundApproved.v1"

    approved_by: Literal["supplier", "operator", "timer", "rule"]
    approved_at: AwareDatetime


class RefundRejected(RefundFact):
    """The refund was refused, with its reason."""

    type: ClassVar[str] = "wanpu.orders.RefundRejected.v1"

    rejected_by: Literal["supplier", "operator"]
    note: str
    rejected_at: AwareDatetime


class RefundInspected(RefundFact):
    """What came back was looked at."""

    type: ClassVar[str] = "wanpu.orders.RefundInspected.v1"

    accepted: bool
    damaged: bool = Field(description="Its pieces can't be sold again.")
    inspected_at: AwareDatetime


class RefundSubmitted(RefundFact):
    """Whoever pays it out was told to: the payment provider for a card, the bank for a transfer."""

    type: ClassVar[str] = "wanpu.orders.RefundSubmitted.v1"

    submitted_at: AwareDatetime


class RefundPaid(RefundFact):
    """The buyer has the money."""

    type: ClassVar[str] = "wanpu.orders.RefundPaid.v1"

    paid_ref: str = Field(description="The provider's or the bank's name of the act.")
    paid_at: AwareDatetime


class RefundFailed(RefundFact):
    """It could not be paid out; the money is still the buyer's, and an operator sends it again."""

    type: ClassVar[str] = "wanpu.orders.RefundFailed.v1"

    failure: str
    failed_at: AwareDatetime

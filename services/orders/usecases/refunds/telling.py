"""What the world is told of a refund."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, cast

from services.orders.domain.lifecycle import Order
from services.orders.domain.refunds import Refund
from services.orders.store import lifecycle as orders_store
from services.orders.store.lifecycle import Note
from shared.contracts.orders import (
    RefundApproved,
    RefundFact,
    RefundFailed,
    RefundInspected,
    RefundLine,
    RefundPaid,
    RefundRejected,
    RefundRequested,
    RefundSubmitted,
)
from shared.contracts.values import Money
from shared.kernel.database import Tx

Approver = Literal["supplier", "operator", "timer", "rule"]


async def note(tx: Tx, told: Sequence[RefundFact]) -> None:
    """Write on the orders' timelines what is told."""
    shown = [
        (event, event.model_dump(mode="json", include={"refund_id", "amount", "state", "reason"})) for event in told
    ]
    await orders_store.note(tx, [Note(event.order_id, type(event).__name__, detail) for event, detail in shown])


def requested(order: Order, refund: Refund) -> RefundRequested:
    assert refund.approve_by is not None, "somebody asked for it"
    by = cast("Literal['buyer', 'operator', 'service']", refund.requested_by)
    return RefundRequested(**_fact(order, refund), requested_by=by, approve_by=refund.approve_by)


def approved(order: Order, refund: Refund, at: datetime, by: Approver) -> RefundApproved:
    return RefundApproved(**_fact(order, refund), approved_by=by, approved_at=at)


def rejected(order: Order, refund: Refund, at: datetime, by: Literal["supplier", "operator"]) -> RefundRejected:
    assert refund.note is not None, "a refusal says why"
    return RefundRejected(**_fact(order, refund), rejected_by=by, note=refund.note, rejected_at=at)


def inspected(order: Order, refund: Refund, at: datetime, *, accepted: bool, damaged: bool) -> RefundInspected:
    return RefundInspected(**_fact(order, refund), accepted=accepted, damaged=damaged, inspected_at=at)


def submitted(order: Order, refund: Refund, at: datetime) -> RefundSubmitted:
    return RefundSubmitted(**_fact(order, refund), submitted_at=at)


def paid(order: Order, refund: Refund, at: datetime) -> RefundPaid:
    assert refund.paid_ref is not None, "whoever pays gives it a name"
    return RefundPaid(**_fact(order, refund), paid_ref=refund.paid_ref, paid_at=at)


def failed(order: Order, refund: Refund, at: datetime, failure: str) -> RefundFailed:
    return RefundFailed(**_fact(order, refund), failure=failure, failed_at=at)


def _fact(order: Order, refund: Refund) -> dict[str, Any]:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=refund.currency)

    return {
        "refund_id": refund.refund_id,
        "order_id": refund.order_id,
        "buyer_ref": order.buyer_ref,
        "supplier_order_id": refund.supplier_order_id,
        "kind": refund.kind,
        "reason": refund.reason,
        "state": refund.state,
        "amount": money(refund.amount),
        "lines": tuple(RefundLine(line_id=p.line_id, quantity=p.qty, amount=money(p.amount)) for p in refund.lines),
        "route": refund.route,
        "payment_id": refund.payment_id,
    }

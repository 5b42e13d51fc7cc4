"""What a payment provider reports, and what follows for the order and the books."""

from __future__ import annotations

from services.orders.domain import journals
from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Order
from services.orders.domain.payments import Outcome, Payment, judge_capture
from services.orders.store import lifecycle as orders_store
from services.orders.store import payments as store
from services.orders.store.lifecycle import Note
from services.orders.store.payments import Report
from services.orders.usecases.ledger import Posting, post, postings
from services.orders.usecases.lifecycle import confirm, inherited
from services.orders.usecases.refunds import Back, card_refunded, give_back
from shared.contracts.event import Cause
from shared.contracts.orders import PaymentCaptured, PaymentFailed
from shared.contracts.values import Money
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.outbox import Told


async def take_report(tx: Tx, report: Report, because: Cause) -> str:
    """Store a provider's report and let it take effect once; returns what was made of it, the same every time.

    Raises:
        Rejected: `not_found` for a payment that is none of ours.
    """
    payment = await store.read(tx, report.payment_id)
    if payment is None:
        raise Rejected("not_found", "There is no such payment; check payment_id.")
    order = (await orders_store.lock(tx, [payment.order_id]))[payment.order_id]
    if (known := await store.known_outcome(tx, report)) is not None:
        return known
    payment = await store.read(tx, report.payment_id)
    assert payment is not None, "payments are never deleted"
    outcome = await _apply(tx, report, payment, order, inherited(order, because))
    await store.keep(tx, report, outcome)
    return outcome


async def _apply(tx: Tx, report: Report, payment: Payment, order: Order, because: Cause) -> str:
    match report.kind:
        case "captured":
            return await _capture(tx, report, payment, order, because)
        case "failed":
            return await _fail(tx, report, payment, because)
        case "refunded":
            return await card_refunded(tx, report, payment, order, because)


async def _capture(tx: Tx, report: Report, payment: Payment, order: Order, because: Cause) -> Outcome:
    outcome = judge_capture(payment, order.state, report.amount, report.currency)
    applied = outcome == "applied"
    position = await (store.capture(tx, report) if applied else store.tell(tx, report.payment_id))
    assert position is not None, "the payment was judged open under its order's lock"
    told: list[Told] = [_captured(report, payment, outcome).at(position, because)]
    detail = {"outcome": outcome, "amount": report.amount, "currency": report.currency, "psp_ref": report.psp_ref}
    await orders_store.note(tx, [Note(order.order_id, "PaymentCaptured", detail)])
    told += [await confirm(tx, order, "capture", because)] if applied else []
    told += await post(tx, [] if order.loadtest else _postings(report, order, because))
    told += await give_back(tx, [] if applied else [_back(report, order, outcome, because)])
    await outbox.append(tx, told)
    return outcome


async def _fail(tx: Tx, report: Report, payment: Payment, because: Cause) -> str:
    """The order waits on: the buyer may try again until it expires. Of a payment that is over it changes nothing."""
    position = await store.fail(tx, report)
    if position is None:
        return "too_late"
    await orders_store.note(tx, [Note(payment.order_id, "PaymentFailed", {"reason": report.reason})])
    failed = PaymentFailed(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        state="FAILED",
        due=_due(payment),
        psp=report.psp,
        psp_ref=report.psp_ref,
        reason=report.reason,
        failed_at=report.at,
    )
    await outbox.append(tx, [failed.at(position, because)])
    return "failed"


def _postings(report: Report, order: Order, because: Cause) -> list[Posting]:
    return postings(because, journals.payment_captured(_occasion(report, order), report.payment_id, report.amount))


def _back(report: Report, order: Order, outcome: Outcome, because: Cause) -> Back:
    """What does not pay the order goes back whole."""
    journal = journals.refund_approved(_occasion(report, order), report.payment_id, report.amount)
    return Back(order, None, outcome, journal, because)


def _occasion(report: Report, order: Order) -> Occasion:
    return Occasion(order.order_id, report.currency, f"{report.psp}:{report.psp_ref}")


def _captured(report: Report, payment: Payment, outcome: Outcome) -> PaymentCaptured:
    return PaymentCaptured(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        state="CAPTURED" if outcome == "applied" else payment.state,
        due=_due(payment),
        psp=report.psp,
        psp_ref=report.psp_ref,
        captured=Money(amount=report.amount, currency=report.currency),
        outcome=outcome,
        captured_at=report.at,
    )


def _due(payment: Payment) -> Money:
    return Money(amount=payment.due, currency=payment.currency)

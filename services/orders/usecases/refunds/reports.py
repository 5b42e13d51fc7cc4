"""What those who pay refunds out report of them, and the timer that asks whether they can be paid."""

from __future__ import annotations

from collections.abc import Sequence

from services.orders.domain import journals
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.lifecycle import Asker, Order
from services.orders.domain.payments import Payment
from services.orders.domain.refunds import Refund
from services.orders.store import payments as payments_store
from services.orders.store import refunds as store
from services.orders.store.banks import BankReport
from services.orders.store.payments import Report
from services.orders.store.refunds import Sought
from services.orders.usecases.ledger import post, postings
from services.orders.usecases.lifecycle import inherited
from services.orders.usecases.refunds import paying
from services.orders.usecases.refunds.asking import locked, own_refund
from services.orders.usecases.refunds.paying import PAY_REFUND, Standing
from shared.contracts.event import Cause
from shared.contracts.orders import PaymentRefunded
from shared.contracts.values import Money, RefundId
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.outbox import Told
from shared.kernel.timers import Timer


async def pay_waiting(tx: Tx, due: Sequence[Timer], *, retry_seconds: float) -> None:
    """Pay what the bank's money covers by now; the rest is looked at again."""
    found = await locked(tx, {RefundId(timer.subject): timer.cause for timer in due})
    waiting = [each for each in found if each.refund.state == "DUE"]
    paid, told = await paying.pay(tx, waiting)
    later: dict[str, Cause] = {e.refund.refund_id: e.because for e in waiting if e.refund.refund_id not in paid}
    await timers.schedule_each(tx, PAY_REFUND, later, retry_seconds)
    await outbox.append(tx, told)


async def submit_again(tx: Tx, refund_id: RefundId, asker: Asker, because: Cause) -> Refund:
    """An operator sends again what failed. Raises `not_found`, `illegal_transition`, `not_banked`."""
    order, refund = await own_refund(tx, refund_id, asker)
    sent, told = await paying.send_again(tx, Standing(order, refund, inherited(order, because)))
    await outbox.append(tx, told)
    return sent


async def card_refunded(tx: Tx, report: Report, payment: Payment, order: Order, because: Cause) -> str:
    """The provider gave the buyer money back; of a refund that is none of ours the report is kept."""
    sought = Sought(order.order_id, report.payment_id, report.refund_id, report.amount, report.currency)
    refund = await store.submitted(tx, sought)
    if refund is None:
        return "kept"
    if (refund.amount, refund.currency) != (report.amount, report.currency):
        return "amount_differs"
    on = Occasion(order.order_id, report.currency, f"{report.psp}:{report.psp_ref}")
    booked = journals.refund_paid(on, refund.refund_id, refund.amount, "psp_clearing")
    told: list[Told] = [*(await post(tx, postings(because, booked)))]
    told += await paying.refunded(tx, Standing(order, refund, because), report.psp_ref)
    told.append(await _payment_refunded(tx, report, payment, refund, because))
    await outbox.append(tx, told)
    return "refunded"


async def _payment_refunded(tx: Tx, report: Report, payment: Payment, refund: Refund, because: Cause) -> Told:
    """CAPTURED → PART_REFUNDED → REFUNDED by what had paid the order; what had paid nothing leaves it as it is."""
    state = payment.state
    if refund.pays_the_order_back:
        back = await store.refunded(tx, refund.order_id, payment.payment_id)
        state, position = await payments_store.refund(tx, payment.payment_id, back)
    else:
        position = await payments_store.tell(tx, payment.payment_id)
    return PaymentRefunded(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        state=state,
        due=Money(amount=payment.due, currency=payment.currency),
        psp=report.psp,
        psp_ref=report.psp_ref,
        refund_id=refund.refund_id,
        refunded=Money(amount=report.amount, currency=report.currency),
        refunded_at=report.at,
    ).at(position, because)


async def bank_says(tx: Tx, here: Standing, report: BankReport) -> tuple[str, list[Told]]:
    """What a bank says of the transfer of a locked refund, and what it tells the world."""
    refund = here.refund
    if refund.route != "transfer":
        return "kept", []
    if (report.amount, report.currency) != (refund.amount, refund.currency):
        return "amount_differs", []
    on = Occasion(refund.order_id, refund.currency, report.cause)
    match report.kind, refund.state:
        case "paid", "SUBMITTED":
            booked = journals.refund_paid(on, refund.refund_id, refund.amount, "bank")
            return "paid", [*await _post(tx, here, booked), *await paying.refunded(tx, here, report.bank_ref)]
        case "failed", "SUBMITTED":
            return "failed", await paying.failed(tx, here, report.reason or "the bank gave no reason")
        case "returned", "REFUNDED":
            booked = journals.refund_returned(on, refund.refund_id, refund.amount)
            reason = report.reason or "the receiving bank sent it back"
            return "returned", [*await _post(tx, here, booked), *await paying.failed(tx, here, reason)]
        case _:
            return "kept", []


async def _post(tx: Tx, here: Standing, journal: Journal | None) -> list[Told]:
    return [*(await post(tx, postings(here.because, journal)))]


async def locked_refund(tx: Tx, refund_id: RefundId, because: Cause) -> Standing:
    """The refund with its locked order. Raises `not_found`."""
    found = await locked(tx, {refund_id: because})
    if not found:
        raise Rejected("not_found", "There is no such refund; check refund_id.")
    return found[0]

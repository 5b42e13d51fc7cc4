"""What was paid and never reached the buyer goes back without anybody asking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.orders.domain.ledger import Journal
from services.orders.domain.lifecycle import Order
from services.orders.domain.refunds import Piece, Refund
from services.orders.store import refunds as store
from services.orders.usecases.ledger import Posting, post
from services.orders.usecases.refunds import telling
from services.orders.usecases.refunds.paying import Standing, send
from shared.contracts.event import Cause
from shared.contracts.values import RefundId, SupplierOrderId
from shared.kernel import database
from shared.kernel.database import Tx
from shared.kernel.ids import new_id
from shared.kernel.outbox import Told


@dataclass(frozen=True, slots=True)
class Back:
    """Money that a locked order's buyer gets back: as much as the journal owes them, nothing without one.

    Without a supplier order it is money that had paid nothing.
    """

    order: Order
    supplier_order_id: SupplierOrderId | None
    reason: str
    journal: Journal | None
    because: Cause
    lines: tuple[Piece, ...] = ()
    in_cash: bool = False  # taken at a door: no card to go back to, also of an order that was paid by one


async def give_back(tx: Tx, backs: Sequence[Back]) -> list[Told]:
    """Book them and make a refund of each that was not booked before; returns what to tell, to be appended last."""
    real = [(back, back.journal) for back in backs if back.journal and not back.order.loadtest]
    posted = await post(tx, [Posting(journal, back.because) for back, journal in real])
    fresh = {(event.cause_id, event.kind, event.subject) for event in posted}
    owed = [(back, journal) for back, journal in real if (journal.cause, journal.kind, journal.subject) in fresh]
    return [*posted, *(await _begin(tx, _together(owed)))]


def _together(owed: Sequence[tuple[Back, Journal]]) -> list[Standing]:
    """What goes back for one supplier order by one cause is one refund, whatever lines it is of."""
    drafts: dict[tuple[str, ...], Standing] = {}
    for back, journal in owed:
        draft = Standing(back.order, _refund(back, journal), back.because)
        what = back.supplier_order_id or journal.subject
        key = (back.order.order_id, what, journal.cause, journal.currency, draft.refund.route)
        before = drafts.get(key)
        drafts[key] = replace(draft, refund=_sum(before.refund, draft.refund)) if before else draft
    return list(drafts.values())


def _sum(first: Refund, second: Refund) -> Refund:
    return replace(first, amount=first.amount + second.amount, lines=first.lines + second.lines)


async def _begin(tx: Tx, drafts: Sequence[Standing]) -> list[Told]:
    if not drafts:
        return []
    made = await store.insert(tx, [each.refund for each in drafts])
    new = [each for each in drafts if each.refund.refund_id in made]
    at = await database.now(tx)
    told = [telling.approved(o.order, o.refund, at, "rule").at(o.refund.events, o.because) for o in new]
    await telling.note(tx, told)
    _, submitted = await send(tx, new)
    return [*told, *submitted]


def _refund(back: Back, journal: Journal) -> Refund:
    owed = sum(entry.credit - entry.debit for entry in journal.entries if entry.account == "refund_payable")
    return Refund(
        refund_id=RefundId(new_id()),
        order_id=back.order.order_id,
        supplier_order_id=back.supplier_order_id,
        kind="automatic",
        state="DUE",
        reason=back.reason,
        requested_by="rule",
        route="card" if back.order.prepaid and not back.in_cash else "transfer",
        payment_id=back.order.payment_id,
        amount=owed,
        currency=journal.currency,
        cause=f"{journal.cause}/{journal.subject}",
        lines=back.lines,
        events=1,
    )

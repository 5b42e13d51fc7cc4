"""What buyers ask back, and what their suppliers say to it; silence is a yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from services.orders.domain.lifecycle import Asker, Line, Order
from services.orders.domain.refunds import Refund, RefundRoute, Wish, check_collected, pieces_asked
from services.orders.store import lifecycle as orders_store
from services.orders.store import refunds as store
from services.orders.store import supplier_orders as parts_store
from services.orders.store.refunds import Search, Seen
from services.orders.usecases import stock
from services.orders.usecases.lifecycle import inherited, move_stock, own_order
from services.orders.usecases.refunds import telling
from services.orders.usecases.refunds.paying import Standing, end, fall_due, free
from services.orders.usecases.refunds.telling import Approver
from shared.contracts.event import Cause
from shared.contracts.orders import RefundInspected
from shared.contracts.values import OrderId, RefundId, SupplierOrderId
from shared.kernel import database, outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id
from shared.kernel.outbox import Told
from shared.kernel.timers import Timer

APPROVE_REFUND = "approve_refund"  # timer: the supplier's time to answer


@dataclass(frozen=True, slots=True)
class Ask:
    """A buyer, or somebody for them, wants money back; the supplier who says nothing in time has agreed."""

    order_id: OrderId
    wishes: tuple[Wish, ...]
    kind: Literal["refund_only", "return_and_refund"]
    reason: str
    route: Literal["transfer", "wallet"] | None
    asker: Asker
    approve_seconds: float


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a supplier found in the parcel that came back."""

    refund_id: RefundId
    accepted: bool
    damaged: bool
    note: str
    asker: Asker


async def request(tx: Tx, ask: Ask, because: Cause) -> Refund:
    """Ask for money back.

    Raises:
        Rejected: `not_found`, `route_not_possible`, and what `pieces_asked` and `check_collected` refuse.
    """
    order = await own_order(tx, ask.order_id, ask.asker)
    lines = (await orders_store.lines(tx, [order.order_id]))[order.order_id]
    pieces = pieces_asked(order, lines, ask.wishes, await store.earlier(tx, order.order_id))
    part = next(line.supplier_order_id for line in lines if line.line_id == pieces[0].line_id)
    draft = _draft(order, ask, part)
    draft = replace(draft, lines=pieces, amount=sum(piece.amount for piece in pieces))
    await _check_cash(tx, order, draft, part)
    approve_by = (await store.insert(tx, [draft], ask.approve_seconds))[draft.refund_id]
    refund = replace(draft, approve_by=approve_by)
    cause = inherited(order, because)
    await timers.schedule(tx, APPROVE_REFUND, [refund.refund_id], ask.approve_seconds, cause)
    told = telling.requested(order, refund).at(refund.events, cause)
    await telling.note(tx, [told])
    await outbox.append(tx, [told])
    return refund


def _draft(order: Order, ask: Ask, part: SupplierOrderId) -> Refund:
    return Refund(
        refund_id=RefundId(new_id()),
        order_id=order.order_id,
        supplier_order_id=part,
        kind=ask.kind,
        state="REQUESTED",
        reason=ask.reason,
        requested_by=ask.asker.role,
        route=_route(order, ask.route),
        payment_id=order.payment_id,
        amount=0,
        currency=order.currency,
        cause=f"asked:{ask.asker.party}",
        events=1,
    )


def _route(order: Order, wanted: Literal["transfer", "wallet"] | None) -> RefundRoute:
    if not order.prepaid:
        return wanted or "transfer"
    if wanted is not None:
        raise Rejected("route_not_possible", "What was paid by card goes back to the card; leave `route` out.")
    return "card"


async def _check_cash(tx: Tx, order: Order, refund: Refund, part: SupplierOrderId) -> None:
    if not order.prepaid:
        collected = (await parts_store.read(tx, [part]))[part].cod_collected or 0
        check_collected(refund.amount, await store.asked_of_part(tx, order.order_id, part), collected)


async def approve(tx: Tx, refund_id: RefundId, asker: Asker, because: Cause) -> Refund:
    """The supplier, or an operator, agrees. Raises `not_found`, `illegal_transition`."""
    order, refund = await own_refund(tx, refund_id, asker)
    await timers.cancel(tx, APPROVE_REFUND, [refund_id])
    by: Approver = "operator" if asker.role == "operator" else "supplier"
    (approved,) = await _approve(tx, [Standing(order, refund, inherited(order, because))], by)
    return approved


async def approve_silent(tx: Tx, due: Sequence[Timer]) -> None:
    """The suppliers' time is over; what was answered meanwhile is passed over."""
    causes = {RefundId(timer.subject): timer.cause for timer in due}
    found = await locked(tx, causes)
    waiting = [each for each in found if each.refund.state == "REQUESTED"]
    await _approve(tx, waiting, "timer")


async def _approve(tx: Tx, asked: Sequence[Standing], by: Approver) -> list[Refund]:
    """Agreed: the money is due, or the goods are to come back first."""
    agreed = [replace(each, refund=each.refund.to("APPROVED").told()) for each in asked]
    await store.move(tx, [(was.refund, now.refund) for was, now in zip(asked, agreed, strict=True)])
    after = [replace(each, refund=each.refund.to(_next(each.refund))) for each in agreed]
    await store.move(tx, [(was.refund, now.refund) for was, now in zip(agreed, after, strict=True)])
    at = await database.now(tx)
    told = [telling.approved(o.order, o.refund, at, by).at(o.refund.events, o.because) for o in after]
    await telling.note(tx, told)
    paid, followed = await fall_due(tx, [each for each in after if each.refund.state == "DUE"])
    await outbox.append(tx, [*told, *followed])
    return [paid.get(each.refund.refund_id, each.refund) for each in after]


def _next(refund: Refund) -> Literal["AWAITING_RETURN", "DUE"]:
    return "AWAITING_RETURN" if refund.kind == "return_and_refund" else "DUE"


async def reject(tx: Tx, refund_id: RefundId, note: str, asker: Asker, because: Cause) -> Refund:
    """The supplier, or an operator, says no, with a note or an empty one. Raises `not_found`, `illegal_transition`."""
    order, refund = await own_refund(tx, refund_id, asker)
    refund.expect("REQUESTED", "rejected")  # an inspected one is rejected by its inspection
    rejected = replace(refund.to("REJECTED").told(), note=note)
    await store.move(tx, [(refund, rejected)])
    await timers.cancel(tx, APPROVE_REFUND, [refund_id])
    here = Standing(order, rejected, inherited(order, because))
    told = telling.rejected(order, rejected, await database.now(tx), _speaker(asker)).at(rejected.events, here.because)
    await telling.note(tx, [told])
    await outbox.append(tx, [told, *await _refused(tx, here)])
    return rejected


async def _refused(tx: Tx, here: Standing) -> list[Told]:
    """The buyer gets nothing: the order goes on as if nobody had asked."""
    await end(tx, {here.order.order_id: here.because})
    return await free(tx, [here])


async def inspect(tx: Tx, found: Inspection, because: Cause) -> Refund:
    """What came back is put into stock again, unless it is damaged, and paid back; or it is not accepted.

    Raises:
        Rejected: `not_found`, `illegal_transition`.
    """
    order, refund = await own_refund(tx, found.refund_id, found.asker)
    cause = inherited(order, because)
    looked = refund.to("INSPECTED").told()
    await store.move(tx, [(refund, looked)])
    at = await database.now(tx)
    told = telling.inspected(order, looked, at, accepted=found.accepted, damaged=found.damaged)
    here = Standing(order, looked, cause)
    if not found.accepted:
        return await _not_accepted(tx, here, found, told.at(looked.events, cause))
    return await _accepted(tx, here, found, told.at(looked.events, cause))


async def _accepted(tx: Tx, here: Standing, found: Inspection, told: RefundInspected) -> Refund:
    due = here.refund.to("DUE")
    await store.move(tx, [(here.refund, due)])
    restocked = [] if found.damaged else await _restock(tx, here)
    await store.return_whole_lines(tx, [here.order.order_id])
    await telling.note(tx, [told])
    paid, followed = await fall_due(tx, [replace(here, refund=due)])
    await outbox.append(tx, [told, *restocked, *followed])
    return paid.get(due.refund_id, due)


async def _not_accepted(tx: Tx, here: Standing, found: Inspection, told: RefundInspected) -> Refund:
    rejected = replace(here.refund.to("REJECTED").told(), note=found.note)
    await store.move(tx, [(here.refund, rejected)])
    no = telling.rejected(here.order, rejected, told.inspected_at, _speaker(found.asker))
    await telling.note(tx, [told, no.at(rejected.events, here.because)])
    await outbox.append(tx, [told, no, *await _refused(tx, replace(here, refund=rejected))])
    return rejected


async def _restock(tx: Tx, here: Standing) -> Sequence[outbox.Told]:
    """So many pieces as came back, of each line's variant."""
    came = {piece.line_id: piece.qty for piece in here.refund.lines}
    lines = (await orders_store.lines(tx, [here.order.order_id]))[here.order.order_id]
    back: list[Line] = [replace(line, qty=came[line.line_id]) for line in lines if line.line_id in came]
    return await move_stock(tx, stock.restock, back, {here.order.order_id: here.because})


def _speaker(asker: Asker) -> Literal["supplier", "operator"]:
    return "operator" if asker.role == "operator" else "supplier"


async def own_refund(tx: Tx, refund_id: RefundId, asker: Asker) -> tuple[Order, Refund]:
    """The refund and its locked order. Raises `not_found` when it is none of the supplier's."""
    found = await locked(tx, {refund_id: Cause()})
    part = found[0].refund.supplier_order_id if found else None
    parts = await parts_store.read(tx, [part]) if part else {}
    if not found or (asker.role != "operator" and not any(p.supplier_id == asker.party for p in parts.values())):
        raise Rejected("not_found", "There is no such refund.")
    return found[0].order, found[0].refund


async def locked(tx: Tx, causes: Mapping[RefundId, Cause]) -> list[Standing]:
    """These refunds, oldest first, with their orders locked."""
    orders = await orders_store.lock(tx, [each.order_id for each in (await store.read(tx, causes)).values()])
    fresh = await store.read(tx, causes)
    return [
        Standing(orders[refund.order_id], refund, inherited(orders[refund.order_id], causes[refund_id]))
        for refund_id, refund in fresh.items()
    ]


async def list_refunds(tx: Tx, search: Search) -> list[Seen]:
    """Newest first; see `store.refunds.page`."""
    return await store.page(tx, search)


async def show_refund(tx: Tx, refund_id: RefundId, asker: Asker) -> Seen:
    """One refund. Raises `not_found` when it is not the asker's to see."""
    found = await store.page(tx, Search(asker.role, asker.party, refund_id=refund_id))
    if not found:
        raise Rejected("not_found", "There is no such refund.")
    return found[0]

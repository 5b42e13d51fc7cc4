"""Undoing orders: at once what nobody else has a say in, else by asking the parcels.

A booked service travels in no parcel: it is called off here, by its buyer until its slot begins.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from services.orders.domain import journals
from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Asker, Line, Order, SupplierOrder, illegal
from services.orders.domain.refunds import Piece
from services.orders.store import lifecycle as store
from services.orders.store import supplier_orders as parts_store
from services.orders.store.lifecycle import Note
from services.orders.usecases import stock
from services.orders.usecases.lifecycle import Standing, conclude, inherited, let_go, move_stock, outcomes_of, own_order
from services.orders.usecases.refunds import Back, give_back
from shared.contracts.event import Cause
from shared.contracts.orders import CancellationRequested, OrderCancelled
from shared.contracts.values import OrderId, SupplierOrderId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.outbox import Told


@dataclass(frozen=True, slots=True)
class Cancel:
    """Somebody wants an order undone; `after_sale_seconds`, should what is left of it be fulfilled."""

    reason: str
    asker: Asker
    after_sale_seconds: float


async def cancel_order(tx: Tx, order_id: OrderId, ask: Cancel, because: Cause) -> Standing:
    """Cancel at once what is not confirmed; of a confirmed order its parts. A second time changes nothing.

    Raises:
        Rejected: `not_found`, `handed_over` when no part can be cancelled any more, `illegal_transition`.
    """
    order = await own_order(tx, order_id, ask.asker)
    if order.state == "CONFIRMED":
        return await cancel_parts(tx, order, await parts_store.of_order(tx, order.order_id), ask, because)
    return await call_off(tx, order, ask, because)


async def call_off(tx: Tx, order: Order, ask: Cancel, because: Cause) -> Standing:
    """Cancel an order that is not confirmed: nobody but us has a say in it yet."""
    if order.state == "PLACED":
        orders, cause = {order.order_id: order}, {order.order_id: inherited(order, because)}
        turned, told = await let_go(tx, orders, "CANCELLED", cause)
        who, at = ask.asker.speaks_as, turned[order.order_id]
        await store.note(tx, [Note(order.order_id, "OrderCancelled", {"reason": ask.reason, "cancelled_by": who})])
        outcome = await outcomes_of(tx, orders)
        cancelled = OrderCancelled(
            **outcome[order.order_id], reason=ask.reason, cancelled_by=who, cancelled_at=at.at
        ).at(at.position, cause[order.order_id])
        await outbox.append(tx, [cancelled, *told])
    elif order.state != "CANCELLED" and order.cancellation != "DONE":
        raise illegal(order, "cancelled")
    return Standing(order.order_id, "CANCELLED" if order.state == "PLACED" else order.state, order.cancellation)


async def cancel_parts(tx: Tx, order: Order, parts: Sequence[SupplierOrder], ask: Cancel, because: Cause) -> Standing:
    """Call services off and ask parcels, of these parts of a confirmed order; what was asked is not asked again."""
    ids = [part.supplier_order_id for part in parts]
    booked = await parts_store.call_services_off(tx, ids, even_begun=ask.asker.speaks_as != "buyer")
    asked = await parts_store.request_cancellation(tx, ids)
    waiting = [part.supplier_order_id for part in parts if _waits(part)]
    if not booked and not asked and not waiting:
        raise Rejected("handed_over", "The carrier has it, or its slot has begun: refuse it, or send it back later.")
    if booked or asked:
        cause = inherited(order, because)
        told: list[Told] = [await _requested(tx, order, sorted([*booked, *asked]), ask, cause)]
        await outbox.append(tx, told + (await _undo(tx, order, booked, ask, cause) if booked else []))
        order = (await store.lock(tx, [order.order_id]))[order.order_id]
    return Standing(order.order_id, order.state, order.cancellation, tuple(sorted({*asked, *waiting})))


async def _requested(tx: Tx, order: Order, part_ids: Sequence[SupplierOrderId], ask: Cancel, because: Cause) -> Told:
    turned = await store.request_cancellation(tx, order.order_id)
    assert turned is not None, "the order is locked and CONFIRMED"
    detail = {"reason": ask.reason, "requested_by": ask.asker.speaks_as, "supplier_order_ids": part_ids}
    await store.note(tx, [Note(order.order_id, "CancellationRequested", detail)])
    event = CancellationRequested(order_id=order.order_id, requested_at=turned.at, **detail)
    return event.at(turned.position, because)


async def _undo(tx: Tx, order: Order, part_ids: Collection[SupplierOrderId], ask: Cancel, because: Cause) -> list[Told]:
    """These services are not had: their places are free again, what was paid for them goes back, the order may be
    over."""
    cause = {order.order_id: because}
    lines = await store.move_parcel_lines(tx, dict.fromkeys(part_ids, "CANCELLED"), only_from="CONFIRMED")
    await store.settle_cancellation(tx, [order.order_id])
    freed = await move_stock(tx, stock.release, lines, cause)
    back = await give_back(tx, [_back(order, line, because) for line in lines if order.prepaid])
    ended = await conclude(tx, {order.order_id: order}, cause, ask.after_sale_seconds)
    return [*freed, *back, *ended]


def _back(order: Order, line: Line, because: Cause) -> Back:
    on = Occasion(order.order_id, order.currency, f"called_off:{line.supplier_order_id}")
    owed = journals.refund_approved(on, line.line_id, line.amount, line.line_id)
    piece = Piece(line.line_id, line.qty, line.amount)
    return Back(order, line.supplier_order_id, "cancelled", owed, because, (piece,))


def _waits(part: SupplierOrder) -> bool:
    return part.state == "CONFIRMED" and part.cancellation == "REQUESTED"

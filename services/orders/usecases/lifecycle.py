"""What becomes of an order: confirmed, expired, over. Each locks the order's row before anything else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import orjson

from services.orders.domain.journals import Payer
from services.orders.domain.lifecycle import (
    Asker,
    Cancellation,
    Line,
    Order,
    code_fits,
    ending,
    illegal,
    pieces,
)
from services.orders.domain.stock import StockId
from services.orders.store import lifecycle as store
from services.orders.store import payments as payments_store
from services.orders.store import refunds as refunds_store
from services.orders.store import stock as stock_store
from services.orders.store.lifecycle import Note, Turned
from services.orders.usecases import stock
from services.orders.usecases.agreed import order_confirmed
from shared.contracts.event import Cause, Event
from shared.contracts.orders import (
    LineOutcome,
    OrderClosed,
    OrderCompleted,
    OrderExpired,
    OrderFulfilled,
)
from shared.contracts.values import Bearer, LineState, Money, OrderId, OrderState, SupplierOrderId
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.outbox import Sealed
from shared.kernel.timers import Timer

EXPIRE_ORDER = "expire_order"  # timer, set at placement
COMPLETE_ORDER = "complete_order"  # timer, set when an order is fulfilled

StockMove = Callable[[Tx, Mapping[StockId, int], Cause], Awaitable[list[Sealed]]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How an order stands after it was asked for something; `asked` are the parts whose parcels now decide."""

    order_id: OrderId
    state: OrderState
    cancellation: Cancellation | None = None
    asked: tuple[SupplierOrderId, ...] = ()


@dataclass(frozen=True, slots=True)
class WrongCode:
    """The code is not the one that was sent; without tries left even that one is refused."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class Confirm:
    """A buyer's code for an order; `tries` wrong ones end it."""

    order_id: OrderId
    code: str
    asker: Asker
    tries: int


async def confirm_by_code(tx: Tx, ask: Confirm, because: Cause) -> Standing | WrongCode:
    """Confirm cash on delivery by the code from the buyer's phone.

    A wrong code is an answer, not a refusal: its try counts, so the transaction must commit.

    Raises:
        Rejected: `not_found`, `code_expired`, `illegal_transition`.
    """
    order = await own_order(tx, ask.order_id, ask.asker)
    if not code_fits(order, ask.code, ask.tries):
        await store.count_try(tx, order.order_id)
        return WrongCode(max(0, ask.tries - order.code_tries - 1))
    if order.state == "PLACED":
        await outbox.append(tx, [await confirm(tx, order, "code", because)])
    return Standing(order.order_id, "CONFIRMED", order.cancellation)


async def confirm(tx: Tx, order: Order, by: Literal["code", "capture"], because: Cause) -> Sealed:
    """A locked order that is PLACED stands from now on; returns what to tell."""
    confirmed = await store.confirm(tx, order.order_id)
    if confirmed is None:
        raise illegal(order, "confirmed")
    turned, placement = confirmed
    await store.move_lines(tx, [order.order_id], "CONFIRMED", only_from="RESERVED")
    await store.move_supplier_orders(tx, [order.order_id], "CONFIRMED", only_from="PLACED")
    await timers.cancel(tx, EXPIRE_ORDER, [order.order_id])
    await store.note(tx, [Note(order.order_id, "OrderConfirmed", {"confirmed_by": by})])
    frozen = orjson.dumps(placement)
    return order_confirmed(order.order_id, turned.position, frozen, (by, turned.at), inherited(order, because))


async def expire_orders(tx: Tx, due: Sequence[Timer]) -> None:
    """End orders that were not confirmed in time; what was confirmed or cancelled meanwhile is passed over."""
    locked = await store.lock(tx, [OrderId(timer.subject) for timer in due])
    orders = {order_id: order for order_id, order in locked.items() if order.state == "PLACED"}
    because = {OrderId(t.subject): inherited(locked[OrderId(t.subject)], t.cause) for t in due if t.subject in orders}
    turned, told = await let_go(tx, orders, "EXPIRED", because)
    await store.note(tx, [Note(order_id, "OrderExpired") for order_id in turned])
    outcomes = await outcomes_of(tx, orders)
    expired = [
        OrderExpired(**outcomes[order_id], expired_at=end.at).at(end.position, because[order_id])
        for order_id, end in turned.items()
    ]
    await outbox.append(tx, [*expired, *told])


async def complete_orders(tx: Tx, due: Sequence[Timer]) -> None:
    """Close the after-sale window of fulfilled orders; one with an open refund is completed when that ends."""
    locked = await store.lock(tx, [OrderId(timer.subject) for timer in due])
    because = {OrderId(t.subject): inherited(locked[OrderId(t.subject)], t.cause) for t in due if t.subject in locked}
    turned = await store.complete(tx, locked.keys() - await refunds_store.open_orders(tx, locked))
    await store.move_lines(tx, turned, "COMPLETED", only_from="DELIVERED")
    await store.note(tx, [Note(order_id, "OrderCompleted") for order_id in turned])
    outcomes = await outcomes_of(tx, {order_id: locked[order_id] for order_id in turned})
    completed = [
        OrderCompleted(**outcomes[order_id], completed_at=end.at).at(end.position, because[order_id])
        for order_id, end in turned.items()
    ]
    await outbox.append(tx, completed)


async def conclude(
    tx: Tx, orders: Mapping[OrderId, Order], because: Mapping[OrderId, Cause], after_sale_seconds: float
) -> list[Event]:
    """End those of these locked orders whose last line has ended; returns what to tell."""
    lines = await store.lines(tx, orders)
    endings: dict[OrderId, OrderState] = {one: end for one, mine in lines.items() if (end := ending(mine))}
    turned = await store.conclude(tx, endings)
    fulfilled: dict[str, Cause] = {one: because[one] for one in turned if endings[one] == "FULFILLED"}
    await timers.schedule_each(tx, COMPLETE_ORDER, fulfilled, after_sale_seconds)
    told = [_concluded(orders[one], lines[one], fulfilled=one in fulfilled, end=end) for one, end in turned.items()]
    await store.note(tx, [Note(event.order_id, type(event).__name__) for event in told])
    return [event.at(turned[event.order_id].position, because[event.order_id]) for event in told]


async def lock_known(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, Order]:
    """The orders that somebody tells of, locked. Raises `unknown_order` when one is none of ours."""
    orders = await store.lock(tx, order_ids)
    if unknown := set(order_ids) - orders.keys():
        raise Rejected("unknown_order", f"Logistics tells of orders that are none of ours: {sorted(unknown)}")
    return orders


def payer_of(bearer: Bearer, supplier_id: str, order: Order) -> Payer:
    """Who bears a cost of an order's parcel."""
    return Payer(bearer, order.creator_id if bearer == "creator" else supplier_id)


async def own_order(tx: Tx, order_id: OrderId, asker: Asker) -> Order:
    """The order, locked. Raises `not_found` when there is none that the asker may act on."""
    order = (await store.lock(tx, [order_id])).get(order_id)
    if order is None or not asker.may_act_on(order):
        raise Rejected("not_found", "There is no such order.")
    return order


async def move_stock(tx: Tx, how: StockMove, lines: Sequence[Line], because: Mapping[OrderId, Cause]) -> list[Sealed]:
    """Move the lines' pieces, locked once in key order. A load test's variants are its own, and so is its news."""
    kinds = [[line for line in lines if because[line.order_id].loadtest is loadtest] for loadtest in (False, True)]
    if all(kinds):
        await stock_store.lock(tx, pieces(lines))  # one kind after the other would not be key order
    return [told for mine in kinds if mine for told in await how(tx, pieces(mine), because[mine[-1].order_id])]


def inherited(order: Order, because: Cause) -> Cause:
    """What follows for an order belongs to the order's own trail, and to load traffic if the order does."""
    correlation_id = order.correlation_id or because.correlation_id
    return replace(because, correlation_id=correlation_id, loadtest=order.loadtest or because.loadtest)


async def let_go(
    tx: Tx, orders: Mapping[OrderId, Order], end: Literal["CANCELLED", "EXPIRED"], because: Mapping[OrderId, Cause]
) -> tuple[dict[OrderId, Turned], list[Sealed]]:
    """End PLACED orders and give back what they had reserved."""
    turned = await store.end_placed(tx, orders, end)
    fate: Literal["CANCELLED", "RELEASED"] = "CANCELLED" if end == "CANCELLED" else "RELEASED"
    lines = await store.move_lines(tx, turned, fate, only_from="RESERVED")
    await store.move_supplier_orders(tx, turned, fate, only_from="PLACED")
    await payments_store.expire(tx, turned)
    await timers.cancel(tx, EXPIRE_ORDER, list(turned))
    return turned, await move_stock(tx, stock.release, lines, because)


async def outcomes_of(tx: Tx, orders: Mapping[OrderId, Order]) -> dict[OrderId, dict[str, Any]]:
    """What every event about these orders' ends carries."""
    lines = await store.lines(tx, orders)
    return {order_id: _outcome(order, lines[order_id]) for order_id, order in orders.items()}


def _outcome(order: Order, lines: Collection[Line]) -> dict[str, Any]:
    """What every event about an order's end carries."""
    return {
        "order_id": order.order_id,
        "order_no": order.order_no,
        "buyer_ref": order.buyer_ref,
        "storefront_id": order.storefront_id,
        "creator_id": order.creator_id,
        "payment_mode": order.payment_mode,
        "lines": tuple(_line_outcome(line, order.currency) for line in lines),
    }


def _line_outcome(line: Line, currency: str) -> LineOutcome:
    state: LineState = line.state
    return LineOutcome(
        line_id=line.line_id,
        supplier_order_id=line.supplier_order_id,
        supplier_id=line.supplier_id,
        kind=line.kind,
        variant_id=line.variant_id,
        quantity=line.qty,
        amount=Money(amount=line.amount, currency=currency),
        state=state,
    )


def _concluded(order: Order, lines: Collection[Line], *, fulfilled: bool, end: Turned) -> OrderFulfilled | OrderClosed:
    outcome = _outcome(order, lines)
    return OrderFulfilled(**outcome, fulfilled_at=end.at) if fulfilled else OrderClosed(**outcome, closed_at=end.at)

"""What placing writes: every table's rows of a whole batch in one statement, however many orders come at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from services.orders.domain.lifecycle import code_digest
from services.orders.domain.order import Placed
from services.orders.store import risk, stock
from shared.contracts.event import Cause
from shared.kernel import idempotency, outbox, timers
from shared.kernel.database import LockNotAvailable, NotWhole, Tx, Writes
from shared.kernel.group_commit import Contended
from shared.kernel.idempotency import Decided, Key, KeyTaken
from shared.kernel.outbox import Sealed

_ORDERS = """
    INSERT INTO orders (order_id, order_no, buyer_ref, placed_by, storefront_id, creator_id, state, payment_mode,
                        payment_id, currency, payable, placement, ship_to, code_hash, loadtest, placed_at,
                        confirmed_at, expires_at, events, personal_events, traceparent, correlation_id, touch,
                        cod_risk)
    SELECT order_id, order_no, buyer_ref, placed_by, storefront_id, creator_id, state, payment_mode, payment_id,
           currency, payable, placement::json, ship_to::json, code_hash, loadtest, placed_at,
           CASE WHEN expires_at IS NULL THEN placed_at END, expires_at, events, personal_events, traceparent,
           correlation_id, touch, cod_risk::jsonb
      FROM unnest($1::uuid[], $2::name[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::name[], $8::name[],
                  $9::uuid[], $10::name[], $11::bigint[], $12::text[], $13::text[], $14::bytea[], $15::bool[],
                  $16::timestamptz[], $17::int[], $18::int[], $19::name[], $20::name[], $21::name[],
                  $22::text[], $23::timestamptz[])
           AS n (order_id, order_no, buyer_ref, placed_by, storefront_id, creator_id, state, payment_mode, payment_id,
                 currency, payable, placement, ship_to, code_hash, loadtest, expires_at, events, personal_events,
                 traceparent, correlation_id, touch, cod_risk, placed_at)
"""
_SUPPLIER_ORDERS = """
    INSERT INTO supplier_orders (supplier_order_id, order_id, supplier_id, state, cod_amount)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::name[], $5::bigint[])
"""
_LINES = """
    INSERT INTO lines (line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, listing_id,
                       slot_id, qty, amount, split, hold_seconds)
    SELECT line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, listing_id, slot_id,
           qty, amount, split::jsonb, hold_seconds
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::name[], $7::name[], $8::uuid[],
                  $9::uuid[], $10::uuid[], $11::int[], $12::bigint[], $13::text[], $14::int[])
           AS n (line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, listing_id,
                 slot_id, qty, amount, split, hold_seconds)
"""
_PAYMENTS = """
    INSERT INTO payments (payment_id, order_id, state, due, currency)
    SELECT payment_id, order_id, 'PENDING', due, currency
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::name[]) AS n (payment_id, order_id, due, currency)
"""
_TABLES = {
    "keys": idempotency.KEEP,
    "orders": _ORDERS,
    "supplier_orders": _SUPPLIER_ORDERS,
    "lines": _LINES,
    "payments": _PAYMENTS,
    "timers": timers.SCHEDULE,
    "outbox": outbox.APPEND,
}
_WRITES = Writes(**_TABLES, stock=stock.SAVE)
_AT_ONCE = Writes(whole=("stock", "keys"), **_TABLES, stock=stock.SAVE_UNMOVED)


class NewOrder(NamedTuple):
    """An order to be written: with its frozen placement (JSON), and the places its events take in their streams."""

    order: Placed
    placement: str
    ship_to: str  # JSON
    splits: Sequence[str]  # JSON, a line each
    because: Cause
    events: int
    personal_events: int


async def write(
    tx: Tx,
    orders: Sequence[NewOrder],
    *,
    decided: Sequence[tuple[Key, Decided]],
    reminders: list[tuple[Any, ...]],
    stock_rows: list[tuple[Any, ...]],
    events: Sequence[Sealed],
    at_once: bool = False,
) -> None:
    """All of a batch in one round trip; `at_once` without a transaction, of stock that was read without a lock.

    Raises:
        Contended: at once: stock or a key has moved since it was read, and nothing was written.
        KeyTaken: in a transaction: a key was taken since it was looked for; nothing may stay.
        Rejected: `in_progress` when another transaction holds a key for longer than this one may wait.
    """
    placed = [new.order for new in orders]
    try:
        written = await (_AT_ONCE if at_once else _WRITES).run(
            tx,
            keys=idempotency.rows(decided),
            orders=[_order_row(new) for new in orders],
            supplier_orders=list(_supplier_order_rows(placed)),
            lines=list(_line_rows(orders)),
            payments=[_payment_row(order) for order in placed if order.payment_id],
            timers=reminders,
            stock=stock_rows,
            outbox=outbox.rows(events),
        )
    except LockNotAvailable as error:
        if idempotency.is_about_keys(error):
            raise idempotency.in_progress() from None
        raise
    except NotWhole:
        raise Contended from None
    if written["keys"] != len(decided):
        raise KeyTaken("a key was taken while its request was decided")


def _order_row(new: NewOrder) -> tuple[Any, ...]:
    order, asked = new.order, new.order.asked
    return (
        order.order_id,
        order.order_no,
        asked.buyer_ref,
        asked.placed_by,
        asked.storefront_id,
        order.creator_id,
        order.state,
        asked.payment,
        order.payment_id,
        order.payable.currency,
        order.payable.amount,
        new.placement,
        new.ship_to,
        order.code and code_digest(order.order_id, order.code),
        asked.loadtest,
        order.expires_at,
        new.events,
        new.personal_events,
        new.because.traceparent,
        new.because.correlation_id,
        order.origin.touch,
        risk.reason(order.risk),
        order.placed_at,
    )


def _supplier_order_rows(orders: Sequence[Placed]) -> Iterable[tuple[Any, ...]]:
    for order in orders:
        for part in order.supplier_orders:
            due = part.cod_amount and part.cod_amount.amount
            yield part.supplier_order_id, order.order_id, part.supplier_id, order.state, due


def _line_rows(orders: Sequence[NewOrder]) -> Iterable[tuple[Any, ...]]:
    for new in orders:
        order = new.order
        state = "CONFIRMED" if order.state == "CONFIRMED" else "RESERVED"
        for ordinal, (line, split) in enumerate(zip(order.lines, new.splits, strict=True), 1):
            listing = line.listing
            yield (
                *(line.line_id, order.order_id, line.supplier_order_id, listing.supplier_id, ordinal, state),
                *(listing.kind, listing.variant_id, listing.listing_id, line.slot_id),
                *(line.qty, line.amount.amount, split, listing.hold_seconds),
            )


def _payment_row(order: Placed) -> tuple[Any, ...]:
    return order.payment_id, order.order_id, order.payable.amount, order.payable.currency

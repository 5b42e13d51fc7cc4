"""What parcels make of supplier orders, lines and the books.

Logistics has decided when its events arrive here, so none is refused: what does not fit a supplier order's state is
written on the timeline and changes nothing else. Parcels and cash travel on two topics: either may come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.orders.domain import journals
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.lifecycle import Line, Order, SupplierOrder, SupplierOrderState
from services.orders.domain.refunds import Piece
from services.orders.store import lifecycle as store
from services.orders.store import supplier_orders as parts_store
from services.orders.store.lifecycle import Note
from services.orders.usecases import commissions, risk, stock
from services.orders.usecases.ledger import Posting, post, postings
from services.orders.usecases.lifecycle import conclude, inherited, lock_known, move_stock, payer_of
from services.orders.usecases.refunds import Back, give_back
from shared.contracts.event import Cause
from shared.contracts.logistics import (
    CancellationRefused,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentReturned,
    ShipmentState,
    ShipmentStatusChanged,
)
from shared.contracts.values import LineId, LineState, OrderId, ParcelState, SupplierOrderId
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.outbox import Told

GONE: Final[frozenset[ParcelState]] = frozenset({"LOST", "DAMAGED"})
RELEASE_LINE = "release_line"  # timer, set when a line is delivered

# What a timeline shows of a parcel's event, as far as the event has it.
_SHOWN = {"supplier_order_id", "shipment_id", "parcel_state", "carrier", "waybill", "attempt", "reason", "restock"} | {
    f"{what}_at" for what in ("handed_over", "changed", "failed", "delivered", "returned", "cancelled")
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of supplier orders and of the lines in them, and the only states it leads from."""

    part_from: SupplierOrderState
    part_to: SupplierOrderState
    line_from: LineState


CALL_OFF: Final = Step("CONFIRMED", "CANCELLED", "CONFIRMED")
HAND_OVER: Final = Step("CONFIRMED", "HANDED_OVER", "CONFIRMED")
DELIVER: Final = Step("HANDED_OVER", "DELIVERED", "SHIPPED")
RETURN: Final = Step("HANDED_OVER", "RETURNED", "SHIPPED")
LOSE: Final = Step("HANDED_OVER", "LOST", "SHIPPED")


@dataclass(frozen=True, slots=True)
class Moved:
    """Parts and lines that went a step, with their locked orders and what led to it: by order, and by part."""

    orders: Mapping[OrderId, Order]
    because: Mapping[OrderId, Cause]
    events: Mapping[SupplierOrderId, ShipmentState]
    parts: Mapping[SupplierOrderId, SupplierOrder]
    lines: Sequence[Line]

    def occasion(self, part_id: SupplierOrderId) -> Occasion:
        event = self.events[part_id]
        return Occasion(event.order_id, self.orders[event.order_id].currency, event.envelope.id)

    def posting(self, part_id: SupplierOrderId, journal: Journal) -> Posting:
        return Posting(journal, self.events[part_id].as_cause())


async def learn_shipments(tx: Tx, events: Sequence[ShipmentCreated]) -> None:
    """Remember which parcel carries which supplier order, and what its lines will earn."""
    orders = await _lock(tx, events)
    await parts_store.remember_shipments(tx, {event.supplier_order_id: event.shipment_id for event in events})
    await _note(tx, events)
    real = [event.supplier_order_id for event in events if not orders[event.order_id].loadtest]
    planned = await store.parcel_lines(tx, real) if real else []
    await outbox.append(tx, await commissions.estimate(tx, planned, orders, _because(events, orders)))


async def call_parcels_off(tx: Tx, events: Sequence[ShipmentCancelled], *, after_sale_seconds: float) -> None:
    """A parcel never travels: its lines are cancelled, their pieces free again, what was paid for them goes back."""
    moved = await _move(tx, events, CALL_OFF, {event.supplier_order_id: "CANCELLED" for event in events})
    await store.settle_cancellation(tx, moved.orders)
    told = await move_stock(tx, stock.release, moved.lines, moved.because)
    await _undo(tx, moved, told, after_sale_seconds)


async def refuse_cancellations(tx: Tx, events: Sequence[CancellationRefused]) -> None:
    """The parcel was gone already: it goes on as if nobody had asked."""
    orders = await _lock(tx, events)
    await parts_store.refuse_cancellation(tx, [event.supplier_order_id for event in events])
    await store.settle_cancellation(tx, orders)
    await _note(tx, events)


async def ship_lines(tx: Tx, events: Sequence[ShipmentHandedOver]) -> None:
    """The carrier has them: what was reserved is sold."""
    moved = await _move(tx, events, HAND_OVER, {event.supplier_order_id: "SHIPPED" for event in events})
    await outbox.append(tx, await move_stock(tx, stock.sell, moved.lines, moved.because))


async def deliver_lines(
    tx: Tx, events: Sequence[ShipmentDelivered], *, after_sale_seconds: float, hold_seconds: float
) -> None:
    """The buyer has them: each line's money belongs to its parties, held for a while and until the money is there."""
    moved = await _move(tx, events, DELIVER, {event.supplier_order_id: "DELIVERED" for event in events})
    await risk.learn(tx, moved.parts, moved.orders, moved.events)
    posted = await post(tx, _earnings(moved))
    holds = {line.line_id: line.hold_seconds or hold_seconds for line in moved.lines}
    earned = await commissions.earn(tx, moved.lines, moved.orders, moved.because, holds)
    await _await_holds(tx, moved, holds)
    ended = await conclude(tx, moved.orders, moved.because, after_sale_seconds)
    await outbox.append(tx, [*posted, *earned, *ended])


async def _await_holds(tx: Tx, moved: Moved, holds: Mapping[LineId, float]) -> None:
    for seconds in sorted(set(holds.values())):  # the platform's own, and those that offers name
        due = {
            str(line.line_id): moved.because[line.order_id] for line in moved.lines if holds[line.line_id] == seconds
        }
        await timers.schedule_each(tx, RELEASE_LINE, due, seconds)


async def take_lines_back(tx: Tx, events: Sequence[ShipmentReturned], *, after_sale_seconds: float) -> None:
    """A parcel came back unopened: refused at the door, or never delivered."""
    fates: dict[SupplierOrderId, LineState] = {
        event.supplier_order_id: "REFUSED" if event.reason == "refused" else "RETURNED" for event in events
    }
    moved = await _move(tx, events, RETURN, fates)
    fit = {event.supplier_order_id for event in events if event.restock}
    back = [line for line in moved.lines if line.supplier_order_id in fit]
    told = await move_stock(tx, stock.restock, back, moved.because)
    await risk.learn(tx, moved.parts, moved.orders, moved.events)
    await _undo(tx, moved, told, after_sale_seconds, _charges(moved, events))


async def follow_parcels(tx: Tx, events: Sequence[ShipmentStatusChanged], *, after_sale_seconds: float) -> None:
    """Show where parcels are; of one lost or damaged the lines are lost, and what was paid for them goes back."""
    await _note(tx, [event for event in events if event.parcel_state not in GONE])
    gone = [event for event in events if event.parcel_state in GONE]
    if gone:
        moved = await _move(tx, gone, LOSE, {event.supplier_order_id: "LOST" for event in gone})
        await _undo(tx, moved, [], after_sale_seconds)


async def note_parcels(tx: Tx, events: Sequence[ShipmentState]) -> None:
    """Show what happened to parcels, and nothing else."""
    await _note(tx, events)


def _because(events: Sequence[ShipmentState], orders: Mapping[OrderId, Order]) -> dict[OrderId, Cause]:
    return {event.order_id: inherited(orders[event.order_id], event.as_cause()) for event in events}


async def _lock(tx: Tx, events: Sequence[ShipmentState]) -> dict[OrderId, Order]:
    return await lock_known(tx, [event.order_id for event in events])


async def _move(tx: Tx, events: Sequence[ShipmentState], step: Step, to: Mapping[SupplierOrderId, LineState]) -> Moved:
    """Lock the orders and go the step with each parcel whose supplier order is where the step begins."""
    orders = await _lock(tx, events)
    answer = "DONE" if step is CALL_OFF else None
    parts = await store.move_parcels(tx, list(to), step.part_to, only_from=step.part_from, cancellation=answer)
    lines = await store.move_parcel_lines(tx, {each: to[each] for each in parts}, only_from=step.line_from)
    await _note(tx, events)
    return Moved(orders, _because(events, orders), {event.supplier_order_id: event for event in events}, parts, lines)


async def _undo(
    tx: Tx, moved: Moved, told: Sequence[Told], after_sale_seconds: float, charges: Sequence[Posting] = ()
) -> None:
    """Nothing of these parcels reached the buyer: what was paid goes back, nothing is earned, orders may be over."""
    back = await give_back(tx, _backs(moved))
    posted = await post(tx, charges)
    voided = await commissions.void(tx, moved.lines, moved.because)
    ended = await conclude(tx, moved.orders, moved.because, after_sale_seconds)
    await outbox.append(tx, [*told, *back, *posted, *voided, *ended])


def _earnings(moved: Moved) -> list[Posting]:
    lines = [line for line in moved.lines if not moved.orders[line.order_id].loadtest]
    earned = [
        (line, journals.line_delivered(moved.occasion(line.supplier_order_id), line.line_id, line.split))
        for line in lines
    ]
    return [moved.posting(line.supplier_order_id, journal) for line, journal in earned if journal]


def _backs(moved: Moved) -> list[Back]:
    """What was paid for lines that were never delivered: a prepaid line's amount, the cash of a COD parcel."""
    backs = [_line_back(moved, line) for line in moved.lines if moved.orders[line.order_id].prepaid]
    return backs + [_cash_back(moved, part) for part in moved.parts.values()]


def _line_back(moved: Moved, line: Line) -> Back:
    on, piece = moved.occasion(line.supplier_order_id), Piece(line.line_id, line.qty, line.amount)
    owed = journals.refund_approved(on, line.line_id, line.amount, line.line_id)
    return _back(moved, line.supplier_order_id, owed, (piece,))


def _cash_back(moved: Moved, part: SupplierOrder) -> Back:
    subject = moved.events[part.supplier_order_id].shipment_id
    owed = journals.refund_approved(moved.occasion(part.supplier_order_id), subject, part.cod_collected or 0)
    return _back(moved, part.supplier_order_id, owed)


def _back(moved: Moved, part_id: SupplierOrderId, owed: Journal | None, lines: tuple[Piece, ...] = ()) -> Back:
    event = moved.events[part_id]
    order, cause = moved.orders[event.order_id], moved.because[event.order_id]
    return Back(order, part_id, event.parcel_state.lower(), owed, cause, lines)


def _charges(moved: Moved, events: Sequence[ShipmentReturned]) -> list[Posting]:
    """What the carriers ask for the ways back."""
    charged = [each for each in events if each.return_charge and each.supplier_order_id in moved.parts]
    return [posting for event in charged for posting in postings(event.as_cause(), _return_charge(moved, event))]


def _return_charge(moved: Moved, event: ShipmentReturned) -> Journal | None:
    assert event.return_charge and event.carrier, "a parcel that came back was carried"
    payer = payer_of(event.charge_bearer or "supplier", event.supplier_id, moved.orders[event.order_id])
    on = moved.occasion(event.supplier_order_id)
    return journals.return_charged(
        on, journals.Cash(event.shipment_id, event.carrier), payer, event.return_charge.amount
    )


async def _note(tx: Tx, events: Sequence[ShipmentState]) -> None:
    shown = [(event, event.model_dump(mode="json", include=_SHOWN, exclude_none=True)) for event in events]
    await store.note(tx, [Note(event.order_id, type(event).__name__, detail) for event, detail in shown])

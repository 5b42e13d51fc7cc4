"""Where the cash of couriers is, and what that makes of the books: collected, remitted, banked, decided.

What carriers and banks did is told by logistics as facts. None is refused; each is booked once by the id that names it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from services.orders.domain import journals
from services.orders.domain.journals import Cash
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.lifecycle import Order, SupplierOrderState
from services.orders.store import lifecycle as store
from services.orders.store import supplier_orders as parts_store
from services.orders.store.lifecycle import Note
from services.orders.usecases import commissions
from services.orders.usecases.ledger import Posting, post, postings
from services.orders.usecases.lifecycle import inherited, lock_known, payer_of
from services.orders.usecases.refunds import Back, give_back, wake
from shared.contracts.event import Cause, Event
from shared.contracts.logistics import (
    CashFact,
    CodBanked,
    CodBankingReversed,
    CodRemitted,
    ReturnChargeSettled,
    ShipmentCOD,
)
from shared.contracts.orders import LedgerPosted
from shared.contracts.values import OrderId, SupplierOrderId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.timers import Timer

UNDELIVERED: Final[frozenset[SupplierOrderState]] = frozenset({"CANCELLED", "RETURNED", "LOST", "RELEASED"})
_SHOWN = {"supplier_order_id", "shipment_id", "carrier", "waybill", "collected_at", "collected", "method"}


async def collect_cash(tx: Tx, events: Sequence[ShipmentCOD]) -> None:
    """Book what couriers took, once a collection; for a parcel known not to be delivered it is due back at once."""
    orders = await lock_known(tx, [event.order_id for event in events])
    parts = await parts_store.read(tx, [event.supplier_order_id for event in events])
    booked = [event for event in events if not orders[event.order_id].loadtest and event.collected.amount > 0]
    told = await post(tx, [posting for event in booked for posting in _collected(event)])
    fresh = {event.cause_id for event in told}
    taken = [event for event in booked if _collection(event) in fresh]
    idle = [event for event in taken if parts[event.supplier_order_id].state in UNDELIVERED]
    back = await give_back(tx, [_due_back(event, orders[event.order_id]) for event in idle])
    sums: Counter[SupplierOrderId] = Counter()
    for event in taken:
        sums[event.supplier_order_id] += event.collected.amount
    await parts_store.add_cash(tx, sums)
    await store.note(tx, [_note(event) for event in taken])
    await outbox.append(tx, [*told, *back])


async def remit_cash(tx: Tx, events: Sequence[CodRemitted]) -> None:
    """The carriers' statements name it: it is on its way, less a fee that its bearer pays."""
    orders = await lock_known(tx, [event.order_id for event in events])
    await store.note(tx, [_fact(event) for event in events])
    booked = [posting for event in events for posting in _remitted(event, orders[event.order_id])]
    await outbox.append(tx, await post(tx, booked))


async def bank_cash(tx: Tx, events: Sequence[CodBanked]) -> None:
    """The bank has it: what waited for nothing else becomes available, and refunds that wait for it are looked at."""
    orders, told = await _follow_bank(tx, events, journals.cod_banked)
    because = _because(events, orders)
    await wake(tx, orders, because)
    await outbox.append(tx, [*told, *await commissions.release(tx, orders, because)])


async def unbank_cash(tx: Tx, events: Sequence[CodBankingReversed]) -> None:
    """The bank took it back: what had become available of it waits again, also for those who were paid."""
    orders, told = await _follow_bank(tx, events, journals.banking_reversed)
    parts = [event.supplier_order_id for event in events]
    await outbox.append(tx, [*told, *await commissions.hold_again(tx, parts, _because(events, orders))])


async def _follow_bank(
    tx: Tx, events: Sequence[CashFact], book: Callable[[Occasion, str, Cash, int], Journal | None]
) -> tuple[dict[OrderId, Order], list[LedgerPosted]]:
    orders = await lock_known(tx, [event.order_id for event in events])
    await store.note(tx, [_fact(event) for event in events])
    booked = [(event, book(_occasion(event), event.row_id, cash_of(event), event.net.amount)) for event in events]
    return orders, await post(tx, [p for event, journal in booked for p in postings(event.as_cause(), journal)])


async def settle_charges(tx: Tx, events: Sequence[ReturnChargeSettled]) -> None:
    """Carriers kept what they ask for ways back."""
    await lock_known(tx, [event.order_id for event in events])
    booked = [
        posting
        for event in events
        for posting in postings(
            event.as_cause(),
            journals.charge_settled(
                Occasion(event.order_id, event.amount.currency, f"row:{event.row_id}"),
                event.row_id,
                Cash(event.shipment_id, event.carrier),
                event.amount.amount,
            ),
        )
    ]
    await outbox.append(tx, await post(tx, booked))


async def release_lines(tx: Tx, due: Sequence[Timer]) -> None:
    """Holds are over: what has its money becomes available, the rest when its money comes."""
    of_lines = await store.orders_of(tx, [timer.subject for timer in due])
    orders = await store.lock(tx, of_lines)
    lines = await store.lines(tx, orders)
    owner = {str(line.line_id): order_id for order_id, mine in lines.items() for line in mine}
    because = {owner[t.subject]: inherited(orders[owner[t.subject]], t.cause) for t in due if t.subject in owner}
    await outbox.append(tx, await commissions.release(tx, orders, because))


class _Told(Protocol):
    """What events about one parcel's cash have in common."""

    @property
    def order_id(self) -> OrderId: ...

    def as_cause(self) -> Cause: ...


def _because(events: Sequence[_Told], orders: Mapping[OrderId, Order]) -> dict[OrderId, Cause]:
    return {event.order_id: inherited(orders[event.order_id], event.as_cause()) for event in events}


def cash_of(event: CashFact | ShipmentCOD) -> Cash:
    """The cash that an event is about."""
    return Cash(event.shipment_id, event.carrier)


def _occasion(event: CashFact) -> Occasion:
    return Occasion(event.order_id, event.gross.currency, event.envelope.id)


def _remitted(event: CodRemitted, order: Order) -> list[Posting]:
    on = Occasion(event.order_id, event.gross.currency, f"row:{event.row_id}")
    payer = payer_of(event.fee_bearer, event.supplier_id, order)
    return postings(
        event.as_cause(),
        journals.cod_remitted(on, event.row_id, cash_of(event), event.gross.amount, event.fee.amount),
        journals.fee_passed_on(on, event.row_id, "carrier_fees", [(payer, event.fee.amount)]),
    )


def _collected(event: ShipmentCOD) -> list[Posting]:
    """The collection's id, not the event's, is the cause: told twice it is the same money."""
    on = Occasion(event.order_id, event.collected.currency, _collection(event))
    return postings(event.as_cause(), journals.cod_collected(on, cash_of(event), event.collected.amount))


def _due_back(event: ShipmentCOD, order: Order) -> Back:
    on = Occasion(event.order_id, event.collected.currency, _collection(event))
    owed = journals.refund_approved(on, event.shipment_id, event.collected.amount)
    return Back(order, event.supplier_order_id, "cash_for_nothing", owed, inherited(order, event.as_cause()))


def _collection(event: ShipmentCOD) -> str:
    return f"collection:{event.collection_id}"


def _note(event: ShipmentCOD) -> Note:
    return Note(event.order_id, "ShipmentCOD", event.model_dump(mode="json", include=_SHOWN))


def _fact(event: CashFact) -> Note:
    shown = event.model_dump(mode="json", include=_SHOWN | {"gross", "fee", "net", "cash_state"})
    return Note(event.order_id, _name(event), shown)


def _name(event: Event) -> str:
    return event.type.split(".")[2]

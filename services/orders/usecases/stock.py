"""Stock: received from catalog's deltas and slots, reserved by live orders, sold at hand-over.

Each function locks the stock rows in key order (so the order's and the lines' rows are locked before), writes them
once, and returns what is to be told, for the caller to append last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.orders.domain.stock import PAUSE_SECONDS, News, Stock, StockId, news
from services.orders.store import stock as store
from shared.contracts.catalog import SlotState, StockAdjusted
from shared.contracts.event import Cause, Event
from shared.contracts.orders import AvailabilityChanged, AvailabilityState, StockShort
from shared.contracts.values import VariantId
from shared.kernel import outbox, timers
from shared.kernel.database import Tx, Writes
from shared.kernel.outbox import Sealed
from shared.kernel.timers import Timer

Because = Cause | Event
Pieces = Mapping[StockId, int]

_SETTLE = Writes(stock=store.SAVE, timers=timers.SCHEDULE)

ANNOUNCE = "announce"  # timer: a variant whose news came too soon after the last


async def reserve(tx: Tx, pieces: Pieces, because: Because) -> list[Sealed]:
    """Keep pieces for placed orders; whether they are there was decided before, under the same locks."""
    return await _move(tx, pieces, Stock.reserve, because)


async def release(tx: Tx, pieces: Pieces, because: Because) -> list[Sealed]:
    """Give back what expired, cancelled or lost orders had reserved."""
    return await _move(tx, pieces, Stock.release, because)


async def sell(tx: Tx, pieces: Pieces, because: Because) -> list[Sealed]:
    """What was reserved is handed over."""
    return await _move(tx, pieces, Stock.sell, because)


async def restock(tx: Tx, pieces: Pieces, because: Because) -> list[Sealed]:
    """What was sold came back and can be sold again."""
    return await _move(tx, pieces, Stock.restock, because)


async def receive(tx: Tx, deliveries: Sequence[StockAdjusted]) -> None:
    """Add catalog's deltas, each once; a negative one is a fact also when it takes more than is left."""
    await store.create_missing(tx, {delivery.variant_id: delivery.supplier_id for delivery in deliveries})
    causes: dict[StockId, StockAdjusted] = {delivery.variant_id: delivery for delivery in deliveries}
    rows = await store.lock(tx, causes)
    changed = [rows[variant].receive(delivery.delta) for variant, delivery in causes.items()]
    await outbox.append(tx, await settle(tx, changed, lambda variant: causes[variant]))


async def open_slots(tx: Tx, slots: Sequence[SlotState]) -> None:
    """Let places in these slots be reserved, exactly like pieces of a good."""
    await store.open_slots(tx, slots)


async def announce(tx: Tx, due: Sequence[Timer]) -> None:
    """Tell what was held back within the pause, if it still holds.

    A row that is locked is left for the next round: whoever holds it may be about to move this very timer, and
    waiting for each other would be a deadlock.
    """
    causes: dict[StockId, Cause] = {VariantId(timer.subject): timer.cause for timer in due}
    rows = await store.lock_free(tx, causes)
    held = {str(variant): cause for variant, cause in causes.items() if variant not in rows}
    await timers.schedule_each(tx, ANNOUNCE, held, PAUSE_SECONDS)
    await outbox.append(tx, await settle(tx, list(rows.values()), lambda variant: causes[variant]))


@dataclass(frozen=True, slots=True)
class Moved:
    """What changed stock means: rows for the store, timers to set, events to tell."""

    rows: list[tuple[Any, ...]]
    reminders: list[tuple[Any, ...]]
    events: list[Sealed]


def moved(changed: Sequence[Stock], because: Callable[[StockId], Because]) -> Moved:
    """Locked rows as they are now, and what that means for buyers and suppliers."""
    found = [news(stock) for stock in sorted(changed, key=lambda stock: stock.stock_id)]
    told = {item.stock.stock_id for item in found if item.changed}
    later = [item.stock.stock_id for item in found if item.later]
    return Moved(
        rows=store.rows([item.stock for item in found], told),
        reminders=[timers.row(ANNOUNCE, each, PAUSE_SECONDS, _cause(because(each))) for each in later],
        events=[event for item in found for event in _events(item, because(item.stock.stock_id))],
    )


async def settle(tx: Tx, changed: Sequence[Stock], because: Callable[[StockId], Because]) -> list[Sealed]:
    """Write locked rows as they are now; returns what is to be told."""
    result = moved(changed, because)
    await _SETTLE.run(tx, stock=result.rows, timers=result.reminders)
    return result.events


async def _move(tx: Tx, pieces: Pieces, how: Callable[[Stock, int], Stock], because: Because) -> list[Sealed]:
    if not pieces:
        return []
    rows = await store.lock(tx, pieces)
    return await settle(tx, [how(rows[variant], count) for variant, count in pieces.items()], lambda _: because)


def _events(item: News, because: Because) -> list[Sealed]:
    kinds: list[type[AvailabilityState]] = [StockShort] if item.short else []
    kinds += [AvailabilityChanged] if item.changed else []
    first = item.stock.events - len(kinds) + 1
    return [outbox.seal(_state(kind, item.stock).at(first + place, because)) for place, kind in enumerate(kinds)]


def _state(kind: type[AvailabilityState], stock: Stock) -> AvailabilityState:
    return kind(
        variant_id=stock.variant_id,
        supplier_id=stock.supplier_id,
        available=stock.available,
        missing=stock.missing,
    )


def _cause(because: Because) -> Cause:
    return because.as_cause() if isinstance(because, Event) else because

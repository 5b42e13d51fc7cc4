"""Taking orders: the list form is the function, and one bad order never fails its neighbours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from services.orders.domain import STORED
from services.orders.domain import intake as domain
from services.orders.domain.agreement import Rules
from services.orders.domain.intake import Bought, Shelf
from services.orders.domain.order import Placed, PlaceOrder
from services.orders.domain.stock import Stock, StockId
from services.orders.store import intake as store
from services.orders.store import placing
from services.orders.store import stock as stock_store
from services.orders.store.intake import Found, Moment, ShelfMemory
from services.orders.store.placing import NewOrder
from services.orders.usecases import agreed, stock
from services.orders.usecases.agreed import Agreed
from services.orders.usecases.lifecycle import EXPIRE_ORDER
from shared.contracts.event import Cause
from shared.contracts.values import OrderId, SlotId
from shared.kernel import timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.group_commit import Contended, Held
from shared.kernel.idempotency import Decided, Key
from shared.kernel.ids import age_seconds, new_id
from shared.kernel.outbox import Sealed

ARRIVAL_SECONDS = 10.0  # an event is here within a second; an id that old and still unknown is none of ours
CREATED, CONFLICT = 201, 409


@dataclass(frozen=True, slots=True)
class Request:
    """One order as asked for, what led to it, and its key; `refusal` renders one that is to be stored."""

    order: PlaceOrder
    because: Cause
    key: Key
    refusal: Callable[[Rejected], Decided]


@dataclass(frozen=True, slots=True)
class Taken:
    """An order that stands; `placed` is None when that was before, under the same key."""

    order: Agreed
    placed: Placed | None = None

    @property
    def replayed(self) -> bool:
        return self.placed is None


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal as it was decided and stored; `refusal` is None when that was before, under the same key."""

    answer: Decided
    refusal: Rejected | None = None

    @property
    def replayed(self) -> bool:
        return self.refusal is None


Answer = Taken | Refused | Rejected | Held  # what is only rejected, or held up, was not stored and is decided anew


@dataclass(slots=True)
class Intake:
    """What a process brings along from batch to batch: the rules in force, and what it remembers of listings."""

    rules: Callable[[], Rules]
    memory: ShelfMemory = field(default_factory=ShelfMemory)

    async def take_orders(self, tx: Tx, requests: Sequence[Request], *, around: bool = False) -> list[Answer]:
        """Place each order, refuse it, or answer as before, in the order they came; no key comes twice.

        `around` stock rows that another transaction holds: who needs one is `Held`, and nothing is stored for it.

        Statements: the moment with what was decided before and what became of cash, listings unless remembered, stock
        rows locked in key order, and one that writes everything; their number does not depend on how many orders there
        are.

        Raises:
            KeyTaken: undo everything and call again.
            Rejected: `in_progress` for all, of which one's key is held by another transaction.
        """
        moment = await store.begin(tx, [request.key for request in requests], _cash(requests))
        fresh = [request for place, request in enumerate(requests) if place not in moment.known]
        decided = iter(await self._decide(tx, fresh, moment, around=around) if fresh else [])
        replays = await self._replays(tx, moment.known.values())
        return [
            _again(moment.known[place], replays) if place in moment.known else next(decided)
            for place in range(len(requests))
        ]

    async def take_at_once(self, tx: Tx, requests: Sequence[Request]) -> list[Answer]:
        """The same on a connection without a transaction, in two statements: look, and write if nothing has moved.

        Raises:
            Contended: it needs a transaction; nothing was written.
            Rejected: `in_progress`, as `take_orders`.
        """
        rules, stock_ids = self.rules(), self._stock_ids(requests)
        if stock_ids is None or not rules.hot.isdisjoint(stock_ids):
            raise Contended
        moment = await store.begin(tx, [request.key for request in requests], _cash(requests), stock_ids)
        wanted = {line.listing_id for each in requests for line in each.order.lines}
        listings = self.memory.known(wanted, moment)
        if moment.known or len(listings) < len(wanted):
            raise Contended
        shelf = Shelf(listings, frozenset(), moment.now, moment.histories)
        tried = [_attempt(each.order, shelf, rules) for each in requests]
        rows = _rows(tried, moment.stock)
        return await _write(tx, requests, [_take(each, rows, {}, rules) for each in tried], rows.stock, at_once=True)

    def _stock_ids(self, requests: Sequence[Request]) -> set[StockId] | None:
        """What these reserve; None when a listing is not remembered."""
        lines = [line for each in requests for line in each.order.lines]
        found = {line.slot_id or self.memory.variant(line.listing_id) for line in lines}
        return None if None in found else {each for each in found if each}

    async def _decide(self, tx: Tx, requests: Sequence[Request], moment: Moment, *, around: bool) -> list[Answer]:
        rules = self.rules()
        wanted = {line.listing_id for each in requests for line in each.order.lines}
        shelf = _shelf(await self.memory.find(tx, wanted, moment), moment)
        tried = [_attempt(each.order, shelf, rules) for each in requests]
        rows = await _locked(tx, tried, around=around)
        bought = await _bought(tx, tried, rules.hot)
        answers = [_take(each, rows, bought, rules) for each in tried]
        return await _write(tx, requests, answers, rows.stock)

    async def _replays(self, tx: Tx, known: Collection[Decided | Rejected]) -> dict[str, Agreed]:
        ids = [OrderId(each.subject) for each in known if isinstance(each, Decided) and each.subject]
        found = await store.find_placements(tx, ids)
        return {order_id: Agreed(row["placement"], row["expires_at"], row["touch"]) for order_id, row in found.items()}


def _cash(requests: Sequence[Request]) -> list[tuple[str, str]]:
    """Who wants to pay at the door, and where."""
    return [(each.order.buyer_ref, each.order.ship_to.region) for each in requests if each.order.payment == "cod"]


def _again(known: Decided | Rejected, replays: Mapping[str, Agreed]) -> Answer:
    if isinstance(known, Rejected):
        return known
    return Taken(replays[known.subject]) if known.subject else Refused(known)


def _attempt(asked: PlaceOrder, shelf: Shelf, rules: Rules) -> Placed | Rejected:
    try:
        return domain.place(asked, shelf, rules, new_id)
    except Rejected as refusal:
        return refusal


@dataclass(frozen=True, slots=True)
class _Rows:
    """Stock rows, and what is free of each as orders take their pieces in turn; `coming`: not here yet; `held`: there,
    but another transaction's."""

    stock: Mapping[StockId, Stock]
    free: dict[StockId, int]
    coming: Collection[SlotId]
    held: Collection[StockId] = ()


async def _locked(tx: Tx, tried: Sequence[Placed | Rejected], *, around: bool) -> _Rows:
    wanted = {line.stock_id for each in tried if isinstance(each, Placed) for line in each.lines}
    if not wanted:
        return _rows(tried, {})
    if not around:
        return _rows(tried, await stock_store.lock(tx, wanted))
    rows = _rows(tried, await stock_store.lock_free(tx, wanted))
    return replace(rows, held=await stock_store.known(tx, wanted - rows.stock.keys()))


def _rows(tried: Sequence[Placed | Rejected], stock: Mapping[StockId, Stock]) -> _Rows:
    slots = [slot for each in tried if isinstance(each, Placed) for line in each.lines if (slot := line.slot_id)]
    free = {stock_id: each.orderable for stock_id, each in stock.items()}
    return _Rows(stock, free, {slot for slot in slots if slot not in stock and _is_young(slot)})


async def _bought(tx: Tx, tried: Sequence[Placed | Rejected], hot: Collection[StockId]) -> Bought:
    """What buyers of something hot hold of it already, read under the lock of its row."""
    if not hot:
        return {}
    asking = {
        (each.asked.buyer_ref, line.stock_id)
        for each in tried
        if isinstance(each, Placed)
        for line in each.lines
        if line.stock_id in hot
    }
    return await store.find_bought(tx, sorted(asking)) if asking else {}


def _take(order: Placed | Rejected, rows: _Rows, bought: Bought, rules: Rules) -> Placed | Rejected | Held:
    """Give the order its pieces, all or none."""
    if isinstance(order, Rejected):
        return order
    if rows.held and any(line.stock_id in rows.held for line in order.lines):
        return Held()
    try:
        domain.check_slots(order, rows.stock, rows.coming)
        domain.keep_within_share(order, bought, rules)
        domain.take(order, rows.free)
    except Rejected as refusal:
        return refusal
    domain.count_share(order, bought, rules)
    return order


def _shelf(found: Found, moment: Moment) -> Shelf:
    """What was found, and what is still on its way: told here in part, or so young that it may not have come yet."""
    young = {one for one in found.unknown if _is_young(one)}
    return Shelf(found.listings, found.incomplete | young, moment.now, moment.histories)


def _is_young(identifier: str) -> bool:
    age = age_seconds(identifier)
    return age is not None and abs(age) < ARRIVAL_SECONDS  # abs: clocks differ, and nobody made it far ahead


async def _write(
    tx: Tx,
    requests: Sequence[Request],
    tried: Sequence[Placed | Rejected | Held],
    rows: Mapping[StockId, Stock],
    *,
    at_once: bool = False,
) -> list[Answer]:
    """All that follows from what was decided, in one statement; what is told, in it as well."""
    answers: list[Answer] = []
    decided: list[tuple[Key, Decided]] = []
    orders: list[NewOrder] = []
    events: list[Sealed] = []
    for request, answer in zip(requests, tried, strict=True):
        if isinstance(answer, Placed):
            agreement = agreed.agreed(answer)
            orders.append(_new_order(answer, agreement, request.because, events))
            decided.append((request.key, Decided(CREATED, None, answer.order_id)))
            answers.append(Taken(agreement, answer))
        elif isinstance(answer, Rejected) and answer.code in STORED:
            said = request.refusal(answer)
            decided.append((request.key, said))
            answers.append(Refused(said, answer))
        else:
            answers.append(answer)
    if decided:
        moved = _reserve(orders, rows)
        await placing.write(
            tx,
            orders,
            decided=decided,
            reminders=[*_expiries(orders), *moved.reminders],
            stock_rows=moved.rows,
            events=[*events, *moved.events],
            at_once=at_once,
        )
    return answers


def _new_order(order: Placed, agreement: Agreed, because: Cause, events: list[Sealed]) -> NewOrder:
    """The order's row; what it tells is added to `events`."""
    placement, ship_to = agreed.frozen(agreement), agreed.destination(order)
    told, personal = agreed.order_events(order, placement, because), agreed.personal_events(order, ship_to, because)
    events += told
    events += personal
    splits = [orjson.dumps(agreed.split_of(line)).decode() for line in agreement.placement["lines"]]
    return NewOrder(order, placement.decode(), ship_to.decode(), splits, because, len(told), len(personal))


def _reserve(orders: Sequence[NewOrder], rows: Mapping[StockId, Stock]) -> stock.Moved:
    """Stock once, with the pieces summed; who takes the last pieces is why they are gone."""
    wanted: Counter[StockId] = Counter()
    causes: dict[StockId, Cause] = {}
    for new in orders:
        for line in new.order.lines:
            wanted[line.stock_id] += line.qty
            causes[line.stock_id] = new.because
    return stock.moved([rows[one].reserve(count) for one, count in wanted.items()], lambda one: causes[one])


def _expiries(orders: Sequence[NewOrder]) -> list[tuple[Any, ...]]:
    """A timer for each that waits to be confirmed."""
    return [
        timers.row(EXPIRE_ORDER, new.order.order_id, (order.expires_at - order.placed_at).total_seconds(), new.because)
        for new in orders
        if (order := new.order).expires_at
    ]

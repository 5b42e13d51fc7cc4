"""What the topics tell, read once from offset 0 and folded into what the checks need."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.contracts.catalog import SlotOpened, StockAdjusted
from shared.contracts.event import KEEP_FOR_EVER, Topic
from shared.contracts.logistics import CodBanked, CodBankingReversed, CodRemitted, ShipmentCOD
from shared.contracts.orders import (
    CommissionAvailable,
    CommissionEarned,
    CommissionEstimated,
    CommissionHeldAgain,
    CommissionInPayout,
    CommissionPaid,
    CommissionReversed,
    CommissionVoided,
    LedgerPosted,
    OrderPlaced,
    PaymentCaptured,
)
from shared.kernel.delivery import Mode, Subscription
from shared.kernel.delivery.records import Arrived, read

Place = tuple[str, int, int]  # topic, partition, offset
Stream = tuple[str, str]  # topic, key
Carried = tuple[str, str]  # carrier, currency
LOW_64 = (1 << 64) - 1


Fold = Callable[["Told", dict[str, Any], str], None]  # what, its body, its id


@dataclass(frozen=True, slots=True)
class Collected:
    """A `ShipmentCOD`."""

    shipment_id: str
    carrier: str
    amount: int
    currency: str


@dataclass(slots=True)
class Followed:
    """Cash after it was collected: rows remitted by their ids, credits and reversals by their events'."""

    remitted: set[str] = field(default_factory=set)
    banked: set[str] = field(default_factory=set)
    unbanked: set[str] = field(default_factory=set)
    gross: Counter[Carried] = field(default_factory=Counter)  # remitted
    net: Counter[Carried] = field(default_factory=Counter)  # in the bank


@dataclass(slots=True)
class Told:
    """Every event counted once, however often it was sent.

    `ids` holds of each stream the low half of the id at each position: 62 random bits, enough to tell whether
    a repetition is the same event, at 8 bytes an event.
    """

    wanted: Collection[Place] = ()
    ids: dict[Stream, array[int]] = field(default_factory=dict)
    begins: dict[Stream, int] = field(default_factory=dict)
    faults: list[tuple[Stream, str]] = field(default_factory=list)
    unreadable: dict[Place, str] = field(default_factory=dict)
    parked_bodies: dict[Place, bytes | None] = field(default_factory=dict)
    events: int = 0
    repeats: int = 0
    placed: set[str] = field(default_factory=set)
    adjusted: Counter[str] = field(default_factory=Counter)
    collections: dict[str, Collected] = field(default_factory=dict)
    cash: Followed = field(default_factory=Followed)
    shares: Counter[tuple[str, str]] = field(default_factory=Counter)  # (line, kind of party): what was told of it
    captures: set[str] = field(default_factory=set)
    journals: set[str] = field(default_factory=set)
    unbalanced: list[str] = field(default_factory=list)
    books: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # (account, party or "", currency)
    _subscriptions: dict[str, Subscription] = field(default_factory=dict)

    def last(self, stream: Stream) -> int:
        """The newest position of a stream; 0 for one that was never told of."""
        return self.begins[stream] + len(self.ids[stream]) - 1 if stream in self.ids else 0

    def take(self, record: Any, topic: Topic) -> None:
        """Fold one record in."""
        place = (record.topic, record.partition, record.offset)
        if place in self.wanted:
            self.parked_bodies[place] = record.value
        arrived = read(record, self._subscriptions.setdefault(topic.name, Subscription("", topic, Mode.EVERY)))
        if arrived.fault is not None:
            self.unreadable[place] = arrived.fault
        elif self._is_new(arrived, topic):
            self.events += 1
            if fold := _FOLDS.get(arrived.type or ""):
                self._fold(fold, arrived)

    def _is_new(self, arrived: Arrived, topic: Topic) -> bool:
        """Count an event at its place in its stream; note what is out of order."""
        assert arrived.stream is not None and arrived.position is not None and arrived.event_id is not None
        stream, short = (arrived.topic, arrived.stream), int(arrived.event_id.replace("-", ""), 16) & LOW_64
        if stream not in self.ids:
            forgets = topic.retention_days != KEEP_FOR_EVER
            self.begins[stream] = arrived.position if forgets else 1  # what came before may have been dropped
            self.ids[stream] = array("Q")
        known, begin = self.ids[stream], self.begins[stream]
        index = arrived.position - begin
        if 0 <= index < len(known):
            self.repeats += 1
            if known[index] != short:
                self.faults.append((stream, f"{arrived.place()}: another event at position {arrived.position}"))
            return False
        if index != len(known):
            expected = begin + len(known)
            self.faults.append((stream, f"{arrived.place()}: position {arrived.position} where {expected} was due"))
            if index < 0 or index - len(known) > 1_000_000:  # no stream is that long: do not fill up to it
                return True
            known.extend([0] * (index - len(known)))
        known.append(short)
        return True

    def _fold(self, fold: Fold, arrived: Arrived) -> None:
        """Add an event's content, unless it is of load traffic, which money and statistics pass over."""
        loadtest = any(name == "ce_loadtest" and value == b"true" for name, value in arrived.headers)
        if loadtest and arrived.type not in _COUNTED_ALWAYS:
            return
        try:
            fold(self, orjson.loads(arrived.value or b""), arrived.event_id or "")
        except (ValueError, KeyError, TypeError) as error:
            self.unreadable[(arrived.topic, arrived.partition, arrived.offset)] = f"{arrived.type}: {error!r}"


def _place(told: Told, body: dict[str, Any], _: str) -> None:
    told.placed.add(body["order_id"])


def _adjust(told: Told, body: dict[str, Any], _: str) -> None:
    told.adjusted[body["variant_id"]] += body["delta"]


def _open(told: Told, body: dict[str, Any], _: str) -> None:
    told.adjusted[body["slot_id"]] += body["capacity"]


def _collect(told: Told, body: dict[str, Any], _: str) -> None:
    money = body["collected"]
    told.collections[body["collection_id"]] = Collected(
        body["shipment_id"], body["carrier"], money["amount"], money["currency"]
    )


def _remit(told: Told, body: dict[str, Any], _: str) -> None:
    if body["row_id"] not in told.cash.remitted and body["gross"]["amount"]:
        told.cash.remitted.add(body["row_id"])
        told.cash.gross[body["carrier"], body["gross"]["currency"]] += body["gross"]["amount"]


def _bank(told: Told, body: dict[str, Any], event_id: str) -> None:
    if net := body["net"]["amount"]:
        told.cash.banked.add(event_id)
        told.cash.net[body["carrier"], body["net"]["currency"]] += net


def _unbank(told: Told, body: dict[str, Any], event_id: str) -> None:
    if net := body["net"]["amount"]:
        told.cash.unbanked.add(event_id)
        told.cash.net[body["carrier"], body["net"]["currency"]] -= net


def _share(told: Told, body: dict[str, Any], _: str) -> None:
    told.shares[body["line_id"], body["party_kind"]] += body["delta"]["amount"]


def _capture(told: Told, body: dict[str, Any], _: str) -> None:
    told.captures.add(f"{body['psp']}:{body['psp_ref']}")


def _book(told: Told, body: dict[str, Any], _: str) -> None:
    told.journals.add(body["journal_id"])
    if sum(entry["debit"] - entry["credit"] for entry in body["entries"]):
        told.unbalanced.append(body["journal_id"])
    for entry in body["entries"]:
        key = (entry["account"], entry["party"] or "", body["currency"])
        told.books[key] += entry["credit"] - entry["debit"]


_COMMISSIONS = (
    *(CommissionEstimated, CommissionEarned, CommissionAvailable, CommissionHeldAgain),
    *(CommissionInPayout, CommissionPaid, CommissionReversed, CommissionVoided),
)
_FOLDS: dict[str, Fold] = {
    OrderPlaced.type: _place,
    StockAdjusted.type: _adjust,
    SlotOpened.type: _open,
    ShipmentCOD.type: _collect,
    PaymentCaptured.type: _capture,
    LedgerPosted.type: _book,
    CodRemitted.type: _remit,
    CodBanked.type: _bank,
    CodBankingReversed.type: _unbank,
    **{event.type: _share for event in _COMMISSIONS},
}
_COUNTED_ALWAYS = {
    OrderPlaced.type,
    StockAdjusted.type,
    SlotOpened.type,
}  # load traffic moves the stock of its own suppliers


async def fold(records: AsyncIterator[Any], topics: dict[str, Topic], wanted: Collection[Place]) -> Told:
    """Read all records; `wanted` are places whose bytes are kept."""
    told = Told(wanted)
    async for record in records:
        told.take(record, topics[record.topic])
    return told

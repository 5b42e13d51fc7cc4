"""One batch, one transaction: claim, order, apply in rounds, park what can't be applied, remember how far."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields

from shared.kernel.database import Row, Tx, is_transient
from shared.kernel.delivery import store
from shared.kernel.delivery.records import Arrived, read, unpack_headers
from shared.kernel.delivery.router import Mode, Subscription


@dataclass(slots=True)
class Outcome:
    """What became of a batch, counted in records."""

    applied: int = 0
    passed_over: int = 0
    duplicate: int = 0
    waiting: int = 0
    parked: int = 0
    holes: int = 0
    causes: list[str] = field(default_factory=list)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(slots=True)
class _Batch:
    """What is known while a batch is applied: how far each stream has come, which of them were stopped in it."""

    tx: Tx
    subscription: Subscription
    positions: dict[str, int]
    claimed: set[str]
    waiting: set[str]
    guarded: bool = True
    stopped: set[str] = field(default_factory=set)
    moved: dict[str, int] = field(default_factory=dict)
    dead: list[Arrived] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def topic(self) -> str:
        return self.subscription.topic.name

    def advance(self, arrived: Arrived) -> None:
        assert arrived.stream is not None and arrived.position is not None
        self.positions[arrived.stream] = self.moved[arrived.stream] = arrived.position

    def follows(self, arrived: Arrived) -> bool:
        assert arrived.stream is not None
        return arrived.position == self.positions.get(arrived.stream, 0) + 1

    def park(self, arrived: Arrived, cause: str) -> None:
        arrived.fault = cause
        self.dead.append(arrived)
        if arrived.stream is not None:
            self.stopped.add(arrived.stream)


async def apply(
    tx: Tx,
    subscription: Subscription,
    batch: Sequence[Arrived],
    *,
    drain: Iterable[str] = (),
    lift: str | None = None,
    guarded: bool = True,
) -> Outcome:
    """Let each record take effect once, wait, be parked, or be known as a duplicate; all in `tx`.

    Not `guarded`, it raises what a reaction raises, and nothing has taken effect: the same records, read again, are
    then to be applied guarded, where each group has a savepoint and a failure is narrowed down to its record.

    `drain` names streams whose waiting events are to be tried too; `lift` one whose parking is passed over,
    for an operator's replay of its dead letter.
    """
    streams = sorted({a.stream for a in batch if a.stream is not None} | set(drain))
    topic = subscription.topic.name
    good = [a for a in batch if a.fault is None]
    every = subscription.mode is Mode.EVERY
    claimed = await store.claim(tx, [a.event_id for a in good if a.event_id is not None])
    known = await store.lock_streams(tx, topic, streams)
    parked = known.parked - {lift or ""}
    _hold(batch, parked)
    state = _Batch(tx, subscription, known.positions, claimed, known.waiting, guarded)
    state.dead.extend(a for a in batch if a.fault is not None)
    fresh = _first_of_each(good, claimed)
    state.outcome.duplicate = len(good) - len(fresh)
    await (_apply_every(state, fresh, set(drain) - parked) if every else _apply_latest(state, fresh))
    await store.advance(tx, topic, state.moved)
    await _park(state)
    return state.outcome


def _hold(batch: Sequence[Arrived], parked: set[str]) -> None:
    """Mark what stands behind a dead letter, also one of this very batch; what came before it goes on."""
    still = set(parked)
    for arrived in batch:
        arrived.held = arrived.stream in still
        if arrived.fault is not None and arrived.stream is not None:
            still.add(arrived.stream)


def _first_of_each(good: Sequence[Arrived], fresh: set[str]) -> list[Arrived]:
    """The records whose id nobody had claimed, each id once; a discarded position has no id to claim."""
    left = set(fresh)
    first = []
    for arrived in good:
        if arrived.skipped or arrived.event_id in left:
            first.append(arrived)
            left.discard(arrived.event_id or "")
    return first


async def _apply_latest(state: _Batch, fresh: Sequence[Arrived]) -> None:
    newer: list[Arrived] = []
    seen = dict(state.positions)
    for arrived in fresh:
        assert arrived.stream is not None and arrived.position is not None
        last = seen.get(arrived.stream, 0)
        if arrived.position <= last:
            state.outcome.duplicate += 1
            continue
        state.outcome.holes += arrived.position - last - 1
        seen[arrived.stream] = arrived.position
        newer.append(arrived)
    for group in _rounds(newer):
        await _apply_group(state, group)


async def _apply_every(state: _Batch, fresh: Sequence[Arrived], drain: set[str]) -> None:
    moving = drain | {a.stream for a in fresh if a.stream is not None and not a.held and state.follows(a)}
    waited = await _waited(state, sorted(moving & state.waiting))
    runs, early = _order(state, [*waited, *fresh])
    for group in _rounds(runs):
        follows: list[Arrived] = []
        for arrived in group:
            (early if arrived.stream in state.stopped else follows).append(arrived)
        await _apply_group(state, follows)
    here = {(a.stream, a.position) for a in waited}
    newly = [a for a in early if (a.stream, a.position) not in here]
    await store.insert_waiting(state.tx, state.topic, newly)
    state.outcome.waiting = len(newly)
    drained = {a.stream for a in waited if a.stream is not None} & state.moved.keys()
    await store.delete_waiting(state.tx, state.topic, {stream: state.moved[stream] for stream in drained})


async def _waited(state: _Batch, streams: Sequence[str]) -> list[Arrived]:
    if not streams:
        return []
    waited = [as_arrived(row, state.subscription) for row in await store.select_waiting(state.tx, state.topic, streams)]
    state.claimed.update(a.event_id for a in waited if a.event_id is not None)
    return waited


def _order(state: _Batch, candidates: Sequence[Arrived]) -> tuple[list[Arrived], list[Arrived]]:
    """Split into what follows on from each stream's position without a hole, and what came too early."""
    by_stream: dict[str, dict[int, Arrived]] = defaultdict(dict)
    runs: list[Arrived] = []
    early: list[Arrived] = []
    for arrived in candidates:
        assert arrived.stream is not None and arrived.position is not None
        if arrived.held:
            early.append(arrived)
        elif arrived.position > state.positions.get(arrived.stream, 0):
            first = by_stream[arrived.stream].setdefault(arrived.position, arrived)
            state.outcome.duplicate += first is not arrived
        else:
            state.outcome.duplicate += 1
    for stream, found in by_stream.items():
        following = state.positions.get(stream, 0) + 1
        while following in found:
            runs.append(found.pop(following))
            following += 1
        early.extend(found.values())
    return runs, early


def _rounds(arrived: Iterable[Arrived]) -> Iterable[list[Arrived]]:
    """The n-th event of each stream, grouped by type: inside a stream nothing overtakes."""
    nth: Counter[str] = Counter()
    rounds: dict[int, dict[str, list[Arrived]]] = defaultdict(lambda: defaultdict(list))
    for a in arrived:
        assert a.stream is not None
        rounds[nth[a.stream]][a.type or ""].append(a)
        nth[a.stream] += 1
    for n in sorted(rounds):
        yield from rounds[n].values()


async def _apply_group(state: _Batch, group: Sequence[Arrived]) -> None:
    """React to events of one type in a savepoint; when that fails, halve until the one at fault stands alone."""
    broken = [a for a in group if a.fault is not None]
    group = [a for a in group if a.fault is None]
    for arrived in broken:
        state.park(arrived, arrived.fault or "")
    events = [a.event for a in group if a.event is not None]
    try:
        if events:
            async with state.tx.transaction() if state.guarded else nullcontext():
                await state.subscription.reactions[events[0].type](state.tx, events)
    except Exception as error:
        if is_transient(error) or not state.guarded:
            raise
        if len(group) == 1:
            state.park(group[0], _cause(error))
            return
        await _apply_group(state, group[: len(group) // 2])
        await _apply_group(state, group[len(group) // 2 :])
        return
    for arrived in group:
        state.advance(arrived)
    state.outcome.applied += len(events)
    state.outcome.passed_over += len(group) - len(events)


async def _park(state: _Batch) -> None:
    if not state.dead:
        return
    await store.release(state.tx, [a.event_id for a in state.dead if a.event_id in state.claimed])
    await store.insert_dead(state.tx, state.subscription.group, state.topic, state.dead)
    if state.subscription.mode is Mode.EVERY:
        await store.insert_parked(state.tx, state.topic, [a.stream for a in state.dead if a.stream is not None])
        await store.delete_waiting_at(state.tx, state.topic, state.dead)
    state.outcome.parked = len(state.dead)
    state.outcome.causes = [f"{a.place()}: {a.fault}" for a in state.dead[:5]]


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def as_arrived(row: Row, subscription: Subscription) -> Arrived:
    """A waiting row as the record it was; a row without a type is a position that an operator discarded."""
    raw = Raw(
        *(row["topic"], row["partition"], row["offset"], row["key"].encode(), row["body"]),
        headers=unpack_headers(row["headers"]),
    )
    if row["type"] is None:
        arrived = Arrived(raw.topic, raw.partition, raw.offset, raw.key, None, raw.headers, skipped=True)
        arrived.stream, arrived.position = row["key"], row["position"]
    else:
        arrived = read(raw, subscription)
    arrived.waited = True
    return arrived


@dataclass(slots=True)
class Raw:
    """A stored record in the shape of a broker's."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]

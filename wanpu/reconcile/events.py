"""Invariants 2, 3 and 4: what is committed is told, what is told is committed, in order, and it took effect once."""

from __future__ import annotations

from collections import defaultdict

from shared.contracts import TOPICS
from shared.contracts.event import KEEP_FOR_EVER
from wanpu.reconcile import streams
from wanpu.reconcile.finding import Finding, World, finding
from wanpu.reconcile.told import Stream

FORGETTING = {topic.name for topic in TOPICS if topic.retention_days != KEEP_FOR_EVER}

_POSITIONS = "SELECT topic, key, position FROM {service}.positions"
_HELD = """
    SELECT '{service}' AS service, topic, key FROM {service}.waiting
     UNION SELECT '{service}', topic, key FROM {service}.parked
     UNION SELECT '{service}', topic, stream_key FROM {service}.dead_letters WHERE stream_key IS NOT NULL
"""


async def each_committed_event_is_told(world: World) -> Finding:
    """Invariant 2: every position that a row counts, less what lies in the outbox, is on the topic."""
    committed, unsent = await streams.committed(world.kept), await streams.unsent(world.kept)
    faults = []
    for stream, position in committed.items():
        told, due = world.told.last(stream), position - unsent.get(stream, 0)
        forgotten = told == 0 and stream[0] in FORGETTING
        if told < due and not forgotten:
            faults.append(f"{_name(stream)}: {due} events committed and sent, {told} told")
    total = sum(committed.values())
    return finding(2, "each committed event is told", faults, f"{total} events of {len(committed)} streams are told")


async def each_event_was_committed(world: World) -> Finding:
    """Invariant 3: no stream is told of further than its row has counted; dead letters are looked at by 8."""
    committed = await streams.committed(world.kept)
    parked = {(row["topic"], row["stream_key"]) for row in await world.kept.parked()}
    absent = {topic for topic, (owner, _) in streams.STREAMS.items() if owner not in world.kept.services}
    faults = [
        f"{_name(stream)}: told up to {world.told.last(stream)}, committed up to {committed.get(stream, 0)}"
        for stream in world.told.ids
        if world.told.last(stream) > committed.get(stream, 0) and stream not in parked and stream[0] not in absent
    ]
    return finding(3, "each told event was committed", faults, f"all {world.told.events} events have their row")


async def each_stream_is_in_order(world: World) -> Finding:
    """Invariant 4: first seen, the positions of a stream are 1, 2, 3 … without a hole or a step back."""
    parked = {(row["topic"], row["stream_key"]) for row in await world.kept.parked()}
    faults = [f"{_name(stream)}: {fault}" for stream, fault in world.told.faults if stream not in parked]
    seen = f"{len(world.told.ids)} streams without a hole, {world.told.repeats} repetitions of the same events"
    return finding(4, "each stream is in order", faults, seen)


async def each_consumer_is_at_the_end(world: World) -> Finding:
    """Invariant 2: each subscription's position is its stream's last, unless the stream waits or stands still."""
    held = {(row["service"], row["topic"], row["key"]) for row in await world.kept.each(_HELD)}
    by_topic: dict[str, list[Stream]] = defaultdict(list)
    for stream in world.told.ids:
        by_topic[stream[0]].append(stream)
    faults, count = [], 0
    for service in world.kept.services:
        rows = await world.kept.rows(_POSITIONS.replace("{service}", service))
        at = {(row["topic"], row["key"]): row["position"] for row in rows}
        for topic in world.routers[service].subscriptions:
            count += len(by_topic[topic])
            faults += [
                f"{service}: {_name(stream)}: at {at.get(stream, 0)} of {world.told.last(stream)}"
                for stream in by_topic[topic]
                if at.get(stream, 0) != world.told.last(stream) and (service, *stream) not in held
            ]
    return finding(2, "each consumer is at the end", faults, f"{count} streams are applied up to their last event")


def _name(stream: Stream) -> str:
    return f"{stream[0]} {stream[1]}"

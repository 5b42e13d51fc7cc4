"""Publishing is inserting a row: what a unit of work tells the world, in the transaction that made it true."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson

from shared.contracts.event import Cause, Event
from shared.kernel.database import Tx, columns
from shared.kernel.ids import new_id

BUCKETS = 16  # so many relays can share the work; changing it means draining first


class Sealed(NamedTuple):
    """An event whose body was written as JSON by who says it, where building the model would cost most of the work.

    A test of its writer shows that the body is what the model would have written.
    """

    kind: type[Event]
    key: str
    position: int
    cause: Cause
    body: bytes


Told = Event | Sealed

# `ORDER BY ord` gives ids in the order of the list: for a key, id order is lock order is stream order.
APPEND = """
    INSERT INTO outbox (bucket, event_id, topic, key, type, aggregate_id, aggregate_version, occurred_at, headers,
                        body)
    SELECT bucket, event_id, topic, key, type, key, position, now(), headers::jsonb, body
      FROM unnest($1::smallint[], $2::uuid[], $3::name[], $4::text[], $5::name[], $6::bigint[], $7::text[],
                  $8::bytea[])
           WITH ORDINALITY AS e (bucket, event_id, topic, key, type, position, headers, body, ord)
     ORDER BY ord
"""
WIDTH = 8


def bucket_of(key: str) -> int:
    """The bucket of a key: all events of a stream meet in one, so one relay sends them in order."""
    return zlib.crc32(key.encode()) & (BUCKETS - 1)


async def append(tx: Tx, events: Sequence[Told]) -> None:
    """Write the events last in the unit of work, each already `.at(position, because)` of its locked row.

    Raises:
        ValueError: when an event has no position, which would leave a hole in its stream.
    """
    if events:
        await tx.execute(APPEND, *columns(rows(events), WIDTH))


def rows(events: Sequence[Told]) -> list[tuple[Any, ...]]:
    """What `APPEND` takes, for a unit of work that writes everything in one statement."""
    found, cause, common = [], None, "{"
    for event in events:
        sealed = event if isinstance(event, Sealed) else seal(event)
        if sealed.cause is not cause:  # what one cause leads to comes together
            cause, common = sealed.cause, _common(sealed.cause)
        found.append(_row(sealed, common))
    return found


def seal(event: Event) -> Sealed:
    """The event as its model writes it."""
    body = event.__pydantic_serializer__.to_json(event, by_alias=True)
    return Sealed(type(event), event.key, event.position, event.cause, body)


def _row(event: Sealed, common: str) -> tuple[Any, ...]:
    kind, key = event.kind, event.key
    if event.position < 1:
        raise ValueError(f"{kind.type} of {key} has no position: give it one with .at(position, because)")
    headers = f'{common}"ce_dataschema":"{_dataschema(kind)}"}}'
    return bucket_of(key), new_id(), kind.topic.name, key, kind.type, event.position, headers, event.body


def _common(cause: Cause) -> str:
    """The headers that do not depend on the event, as the beginning of a JSON object."""
    headers = {
        "ce_causationid": cause.causation_id,
        "ce_correlationid": cause.correlation_id,
        "traceparent": cause.traceparent,
        "ce_loadtest": "true" if cause.loadtest else None,
    }
    said = orjson.dumps({name: value for name, value in headers.items() if value is not None}).decode()
    return "{" if said == "{}" else f"{said[:-1]},"


@cache
def _dataschema(kind: type[Event]) -> str:
    return kind.dataschema()

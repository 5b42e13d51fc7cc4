"""Publishing is inserting a row: what a unit of work tells the world, in the transaction that made it true."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from shared.contracts.event import Event
from shared.kernel.database import Tx, columns
from shared.kernel.ids import new_id

BUCKETS = 16  # so many relays can share the work; changing it means draining first

# `ORDER BY ord` gives ids in the order of the list: for a key, id order is lock order is stream order.
_APPEND = """
    INSERT INTO outbox (bucket, event_id, topic, key, type, aggregate_id, aggregate_version, occurred_at, headers,
                        body)
    SELECT bucket, event_id, topic, key, type, key, position, now(), headers, body
      FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::jsonb[],
                  $8::bytea[])
           WITH ORDINALITY AS e (bucket, event_id, topic, key, type, position, headers, body, ord)
     ORDER BY ord
"""


def bucket_of(key: str) -> int:
    """The bucket of a key: all events of a stream meet in one, so one relay sends them in order."""
    return zlib.crc32(key.encode()) & (BUCKETS - 1)


async def append(tx: Tx, events: Sequence[Event]) -> None:
    """Write the events last in the unit of work, each already `.at(position, because)` of its locked row.

    Raises:
        ValueError: when an event has no position, which would leave a hole in its stream.
    """
    if events:
        await tx.execute(_APPEND, *columns([_row(event) for event in events], 8))


def _row(event: Event) -> tuple[Any, ...]:
    if event.position < 1:
        raise ValueError(f"{event.type} of {event.key} has no position: give it one with .at(position, because)")
    return (
        bucket_of(event.key),
        new_id(),
        event.topic.name,
        event.key,
        event.type,
        event.position,
        _inherited(event),
        event.__pydantic_serializer__.to_json(event, by_alias=True),
    )


def _inherited(event: Event) -> dict[str, str]:
    cause = event.cause
    headers = {
        "ce_causationid": cause.causation_id,
        "ce_correlationid": cause.correlation_id,
        "traceparent": cause.traceparent,
        "ce_loadtest": "true" if cause.loadtest else None,
        "ce_dataschema": event.dataschema(),
    }
    return {name: value for name, value in headers.items() if value is not None}

"""The consumer's own SQL: inbox, positions, what waits, what is parked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.kernel.database import Row, Tx, columns
from shared.kernel.delivery.records import Arrived, pack_headers

_CLAIM = """
    INSERT INTO inbox (event_id) SELECT DISTINCT id FROM unnest($1::uuid[]) AS i (id) ORDER BY id
    ON CONFLICT DO NOTHING RETURNING event_id
"""


async def claim(tx: Tx, event_ids: Sequence[str]) -> set[str]:
    """Claim ids in the inbox and return those that no one had claimed."""
    return {row["event_id"] for row in await tx.fetch(_CLAIM, event_ids)}


_RELEASE = "DELETE FROM inbox WHERE event_id = ANY($1::uuid[])"


async def release(tx: Tx, event_ids: Sequence[str]) -> None:
    """Take a claim back: what became a dead letter has had no effect, and its replay claims it again."""
    await tx.execute(_RELEASE, event_ids)


@dataclass(frozen=True, slots=True)
class Streams:
    """Where streams stand: their last position that took effect, which stand still, behind which something waits."""

    positions: dict[str, int]
    parked: set[str]
    waiting: set[str]


# Parked rows are locked against a replay, positions against a consumer that still believes the partition to be its own.
# One snapshot for all three: what those insert meanwhile is missed here; its stream waits until `tidy` lets it go on.
_STREAMS = """
    WITH still AS MATERIALIZED (
             SELECT key FROM parked WHERE topic = $1 AND key = ANY($2::text[]) ORDER BY key FOR SHARE),
         seen AS MATERIALIZED (
             SELECT key, position FROM positions WHERE topic = $1 AND key = ANY($2::text[]) ORDER BY key FOR UPDATE)
    SELECT key, position, 'seen' AS what FROM seen
    UNION ALL SELECT key, NULL, 'parked' FROM still
    UNION ALL SELECT DISTINCT key, NULL::bigint, 'waiting' FROM waiting WHERE topic = $1 AND key = ANY($2::text[])
"""


async def lock_streams(tx: Tx, topic: str, keys: Sequence[str]) -> Streams:
    """Lock the streams until this transaction ends; a key without a position never took effect here."""
    found = Streams({}, set(), set())
    for row in await tx.fetch(_STREAMS, topic, keys):
        if row["what"] == "seen":
            found.positions[row["key"]] = row["position"]
        else:
            (found.parked if row["what"] == "parked" else found.waiting).add(row["key"])
    return found


_ADVANCE = """
    INSERT INTO positions (topic, key, position)
    SELECT $1, key, position FROM unnest($2::text[], $3::bigint[]) AS p (key, position) ORDER BY key
    ON CONFLICT (topic, key) DO UPDATE SET position = greatest(positions.position, excluded.position)
"""


async def advance(tx: Tx, topic: str, positions: Mapping[str, int]) -> None:
    """Store how far each stream has come; a position never goes back."""
    if positions:
        await tx.execute(_ADVANCE, topic, list(positions), list(positions.values()))


_WAIT = """
    INSERT INTO waiting (topic, key, position, event_id, type, "partition", "offset", headers, body)
    SELECT $1, * FROM unnest($2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::int[], $7::bigint[],
                             $8::jsonb[], $9::bytea[])
    ON CONFLICT DO NOTHING
"""


async def insert_waiting(tx: Tx, topic: str, arrived: Sequence[Arrived]) -> None:
    """Keep events that came before the one they follow; a position that waits already is kept as it is."""
    rows = [
        (a.stream, a.position, a.event_id, a.type, a.partition, a.offset, pack_headers(a.headers), a.value)
        for a in arrived
    ]
    if rows:
        await tx.execute(_WAIT, topic, *columns(rows, 8))


DRAIN_ROWS = 5_000  # bounds one transaction; what is left is drained by the housekeeping a moment later

_WAITING = "SELECT * FROM waiting WHERE topic = $1 AND key = ANY($2::text[]) ORDER BY key, position LIMIT $3"


async def select_waiting(tx: Tx, topic: str, keys: Sequence[str]) -> list[Row]:
    """What waits behind these streams, in their order."""
    return list(await tx.fetch(_WAITING, topic, keys, DRAIN_ROWS))


_WAITING_AT = """
    DELETE FROM waiting USING unnest($2::text[], $3::bigint[]) AS d (key, position)
     WHERE waiting.topic = $1 AND waiting.key = d.key AND waiting.position = d.position
"""


async def delete_waiting_at(tx: Tx, topic: str, dead: Sequence[Arrived]) -> None:
    """Drop what waited and has become a dead letter; a parked record that never waited has no row here."""
    rows = [(a.stream, a.position) for a in dead if a.waited]
    if rows:
        await tx.execute(_WAITING_AT, topic, *columns(rows, 2))


_READY = """
    SELECT w.key FROM waiting w LEFT JOIN positions p USING (topic, key)
     WHERE w.topic = $1 AND w.position = coalesce(p.position, 0) + 1 AND ($2::text IS NULL OR w.key = $2)
       AND NOT EXISTS (SELECT FROM parked WHERE parked.topic = w.topic AND parked.key = w.key)
     LIMIT 100
"""


async def select_ready(tx: Tx, topic: str, stream: str | None = None) -> list[str]:
    """Streams (or the one named) whose next event is here, waiting, and that stand free."""
    return [row["key"] for row in await tx.fetch(_READY, topic, stream)]


_OVERDUE = """
    SELECT count(*) FROM waiting w
     WHERE arrived_at < now() - make_interval(secs => $1)
       AND NOT EXISTS (SELECT FROM parked WHERE parked.topic = w.topic AND parked.key = w.key)
"""


async def count_overdue(tx: Tx, after_seconds: float) -> int:
    """How many events have waited this long for one that is missing, not for an operator."""
    return int(await tx.fetchval(_OVERDUE, after_seconds))


_DRAINED = """
    DELETE FROM waiting USING unnest($2::text[], $3::bigint[]) AS d (key, position)
     WHERE waiting.topic = $1 AND waiting.key = d.key AND waiting.position <= d.position
"""


async def delete_waiting(tx: Tx, topic: str, positions: Mapping[str, int]) -> None:
    """Drop what has been drained up to these positions."""
    if positions:
        await tx.execute(_DRAINED, topic, list(positions), list(positions.values()))


_PARK = """
    INSERT INTO dead_letters (consumer, topic, "partition", "offset", key, stream_key, position, event_id, type,
                              headers, body, cause)
    SELECT $1, $2, * FROM unnest($3::int[], $4::bigint[], $5::bytea[], $6::text[], $7::bigint[], $8::text[],
                                 $9::text[], $10::jsonb[], $11::bytea[], $12::text[])
    ON CONFLICT (consumer, topic, "partition", "offset") DO NOTHING
"""
_STAND_STILL = """
    INSERT INTO parked (topic, key) SELECT $1, key FROM unnest($2::text[]) AS k (key) ORDER BY key
    ON CONFLICT DO NOTHING
"""


async def insert_dead(tx: Tx, consumer: str, topic: str, dead: Sequence[Arrived]) -> None:
    """Park records with their original bytes; one that is parked already is not parked twice."""
    rows = [
        (
            *(a.partition, a.offset, a.key, a.stream, a.position),
            *(_storable(a.event_id), _storable(a.type), pack_headers(a.headers), a.value, _storable(a.fault)),
        )
        for a in dead
    ]
    await tx.execute(_PARK, consumer, topic, *columns(rows, 10))


def _storable(text: str | None) -> str | None:
    """PostgreSQL's text holds no NUL; what a record claims of itself may."""
    return None if text is None else text.replace("\x00", "\\0")


async def insert_parked(tx: Tx, topic: str, keys: Iterable[str]) -> None:
    """Let these streams stand still until their dead letters are replayed or discarded."""
    await tx.execute(_STAND_STILL, topic, sorted(set(keys)))

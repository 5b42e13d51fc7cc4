"""Rows that can't be sent: moved aside with every later row of their key, and back again by an operator."""

from __future__ import annotations

from collections.abc import Sequence

from shared.kernel.database import Row, Tx

_COLUMNS = "bucket, id, event_id, topic, key, type, aggregate_id, aggregate_version, occurred_at, headers, body"

_MOVE = f"""
    WITH moved AS (
        DELETE FROM outbox o USING unnest($1::smallint[], $2::text[], $3::text[], $4::bigint[], $5::text[])
                                AS bad (bucket, topic, key, id, cause)
         WHERE o.bucket = bad.bucket AND o.topic = bad.topic AND o.key = bad.key AND o.id >= bad.id
        RETURNING o.*,
                  CASE WHEN o.id = bad.id THEN bad.cause ELSE 'waits behind a row that can''t be sent' END AS cause)
    INSERT INTO outbox_dead ({_COLUMNS}, cause) SELECT {_COLUMNS}, cause FROM moved
"""  # noqa: S608  the columns are the constant above
_STREAMS = "SELECT DISTINCT topic, key FROM outbox_dead WHERE bucket = ANY($1::smallint[])"
_LIST = "SELECT topic, key, type, aggregate_version, id, cause, moved_at FROM outbox_dead ORDER BY id LIMIT $1"
_REPLAY = f"""
    WITH back AS (DELETE FROM outbox_dead WHERE $1::text IS NULL OR key = $1 RETURNING *)
    INSERT INTO outbox ({_COLUMNS}) OVERRIDING SYSTEM VALUE SELECT {_COLUMNS} FROM back ORDER BY id
"""  # noqa: S608  the columns are the constant above


async def move_aside(tx: Tx, bad: Sequence[tuple[Row, str]]) -> None:
    """Move each row, given with its cause, and every later row of its key, in one statement."""
    await tx.execute(
        _MOVE,
        [row["bucket"] for row, _ in bad],
        [row["topic"] for row, _ in bad],
        [row["key"] for row, _ in bad],
        [row["id"] for row, _ in bad],
        [cause for _, cause in bad],
    )


async def dead_streams(tx: Tx, buckets: Sequence[int]) -> set[tuple[str, str]]:
    """The (topic, key) pairs that have rows set aside: what comes later of them must go the same way."""
    return {(row["topic"], row["key"]) for row in await tx.fetch(_STREAMS, list(buckets))}


async def list_dead(tx: Tx, limit: int = 100) -> list[Row]:
    """What lies aside, oldest first."""
    return list(await tx.fetch(_LIST, limit))


async def replay_dead(tx: Tx, key: str | None = None) -> int:
    """Move rows back under their old ids, so that they go out in order; of one key, or all. Returns how many."""
    return int((await tx.execute(_REPLAY, key)).split()[-1])

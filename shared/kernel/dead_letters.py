"""What an operator does with records that could not take effect: list, show, replay, discard."""

from __future__ import annotations

from dataclasses import dataclass

from shared.kernel.database import Database, Row, Tx
from shared.kernel.delivery import Router, Subscription, store
from shared.kernel.delivery.batch import Raw, apply
from shared.kernel.delivery.records import Arrived, read, unpack_headers
from shared.kernel.delivery.router import Mode

_LIST = """
    SELECT id, consumer, topic, "partition", "offset", stream_key, position, event_id, type, cause, attempts, parked_at
      FROM dead_letters WHERE $1::text IS NULL OR topic = $1 ORDER BY id LIMIT $2
"""
_SHOW = "SELECT * FROM dead_letters WHERE id = $1"
_TAKE = "DELETE FROM dead_letters WHERE id = $1 RETURNING *"
_LOCK_STREAM = "SELECT FROM parked WHERE topic = $1 AND key = $2 FOR UPDATE"
_LET_GO = """
    DELETE FROM parked p WHERE p.topic = $1 AND p.key = $2
       AND NOT EXISTS (SELECT FROM dead_letters d WHERE d.topic = p.topic AND d.stream_key = p.key)
"""
_TRIED = """
    UPDATE dead_letters SET attempts = $5 + 1
     WHERE consumer = $1 AND topic = $2 AND "partition" = $3 AND "offset" = $4 RETURNING cause
"""
_SKIP = """
    INSERT INTO waiting (topic, key, position, "partition", "offset", headers)
    VALUES ($1, $2, $3, $4, $5, '{"pairs": []}') ON CONFLICT DO NOTHING
"""
_FIRST_WAITING = "SELECT min(position) FROM waiting WHERE topic = $1 AND key = $2"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a replay or a discard did; `cause` is set when the record went back to where it was."""

    found: bool
    applied: int = 0
    cause: str | None = None


async def list_dead(tx: Tx, topic: str | None = None, limit: int = 100) -> list[Row]:
    """Dead letters, oldest first, without their bytes."""
    return list(await tx.fetch(_LIST, topic, limit))


async def show(tx: Tx, dead_id: int) -> Row | None:
    """One dead letter whole: bytes, headers, cause, source."""
    return await tx.fetchrow(_SHOW, dead_id)


async def replay(db: Database, router: Router, dead_id: int) -> Resolution:
    """Apply a dead letter, and what waits behind it in its stream, by the ordinary path; once."""

    async def work(tx: Tx) -> Resolution:
        row = await _take(tx, dead_id)
        if row is None:
            return Resolution(found=False)
        subscription = router.subscriptions[row["topic"]]
        arrived = _arrived(row, subscription)
        outcome = await apply(tx, subscription, [arrived], lift=row["stream_key"])
        await _let_go(tx, row)
        await _drain(tx, subscription, row["stream_key"])
        where = (row["consumer"], row["topic"], row["partition"], row["offset"], row["attempts"])
        return Resolution(True, outcome.applied, await tx.fetchval(_TRIED, *where))

    return await db.run(work)


async def discard(db: Database, router: Router, dead_id: int) -> Resolution:
    """Give a dead letter up: its position counts as skipped and its stream goes on."""

    async def work(tx: Tx) -> Resolution:
        row = await _take(tx, dead_id)
        if row is None:
            return Resolution(found=False)
        subscription = router.subscriptions[row["topic"]]
        if subscription.mode is Mode.LATEST or row["stream_key"] is None:
            return Resolution(found=True)
        await _skip(tx, row)
        await _let_go(tx, row)
        return Resolution(True, await _drain(tx, subscription, row["stream_key"]))

    return await db.run(work)


async def _take(tx: Tx, dead_id: int) -> Row | None:
    """Lock the stream before the letter, as the live batch does, then take the letter."""
    seen = await tx.fetchrow(_SHOW, dead_id)
    if seen is None:
        return None
    await tx.execute(_LOCK_STREAM, seen["topic"], seen["stream_key"])
    return await tx.fetchrow(_TAKE, dead_id)


async def _let_go(tx: Tx, row: Row) -> None:
    await tx.execute(_LET_GO, row["topic"], row["stream_key"])


async def _drain(tx: Tx, subscription: Subscription, stream: str | None) -> int:
    """Apply what waits behind a stream that stands free now; in turns, each bounded."""
    applied = 0
    while stream is not None and stream in await store.select_ready(tx, subscription.topic.name, stream):
        applied += (await apply(tx, subscription, [], drain=[stream])).applied
    return applied


async def _skip(tx: Tx, row: Row) -> None:
    """Put a mark where the record stood; if it never said where, let the stream go on with the first that waits."""
    topic, stream = row["topic"], row["stream_key"]
    known = (await store.lock_streams(tx, topic, [stream])).positions.get(stream, 0)
    if row["position"] is None:
        first = await tx.fetchval(_FIRST_WAITING, topic, stream)
        if first is not None and first > known + 1:
            await store.advance(tx, topic, {stream: first - 1})
    elif row["position"] > known:
        await tx.execute(_SKIP, topic, stream, row["position"], row["partition"], row["offset"])


def _arrived(row: Row, subscription: Subscription) -> Arrived:
    headers = unpack_headers(row["headers"])
    return read(Raw(row["topic"], row["partition"], row["offset"], row["key"], row["body"], headers), subscription)

"""A request sent twice takes effect once: its answer is stored in the effect's own transaction and replayed.

`once` is the whole of it: claim the key, run the effect, settle the answer, in one transaction. A refusal is
stored only if its code is among `stored`; its effects are undone by a savepoint. Any other failure rolls
everything back, the claim included, so that the same key can be tried again.

`FIND` and `KEEP` are the same for many requests in one transaction: what was decided before is read first, what is
decided now is written with its effects, and a key that somebody else took meanwhile (`KeyTaken`) undoes the whole,
which then finds it decided.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.kernel.database import Database, LockNotAvailable, Row, Tx
from shared.kernel.errors import Rejected, Transient
from shared.kernel.failpoints import failpoint

KEEP_DAYS = 7
MAX_KEY_CHARACTERS = 255
WAIT_SECONDS = 2  # for a first request that runs in another process; its transaction is bounded by the database
TURN_SECONDS = 5.0  # for one in this process: a caller's own deadline is 3 s, longer waits only fill memory


@dataclass(frozen=True, slots=True)
class Key:
    """Whose request, for which route, by which key; `body_digest` tells a repetition from another request."""

    party: str
    route: str
    key: str
    body_digest: bytes

    @property
    def row(self) -> tuple[str, str, str]:
        return self.party, self.route, self.key


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and bytes as they went out the first time; `replayed` when this is not that time."""

    status: int
    body: bytes
    replayed: bool = False


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    holders: int = 0


class Turns:
    """Requests with one key take turns inside a process, so that those that wait hold no connection."""

    def __init__(self) -> None:
        self._turns: dict[tuple[str, str, str], _Turn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    @asynccontextmanager
    async def take(self, key: Key) -> AsyncIterator[None]:
        """Wait for the requests with this key that came before; `in_progress` after `TURN_SECONDS`."""
        turn = self._turns.setdefault(key.row, _Turn())
        turn.holders += 1
        try:
            await _acquire(turn.lock)
            try:
                yield
            finally:
                turn.lock.release()
        finally:
            turn.holders -= 1
            if not turn.holders:
                del self._turns[key.row]


async def _acquire(lock: asyncio.Lock) -> None:
    try:
        await asyncio.wait_for(lock.acquire(), TURN_SECONDS)
    except TimeoutError:
        raise in_progress() from None


def in_progress() -> Rejected:
    """Refuse a request whose first one is still being decided."""
    return Rejected(
        "in_progress", "The first request with this Idempotency-Key is still running; try again.", retry_after_seconds=1
    )


def is_about_keys(error: LockNotAvailable) -> bool:
    """Whether it was a key that another transaction held for too long, and no other row."""
    return '"idempotency"' in (error.context or "")


async def once(
    db: Database,
    key: Key,
    do: Callable[[Tx], Awaitable[Answer]],
    *,
    stored: Collection[str] = (),
    refuse: Callable[[Rejected], Answer],
) -> Answer:
    """Run `do` unless it ran before with this key; `refuse` renders a refusal that is to be stored.

    Raises:
        Rejected: `in_progress`, `idempotency_key_reused`, or what `do` raises and `stored` does not list.
    """

    async def work(tx: Tx) -> Answer:
        if (known := await claim(tx, key)) is not None:
            return known
        answer = await _effect(tx, do, stored, refuse) if stored else await do(tx)
        await settle(tx, key, answer)
        return answer

    answer = await db.run(work)
    failpoint("http.before_response")
    return answer


async def _effect(
    tx: Tx, do: Callable[[Tx], Awaitable[Answer]], stored: Collection[str], refuse: Callable[[Rejected], Answer]
) -> Answer:
    await tx.execute("SAVEPOINT effect")
    try:
        return await do(tx)
    except Rejected as refusal:
        if refusal.code not in stored:
            raise
        await tx.execute("ROLLBACK TO SAVEPOINT effect")
        return refuse(refusal)


# One round trip: the wait is limited before the insert and, once it has gone in, as the role had it again. The
# limit must not stay for the effect, whose own waits are the role's business.
_INSERT = """
    WITH limits AS MATERIALIZED (
        SELECT current_setting('lock_timeout') AS before, set_config('lock_timeout', $5, true) AS now
    )
    INSERT INTO idempotency (party, route, key, body_digest)
    SELECT $1, $2, $3, $4 FROM limits
    ON CONFLICT DO NOTHING
    RETURNING (SELECT set_config('lock_timeout', before, true) FROM limits)
"""
_SELECT = """
    SELECT body_digest, status, body, created_at < now() - make_interval(days => $4) AS expired
      FROM idempotency WHERE party = $1 AND route = $2 AND key = $3
"""
_DELETE_EXPIRED = """
    DELETE FROM idempotency
     WHERE party = $1 AND route = $2 AND key = $3 AND created_at < now() - make_interval(days => $4)
"""


async def claim(tx: Tx, key: Key) -> Answer | None:
    """Take the key for this transaction; the stored answer when it was used before.

    A row older than `KEEP_DAYS` counts as unused. Waits for another transaction with the key at most `WAIT_SECONDS`.
    """
    try:
        for _ in range(2):  # the second time after an expired row was deleted, by this or another transaction
            if await tx.fetchrow(_INSERT, *key.row, key.body_digest, f"{WAIT_SECONDS}s"):
                return None
            row = await tx.fetchrow(_SELECT, *key.row, KEEP_DAYS)
            if row is not None and not row["expired"]:
                return _known(key, row)
            await tx.execute(_DELETE_EXPIRED, *key.row, KEEP_DAYS)
            await tx.execute("SET LOCAL lock_timeout TO DEFAULT")
    except LockNotAvailable:
        pass
    raise in_progress()


def _known(key: Key, row: Row) -> Answer:
    if row["body_digest"] != key.body_digest:
        raise _reused()
    assert row["status"] is not None, "a claim was committed without its answer"
    return Answer(row["status"], row["body"], replayed=True)


_SETTLE = "UPDATE idempotency SET status = $4, body = $5 WHERE party = $1 AND route = $2 AND key = $3"


async def settle(tx: Tx, key: Key, answer: Answer) -> None:
    """Store the answer beside the effect, to be replayed."""
    await tx.execute(_SETTLE, *key.row, answer.status, answer.body)


class KeyTaken(Transient):
    """Another transaction has decided a request with one of these keys since it was looked for: look again."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided under a key: `body` as it went out, or None for an answer that `subject` tells again."""

    status: int
    body: bytes | None
    subject: str | None


# Takes the columns of keys as three arrays; `place` counts from 1. LIMIT keeps it a look-up a key: a join could be
# turned round by a planner that finds the table empty, and then reads all of it a key once it has filled.
FIND = f"""
    SELECT asked.place, i.body_digest, i.status, i.body, i.subject
      FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (party, route, key, place)
     CROSS JOIN LATERAL (
           SELECT * FROM idempotency
            WHERE party = asked.party AND route = asked.route AND key = asked.key
              AND created_at >= now() - interval '{KEEP_DAYS} days' LIMIT 1) AS i
"""  # noqa: S608 - made of a constant


def decided(keys: Sequence[Key], found: Sequence[Row]) -> dict[int, Decided | Rejected]:
    """By place in `keys`, from 0: what was decided before, or `idempotency_key_reused`; `found` are rows of `FIND`."""
    return {row["place"] - 1: _decided(keys[row["place"] - 1], row) for row in found}


def _decided(key: Key, row: Row) -> Decided | Rejected:
    if row["body_digest"] != key.body_digest:
        return _reused()
    return Decided(row["status"], row["body"], row["subject"])


def _reused() -> Rejected:
    return Rejected("idempotency_key_reused", "This Idempotency-Key was used for another body; choose a new key.")


# In key order, so that two transactions never wait for each other. An expired row counts as unused; a row that is not
# returned was taken since it was looked for.
KEEP = f"""
    INSERT INTO idempotency AS i (party, route, key, body_digest, status, body, subject)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bytea[], $5::smallint[], $6::bytea[], $7::uuid[])
           AS n (party, route, key, body_digest, status, body, subject) ORDER BY party, route, key
    ON CONFLICT (party, route, key) DO UPDATE
       SET body_digest = excluded.body_digest, status = excluded.status, body = excluded.body,
           subject = excluded.subject, created_at = now()
     WHERE i.created_at < now() - interval '{KEEP_DAYS} days'
    RETURNING 1
"""  # noqa: S608 - made of a constant


def rows(decided: Sequence[tuple[Key, Decided]]) -> list[tuple[object, ...]]:
    """What `KEEP` takes."""
    return [(*key.row, key.body_digest, what.status, what.body, what.subject) for key, what in decided]


_SWEEP = """
    DELETE FROM idempotency WHERE (party, route, key) IN (
        SELECT party, route, key FROM idempotency
         WHERE created_at < now() - make_interval(days => $1) LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


async def sweep(tx: Tx, limit: int = 1_000) -> int:
    """Delete at most `limit` expired rows; returns how many: a full batch calls for another."""
    status = await tx.execute(_SWEEP, KEEP_DAYS, limit)
    return int(status.rpartition(" ")[2])

"""What is due at a moment of database time, taken by one worker and done in the transaction that took it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

import orjson
import structlog

from shared.contracts.event import Cause
from shared.kernel.database import Database, Row, Tx, columns, is_transient

BATCH = 200  # bounds one transaction; a backlog is taken in turns
POLL_SECONDS = 0.2
RETRY_SECONDS = 30.0  # a timer whose reaction fails comes back later and does not hold up the others

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Timer:
    """A due timer: `subject` names the row it is about; `cause` is what set it."""

    kind: str
    subject: str
    due_at: datetime
    attempts: int = 0
    cause: Cause = field(default_factory=Cause)


Reaction = Callable[[Tx, Sequence[Timer]], Awaitable[None]]

# Takes the columns of `row`s; in key order, so that two transactions never wait for each other.
SCHEDULE = """
    INSERT INTO timers (kind, subject, due_at, cause)
    SELECT kind, subject, now() + after, cause::jsonb
      FROM unnest($1::name[], $2::text[], $3::interval[], $4::text[]) AS s (kind, subject, after, cause)
     ORDER BY kind, subject
    ON CONFLICT (kind, subject) DO UPDATE SET due_at = excluded.due_at, attempts = 0, cause = excluded.cause
"""
_PENDING = "SELECT subject FROM timers WHERE kind = $1 AND subject = ANY($2::text[])"
# One that is firing this moment is left alone: waiting for it could be a deadlock with the row it is about, and what it
# asks for is passed over by whoever sees that row's state.
_CANCEL = """
    DELETE FROM timers t
     USING (SELECT kind, subject FROM timers
             WHERE kind = $1 AND subject = ANY($2::text[]) FOR UPDATE SKIP LOCKED) AS mine
     WHERE t.kind = mine.kind AND t.subject = mine.subject
"""
_NEXT = """
    SELECT kind FROM timers WHERE due_at <= now() AND kind = ANY($1::text[])
     ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_TAKE = "SELECT * FROM take_due_timers($1::text[], $2)"
_POSTPONE = """
    INSERT INTO timers (kind, subject, due_at, attempts, cause) VALUES ($1, $2, now() + $3::interval, $4, $5)
    ON CONFLICT (kind, subject) DO NOTHING
"""


async def schedule(tx: Tx, kind: str, subjects: Sequence[str], after_seconds: float, cause: Cause) -> None:
    """Set or move one timer a subject to `after_seconds` from now, by the database's clock."""
    await schedule_each(tx, kind, dict.fromkeys(subjects, cause), after_seconds)


async def schedule_each(tx: Tx, kind: str, causes: Mapping[str, Cause], after_seconds: float) -> None:
    """Like `schedule`, in one statement for subjects that have a cause each."""
    if causes:
        timers = [row(kind, subject, after_seconds, cause) for subject, cause in causes.items()]
        await tx.execute(SCHEDULE, *columns(timers, 4))


def row(kind: str, subject: str, after_seconds: float, cause: Cause) -> tuple[str, str, timedelta, str]:
    """A timer as `SCHEDULE` takes it."""
    return kind, subject, timedelta(seconds=after_seconds), orjson.dumps(cause).decode()


async def pending(tx: Tx, kind: str, subjects: Sequence[str]) -> set[str]:
    """Those of the subjects whose timer is set and has not fired."""
    return {row["subject"] for row in await tx.fetch(_PENDING, kind, list(subjects))}


async def cancel(tx: Tx, kind: str, subjects: Sequence[str]) -> None:
    """Take timers back; one that is gone already, or just firing, is no error."""
    await tx.execute(_CANCEL, kind, list(subjects))


async def fire_due(db: Database, reactions: Mapping[str, Reaction]) -> int:
    """Take one batch of due timers of a kind and do what they ask for; returns how many were taken.

    Of one kind, because each locks rows in an order of its own: two in one transaction could close a circle.
    """

    async def take(tx: Tx) -> int:
        kind = await tx.fetchval(_NEXT, list(reactions))
        if kind is None:
            return 0
        due = [_timer(row) for row in await tx.fetch(_TAKE, [kind], BATCH)]
        await _fire(tx, reactions[kind], due)
        return len(due)

    return await db.run(take) if reactions else 0


async def _fire(tx: Tx, react: Reaction, due: Sequence[Timer]) -> None:
    """Do a group in a savepoint; when it fails, halve it until the one that fails stands alone and is put off."""
    try:
        async with tx.transaction():
            await react(tx, due)
    except Exception as error:
        if is_transient(error):
            raise
        if len(due) > 1:
            await _fire(tx, react, due[: len(due) // 2])
            await _fire(tx, react, due[len(due) // 2 :])
            return
        (timer,) = due
        log.exception("timer failed", kind=timer.kind, subject=timer.subject, attempts=timer.attempts + 1)
        pause = timedelta(seconds=RETRY_SECONDS)
        await tx.execute(_POSTPONE, timer.kind, timer.subject, pause, timer.attempts + 1, asdict(timer.cause))


def _timer(row: Row) -> Timer:
    return Timer(row["kind"], row["subject"], row["due_at"], row["attempts"], Cause(**row["cause"]))

"""A writer: one connection, on which a batch is decided, again and again while what fails may pass by itself.

A transaction takes five round trips, most of what a lone request costs. A few requests may be decided `at_once`
instead: one look and one statement, which commits by itself if nothing has moved in between, and else leaves nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

from shared.kernel.database import LockNotAvailable, Tx, is_transient
from shared.kernel.errors import Rejected, Transient

A = TypeVar("A")
B = TypeVar("B")

PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.02, 0.5  # before the next try: a deadlock has passed, a restart takes a second
PATIENCE_MS, ALONE_MS = 1_000, 50  # waits for a lock: of a batch, and of one alone after the batch has waited
FEW = 4  # requests that are worth trying without a transaction: of more, each pays little for its round trips
AROUND_SECONDS = 1.0  # for which nobody is waited for after somebody has held a row for as long as a batch waits
CROWDED_SECONDS = 0.1  # for which nothing is tried at once after somebody else moved what it built on

log = structlog.get_logger(__name__)
Commit = Callable[[Tx, Sequence[A]], Awaitable[Sequence[B | Exception]]]
Connect = Callable[[], Awaitable[Tx]]


class Contended(Exception):
    """What was to be decided at once needs a transaction; nothing was written."""


class Held(Exception):
    """Somebody holds a row that this request needs: it is decided again soon, its neighbours are not kept waiting."""


@dataclass(slots=True)
class Writer(Generic[A, B]):
    """One connection; a fault leaves none, so that nothing is asked of a connection in doubt."""

    connect: Connect
    commit: Commit[A, B]
    at_once: Commit[A, B] | None
    around: Commit[A, B] | None
    _connection: Tx | None = None
    _crowded_until: float = 0.0  # loop time
    _around_until: float = 0.0  # loop time

    async def decide(self, asked: Sequence[A], due: float, *, alone: bool = False) -> Sequence[B | Exception]:
        """Decide in one transaction, again and again until `due` (loop time) while what fails may pass by itself.

        `alone`, after its batch has failed: it waits `ALONE_MS` for a lock, and is not tried at once.
        """
        pause = PAUSE_SECONDS
        async with asyncio.timeout_at(due):
            while True:
                try:
                    return await self._decide(asked, alone=alone)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("a batch is decided again", error=repr(error), size=len(asked))
                    if isinstance(error, LockNotAvailable):
                        self._around_until = asyncio.get_running_loop().time() + AROUND_SECONDS
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_PAUSE_SECONDS)

    async def _decide(self, asked: Sequence[A], *, alone: bool) -> Sequence[B | Exception]:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self.connect()
        connection = self._connection
        try:
            now = asyncio.get_running_loop().time()
            calm = not alone and now >= self._crowded_until
            answers = await self._at_once(connection, asked) if calm else None
            if answers is None:
                await connection.execute(f"BEGIN; SET LOCAL lock_timeout = {ALONE_MS if alone else PATIENCE_MS}")
                commit = self.around if self.around and now < self._around_until else self.commit
                answers = await commit(connection, asked)
                await connection.execute("COMMIT")
        except BaseException as error:
            await self._undo(connection, error)
            raise
        return answers

    async def _at_once(self, connection: Tx, asked: Sequence[A]) -> Sequence[B | Exception] | None:
        if self.at_once is None or len(asked) > FEW:
            return None
        try:
            return await self.at_once(connection, asked)
        except Contended:
            self._crowded_until = asyncio.get_running_loop().time() + CROWDED_SECONDS
            return None

    async def _undo(self, connection: Tx, error: BaseException) -> None:
        if isinstance(error, Rejected | Transient) and not connection.is_closed():
            await connection.execute("ROLLBACK")
        else:
            self.drop()

    def drop(self) -> None:
        """End the connection without a word to the server, which may not be listening."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

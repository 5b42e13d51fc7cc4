"""Requests that come together are committed together: one transaction, one wait for the disk, an answer each.

A few writers, each on a connection of its own, take what waits and decide it in one transaction. While they are busy
the next batch gathers by itself, so a lone request never waits for company and a crowd never waits for a lone
request's disk. What cannot be decided in time is refused with a word on when to come back, never kept.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from shared.kernel import observe
from shared.kernel.database import is_transient
from shared.kernel.errors import Rejected, Transient
from shared.kernel.failpoints import failpoint
from shared.kernel.group_commit.writer import ALONE_MS, Commit, Connect, Writer
from shared.kernel.idempotency import in_progress

A = TypeVar("A")
B = TypeVar("B")

WRITERS = 2  # while one waits for the disk the other decides; a third only makes batches smaller (decision 6)
GATHER_SECONDS = 0.01  # how long a batch grows at most while another is under way: about as long as that one takes
ENOUGH = 32  # orders that are worth a transaction beside another: what one costs PostgreSQL beyond them is then a fifth
SWEEP_SECONDS = 0.1  # how late a waiting request may learn that its time is over
BURST_SECONDS = 0.1  # of the capped rate that may come at once: requests never come evenly
SMOOTH = 0.2  # weight of the newest batch in the measured rate

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """`batch`: most in a transaction; `queue`: most that wait; `rate`: most taken in a second, 0 for no cap."""

    batch: int = 128
    queue: int = 2_048
    rate: float = 0.0
    deadline_seconds: float = 3.0


@dataclass(slots=True, eq=False)
class _Waiting(Generic[A, B]):
    asked: A
    due: float  # loop time
    answer: asyncio.Future[B]

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class _Cap:
    """A token bucket."""

    rate: float
    tokens: float = 0.0
    filled_at: float = 0.0

    def has(self, now: float) -> bool:
        self.tokens = min(self.rate * BURST_SECONDS, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        return self.tokens >= 1


@dataclass(slots=True)
class GroupCommit(Generic[A, B]):
    """`commit` gets a transaction and what was asked, and returns an answer or an exception each, in order.

    What `commit` raises undoes the whole batch: a fault that may pass runs it again, anything else runs each alone,
    so that only the one it lies in is refused with it. `at_once` gets a connection without a transaction, and answers
    as `commit` would or raises `Contended`.
    """

    connect: Connect
    commit: Commit[A, B]
    limits: Limits = field(default_factory=Limits)
    at_once: Commit[A, B] | None = None
    _pending: deque[_Waiting[A, B]] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _named: dict[object, asyncio.Future[B]] = field(default_factory=dict)
    _cap: _Cap = field(init=False)
    _rate: float = 0.0  # answers a second, as measured
    _busy: int = 0  # batches under way
    _settled: asyncio.Event = field(default_factory=asyncio.Event)  # one was done, or enough have come
    _decided_at: float = 0.0

    def __post_init__(self) -> None:
        self._cap = _Cap(self.limits.rate)

    @property
    def waiting(self) -> int:
        return len(self._pending)

    async def submit(self, asked: A, name: object) -> B:
        """The answer, once it is committed; two with one `name` are decided one after the other.

        Raises:
            Rejected: `too_many_requests` when more wait than can be answered in time, `in_progress`.
            Transient: when the deadline passed; whether it was committed is found out by asking again.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + self.limits.deadline_seconds
        if name in self._named:
            await self._after(name, due)
        self.admit()
        self._cap.tokens -= 1
        waiting = _Waiting(asked, due, loop.create_future())
        self._named[name] = waiting.answer
        self._pending.append(waiting)
        self._wake.set()
        if len(self._pending) == ENOUGH:
            self._settled.set()
        try:
            answer: B = await waiting.answer
            return answer
        finally:
            if self._named.get(name) is waiting.answer:
                del self._named[name]

    async def _after(self, name: object, due: float) -> None:
        while (first := self._named.get(name)) is not None:
            try:
                async with asyncio.timeout_at(due):
                    await asyncio.wait([first])
            except TimeoutError:
                raise in_progress() from None
            await asyncio.sleep(0)  # the first one's own task takes its name away

    def admit(self) -> None:
        """Whether one more may wait; to ask before a request is read costs a fraction of refusing it afterwards.

        Raises:
            Rejected: `too_many_requests`, with the seconds until it is worth another try.
        """
        if self.limits.rate and not self._cap.has(asyncio.get_running_loop().time()):
            raise _busy(1)
        if len(self._pending) >= self.limits.queue:
            raise _busy(max(1, math.ceil(len(self._pending) / max(self._rate, 1.0))))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writers at work while the block runs; in the end what is still waiting is decided first."""
        writers = [asyncio.create_task(self._write(), name=f"writer-{number}") for number in range(WRITERS)]
        sweeper = asyncio.create_task(self._sweep(), name="sweeper")
        try:
            yield
        finally:
            while self._named:
                await asyncio.wait([*self._named.values()])
                await asyncio.sleep(0)
            for task in (*writers, sweeper):
                task.cancel()
            await asyncio.gather(*writers, sweeper, return_exceptions=True)

    async def _sweep(self) -> None:
        """Tell those whose time is over while every writer is held up."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            observe.WAITING.set(len(self._pending))
            now = asyncio.get_running_loop().time()
            while self._pending and self._pending[0].due <= now:
                self._pending.popleft().refuse(_late())

    async def _write(self) -> None:
        writer = Writer(self.connect, self.commit, self.at_once)
        try:
            while True:
                batch = await self._take()
                self._busy += 1
                try:
                    await self._answer(writer, batch)
                except Exception as error:  # a bug of this module's: it may not end the writer
                    log.exception("a batch was left without answers", size=len(batch))
                    self._settle(batch, [error] * len(batch))
                finally:
                    self._busy -= 1
                    self._settled.set()
        finally:
            writer.drop()

    async def _take(self) -> list[_Waiting[A, B]]:
        while True:
            while not self._pending:
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(0)  # what the loop has ready joins as well
            if self._busy and len(self._pending) < ENOUGH:
                await self._gather()
            taken = [self._pending.popleft() for _ in range(min(len(self._pending), self.limits.batch))]
            if batch := [each for each in taken if not each.answer.done()]:
                return batch

    async def _gather(self) -> None:
        """While another batch is under way a small one grows: until it is worth a transaction, or the other is done."""
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while self._busy and len(self._pending) < ENOUGH:
                    await self._settled.wait()
                    self._settled.clear()

    async def _answer(self, writer: Writer[A, B], batch: Sequence[_Waiting[A, B]]) -> None:
        try:
            answers = await writer.decide([each.asked for each in batch], batch[0].due)
        except Exception as error:
            if len(batch) > 1 and not is_transient(error):
                for each in batch:
                    await self._answer_alone(writer, each)
                return
            answers = [_late() if is_transient(error) else error] * len(batch)
        failpoint("http.before_response")
        self._settle(batch, answers)

    async def _answer_alone(self, writer: Writer[A, B], one: _Waiting[A, B]) -> None:
        try:
            (answer,) = await writer.decide([one.asked], one.due, patience_ms=ALONE_MS)
        except Exception as error:
            answer = _late() if is_transient(error) else error
        self._settle([one], [answer])

    def _settle(self, batch: Sequence[_Waiting[A, B]], answers: Sequence[B | Exception]) -> None:
        for each, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Exception):
                each.refuse(answer)
            elif not each.answer.done():
                each.answer.set_result(answer)
        observe.BATCH.observe(len(batch))
        now = asyncio.get_running_loop().time()
        measured = len(batch) / max(now - self._decided_at, 1e-6)
        self._rate, self._decided_at = self._rate + SMOOTH * (measured - self._rate), now


def _busy(seconds: int) -> Rejected:
    return Rejected(
        "too_many_requests", "More requests wait than can be taken; try again.", retry_after_seconds=seconds
    )


def _late() -> Transient:
    return Transient("not decided by the deadline")

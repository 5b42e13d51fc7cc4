"""Requests that come together are committed together: one transaction, one wait for the disk, an answer each.

A few writers, each on a connection of its own, take what waits and decide it in one transaction. While they are busy
the next batch gathers by itself, so a lone request never waits for company and a crowd never waits for a lone
request's disk. What cannot be decided in time is refused with a word on when to come back, never kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Generic, TypeVar

import structlog

from shared.kernel import observe
from shared.kernel.database import is_transient
from shared.kernel.errors import Transient
from shared.kernel.failpoints import failpoint
from shared.kernel.group_commit.admission import Admission, Limits
from shared.kernel.group_commit.writer import Commit, Connect, Held, Writer
from shared.kernel.idempotency import in_progress

A = TypeVar("A")
B = TypeVar("B")

WRITERS = 2  # while one waits for the disk the other decides; a third only makes batches smaller (decision 6)
GATHER_SECONDS = 0.01  # how long a batch grows at most while another is under way: about as long as that one takes
ENOUGH = 32  # orders that are worth a transaction beside another: what one costs PostgreSQL beyond them is then a fifth
SWEEP_SECONDS = 0.1  # how late a waiting request may learn that its time is over
HELD_SECONDS = 0.05  # after which a request is decided again whose row somebody else held

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting(Generic[A, B]):
    asked: A
    due: float  # loop time
    answer: asyncio.Future[B]

    def refuse(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(slots=True)
class GroupCommit(Generic[A, B]):
    """`commit` gets a transaction and what was asked, and returns an answer or an exception each, in order.

    What `commit` raises undoes the whole batch: a fault that may pass runs it again, anything else runs each alone,
    so that only the one it lies in is refused with it. `at_once` gets a connection without a transaction, and answers
    as `commit` would or raises `Contended`. `around` answers as `commit` would, without waiting for rows that others
    hold: who needs one is answered `Held`, and decided again soon.
    """

    connect: Connect
    commit: Commit[A, B]
    limits: Limits = field(default_factory=Limits)
    at_once: Commit[A, B] | None = None
    around: Commit[A, B] | None = None
    _pending: deque[_Waiting[A, B]] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _named: dict[object, asyncio.Future[B]] = field(default_factory=dict)
    _admission: Admission = field(init=False)
    _under_way: list[Sequence[_Waiting[A, B]]] = field(default_factory=list)
    _settled: asyncio.Event = field(default_factory=asyncio.Event)  # one was done, or enough have come

    def __post_init__(self) -> None:
        self._admission = Admission(self.limits)

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
        self._admission.count()
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
        self._admission.admit(len(self._named), len(self._pending), asyncio.get_running_loop().time())

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
        """Tell those whose time is over, whether they wait or are being decided."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            observe.WAITING.set(len(self._pending))
            now = asyncio.get_running_loop().time()
            for each in chain(self._pending, *self._under_way):
                if each.due <= now:
                    each.refuse(_late())
            while self._pending and self._pending[0].answer.done():
                self._pending.popleft()

    async def _write(self) -> None:
        writer = Writer(self.connect, self.commit, self.at_once, self.around)
        try:
            while True:
                batch = await self._take()
                self._under_way.append(batch)
                try:
                    await self._answer(writer, batch)
                except Exception as error:  # a bug of this module's: it may not end the writer
                    log.exception("a batch was left without answers", size=len(batch))
                    self._settle(batch, [error] * len(batch))
                finally:
                    self._under_way.remove(batch)
                    self._settled.set()
        finally:
            writer.drop()

    async def _take(self) -> list[_Waiting[A, B]]:
        while True:
            while not self._pending:
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(0)  # what the loop has ready joins as well
            if self._under_way and len(self._pending) < ENOUGH:
                await self._gather()
            if batch := list(islice(self._in_time(), self.limits.batch)):
                return batch

    def _in_time(self) -> Iterator[_Waiting[A, B]]:
        """Those that wait, in the order they came; whose time is over is told so."""
        now = asyncio.get_running_loop().time()
        while self._pending:
            each = self._pending.popleft()
            if each.due <= now:
                each.refuse(_late())
            if not each.answer.done():
                yield each

    async def _gather(self) -> None:
        """While another batch is under way a small one grows: until it is worth a transaction, or the other is done."""
        self._settled.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                while self._under_way and len(self._pending) < ENOUGH:
                    await self._settled.wait()
                    self._settled.clear()

    async def _answer(self, writer: Writer[A, B], batch: Sequence[_Waiting[A, B]]) -> None:
        try:
            # A whole deadline, whatever is left of theirs: the sweeper tells them. A batch that is given up because
            # some had waited long has cost as much as another, and those behind it then wait even longer.
            due = asyncio.get_running_loop().time() + self.limits.deadline_seconds
            answers = await writer.decide([each.asked for each in batch], due)
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
            (answer,) = await writer.decide([one.asked], one.due, alone=True)
        except Exception as error:
            answer = _late() if is_transient(error) else error
        self._settle([one], [answer])

    def _settle(self, batch: Sequence[_Waiting[A, B]], answers: Sequence[B | Exception]) -> None:
        loop, decided = asyncio.get_running_loop(), 0
        for each, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Held):
                loop.call_later(HELD_SECONDS, self._again, each)
                continue
            decided += not isinstance(answer, Transient)
            if isinstance(answer, Exception):
                each.refuse(answer)
            elif not each.answer.done():
                each.answer.set_result(answer)
        observe.BATCH.observe(len(batch))
        self._admission.decided(decided, len(self._pending), loop.time())

    def _again(self, held: _Waiting[A, B]) -> None:
        self._pending.append(held)
        self._wake.set()


def _late() -> Transient:
    return Transient("not decided by the deadline")

"""HTTP/1.1 as cheaply as Python allows: a load test shares the machine's cores with what it measures.

Requests are bytes made before; answers are looked at for status, `content-length` and `retry-after` only. Run it on
uvloop (`uvloop.run`), from one thread.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import cycle, islice
from typing import Any, Final, Self
from urllib.parse import urlsplit

from load.connection import CONNECT_SECONDS, Address, Connection
from load.run import UNKNOWN, Run, Shot, Shown

__all__ = ["UNKNOWN", "Address", "Run", "Shot", "Shown", "Sink", "address_of", "closed_loop", "open_loop"]

TIMEOUT_SECONDS: Final = 10.0  # a service ends each call by its own deadline of 3 s
SWEEP_SECONDS: Final = 0.2  # how late a timeout may be noticed
TICK_SECONDS: Final = 0.001  # uvloop's clock has no finer step
LOOK_SECONDS: Final = 0.01  # between two looks whether all is over; each costs 30 µs
RETRY_SECONDS: Final = 1.0  # before the next attempt when the answer named no time, or never came
YIELD_SHOTS: Final = 64  # between two looks at answers when it is behind: some 0.5 ms of sending
AGAIN: Final = frozenset((UNKNOWN, 429, 503))  # worth another attempt with the same key

Sink = Callable[[Shown], None]


def address_of(url: str) -> Address:
    """`http://127.0.0.1:8103` as (host, port).

    Raises:
        ValueError: it is anything else; one sentence.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError as error:
        raise ValueError(f"{url!r} is no address: {error}") from None
    if parts.scheme != "http" or not parts.hostname or url.rstrip("/") != f"http://{parts.netloc}" or "@" in url:
        raise ValueError(f"{url!r} is no http://host:port: a load test speaks plain HTTP, straight to the processes")
    return parts.hostname, port


async def closed_loop(
    addresses: Sequence[Address],
    shots: Iterator[Shot],
    *,
    connections: int,
    seconds: float | None = None,
    count: int | None = None,
    sink: Sink | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> Run:
    """Each connection sends the next shot when it has its answer, until time, count or shots are over."""
    async with _Pool(addresses, connections, timeout, sink) as pool:
        line = pool.line = _Line(islice(shots, count), time.monotonic() + seconds if seconds else float("inf"))
        pool.start()
        # A server that is away for long ends it as well: nothing under way, and nothing that ends any more.
        while pool.under_way or (line.more and time.monotonic() < min(line.until, pool.ended + 2 * timeout)):
            await asyncio.sleep(LOOK_SECONDS)
        return pool.run()


async def open_loop(
    addresses: Sequence[Address],
    shots: Iterator[Shot],
    *,
    rate: float,
    seconds: float,
    connections: int,
    sink: Sink | None = None,
    timeout: float = TIMEOUT_SECONDS,
    retry: bool = False,
) -> Run:
    """`rate` shots a second fall due whatever the answers do; what finds no free connection waits, and that counts.

    With `retry` a 429, a 503 and an unknown outcome are sent again, the same bytes, after their Retry-After, as long as
    the run lasts; the latency counts from the first due time. The end is awaited `timeout` seconds more; what is under
    way then counts as an unknown outcome. It ends early when there are no more shots.
    """
    async with _Pool(addresses, connections, timeout, sink) as pool:
        pool.start()
        pool.retry_until = pool.began + seconds if retry else 0.0
        for place, shot in enumerate(islice(shots, round(rate * seconds))):
            due_at = pool.began + place / rate
            if place % YIELD_SHOTS == 0:
                await asyncio.sleep(0)
            while (wait := due_at - time.monotonic()) > 0:
                await asyncio.sleep(max(wait, TICK_SECONDS))
            pool.due += 1
            pool.fire(shot, due_at)
        pool.all_due()
        give_up = time.monotonic() + timeout
        while pool.under_way + pool.unsent and time.monotonic() < give_up:
            await asyncio.sleep(LOOK_SECONDS)
        pool.give_up()
        return pool.run()


class _Queue:
    """Shots that are due and found no free connection; bounded by the run itself: rate times seconds."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Shot, float]] = deque()

    def take(self) -> tuple[Shot, float] | None:
        return self.waiting.popleft() if self.waiting else None


class _Line:
    """Shots that fall due when a connection is free."""

    def __init__(self, shots: Iterator[Shot], until: float) -> None:
        self.shots = shots
        self.until = until
        self.more = True

    def take(self) -> tuple[Shot, float] | None:
        now = time.monotonic()
        shot = next(self.shots, None) if now < self.until else None
        self.more = shot is not None
        return (shot, now) if shot else None


class _Pool:
    """The connections, what waits for one of them, and what was answered."""

    def __init__(self, addresses: Sequence[Address], connections: int, timeout: float, sink: Sink | None) -> None:
        self.timeout = timeout
        self.sink = sink
        self.connections = [Connection(self, address) for address in islice(cycle(addresses), connections)]
        self.free: deque[Connection] = deque()
        self.queue = _Queue()
        self.line: _Line | _Queue = self.queue
        self.under_way = 0
        self.sent = self.due = self.standing = 0
        self.busy = 0.0
        self.coming_back = 0  # refused for now, to be sent again
        self.retry_until = 0.0
        self.taken: dict[int, array[float]] = {}
        self.open, self.started = True, False
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await asyncio.wait([self._dial(each) for each in self.connections], timeout=min(CONNECT_SECONDS, self.timeout))
        if not self.free:
            self._close()
            where = sorted({f"{host}:{port}" for host, port in (each.address for each in self.connections)})
            raise ConnectionRefusedError(f"nobody answers at {', '.join(where)}")
        self._keep(self._sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    def start(self) -> None:
        """Start the clock and let the connections that stand begin."""
        self.began = self.ended = time.monotonic()
        self._cpu = time.process_time()
        self.started = True
        standing, self.free = self.free, deque()
        self.standing = len(standing)
        for connection in standing:
            self.freed(connection)

    def run(self) -> Run:
        """What was found until now."""
        seconds = max(self.ended - self.began, 1e-9)
        return Run(
            self.taken,
            seconds,
            time.process_time() - self._cpu,
            unsent=self.unsent,
            sent=self.sent,
            due=self.due,
            standing=self.standing,
            began=self.began,
            busy=self.busy,
        )

    def all_due(self) -> None:
        """Nothing more falls due: how busy was the client until now?"""
        self.busy = (time.process_time() - self._cpu) / max(time.monotonic() - self.began, 1e-9)

    def give_up(self) -> None:
        """End what is still under way, as an unknown outcome."""
        self.open = False
        for connection in self.connections:
            connection.give_up()

    @property
    def unsent(self) -> int:
        return len(self.queue.waiting) + self.coming_back

    def _dial(self, connection: Connection) -> asyncio.Task[None]:
        return self._keep(connection.dial())

    def fire(self, shot: Shot, due_at: float) -> None:
        """Send now, or wait for a connection."""
        if self.free:
            self._send(self.free.popleft(), shot, due_at)
        else:
            self.queue.waiting.append((shot, due_at))

    def freed(self, connection: Connection) -> None:
        """A connection can send: what is next, or it rests."""
        due = self.line.take() if self.started else None
        if due:
            self._send(connection, *due)
        else:
            self.free.append(connection)

    def _send(self, connection: Connection, shot: Shot, due_at: float) -> None:
        self.under_way += 1
        self.sent += 1
        connection.send(shot, due_at)

    def lost(self, connection: Connection) -> None:
        """It is of no use until it has dialed again."""
        if connection in self.free:
            self.free.remove(connection)
        if self.open:
            self._dial(connection)

    def note(self, shot: Shot, shown: Shown) -> None:
        """A shot has come to an end, good or bad."""
        self.under_way -= 1
        self.ended = shown.answered_at
        taken = self.taken.get(shown.status)
        if taken is None:
            taken = self.taken[shown.status] = array("d")
        taken.append(shown.answered_at - shown.due_at)
        if shown.status in AGAIN and shown.answered_at < self.retry_until:
            self.coming_back += 1
            wait = RETRY_SECONDS if shown.retry_after is None else shown.retry_after
            asyncio.get_running_loop().call_later(wait, self._come_back, shot, shown.due_at)
        if self.sink:
            self.sink(shown)

    def _come_back(self, shot: Shot, due_at: float) -> None:
        self.coming_back -= 1
        if self.open:
            self.fire(shot, due_at)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _sweep(self) -> None:
        """Give up what is under way for too long; its connection is of no more use either."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            late = time.monotonic() - self.timeout
            for connection in self.connections:
                if connection.shot and connection.sent_at < late:
                    connection.abort()

    def _close(self) -> None:
        self.open = False
        for task in self._tasks:
            task.cancel()
        for connection in self.connections:
            connection.abort()

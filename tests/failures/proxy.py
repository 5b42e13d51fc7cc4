"""A TCP proxy of our own on loopback: what passes it can be slowed down, swallowed, or refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.embedded.process import LOOPBACK

CHUNK_BYTES = 64 * 1024


@dataclass(slots=True, eq=False)
class Connection:
    """One client's connection; once it is `black` nothing passes it any more, and neither side hears why."""

    ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    black: bool = False

    def cut(self) -> None:
        """End both sides, without a goodbye."""
        for each in self.ends:
            each.transport.abort()


@dataclass(slots=True)
class Proxy:
    """Passes bytes between its own port and `target`; each direction keeps its order under any delay."""

    target: int
    chance: random.Random
    latency_seconds: float = 0.0  # of each direction
    jitter_seconds: float = 0.0  # up to so much more or less
    swallows: bool = False  # new connections are black from the start
    refuses: bool = False  # new connections are closed at once
    connections: set[Connection] = field(default_factory=set)
    port: int = 0
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        """On a port of its own until the block ends."""
        server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._serving)

    def cut(self) -> None:
        """End every connection there is."""
        for each in list(self.connections):
            each.cut()

    def blacken(self, number: int | None = None) -> int:
        """Swallow what passes these connections from now on, chosen by the seed, or all; returns how many."""
        open_ones = [each for each in self.connections if not each.black]
        chosen = open_ones if number is None else self.chance.sample(open_ones, min(number, len(open_ones)))
        for each in chosen:
            each.black = True
        return len(chosen)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.transport.abort()
            return
        server_reader, server_writer = await asyncio.open_connection(LOOPBACK, self.target)
        connection = Connection((writer, server_writer), black=self.swallows)
        self.connections.add(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass(connection, reader, server_writer))
                both.create_task(self._pass(connection, server_reader, writer))
        except* OSError:  # an end broke off: so does the other
            pass
        finally:
            self.connections.discard(connection)
            connection.cut()

    async def _pass(self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction: reading goes on while an earlier chunk is delayed; of a black one's end nobody hears."""
        loop = asyncio.get_running_loop()
        line: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        due = 0.0
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(_deliver(line, writer))
            while chunk := await reader.read(CHUNK_BYTES):
                if not connection.black:
                    due = max(due, loop.time() + self._delay())
                    line.put_nowait((due, chunk))
            if connection.black:
                sending.cancel()
            else:
                line.put_nowait((due, b""))

    def _delay(self) -> float:
        return max(0.0, self.latency_seconds + self.chance.uniform(-self.jitter_seconds, self.jitter_seconds))


async def _deliver(line: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    """Send each chunk when it is due; an empty one ends the connection."""
    loop = asyncio.get_running_loop()
    while True:
        due, chunk = await line.get()
        if due > loop.time():
            await asyncio.sleep(due - loop.time())
        if not chunk:
            writer.close()
            return
        writer.write(chunk)
        await writer.drain()

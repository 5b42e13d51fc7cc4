"""What a fault test stands on: servers of its own, the pair's processes, and the check at the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres
from shared.embedded.process import free_port
from shared.kernel.database import Database
from shared.kernel.kafka import apply_topics, read_all
from shared.kernel.migrate import migrate
from shared.kernel.tests import mill
from tests.failures import process

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 15.0


class Failed(Exception):
    """A fault showed something that must not be: its text says what."""


def require(truth: bool, otherwise: str) -> None:
    """End the fault test when a promise is broken."""
    if not truth:
        raise Failed(otherwise)


@dataclass(slots=True)
class Process:
    """One process of the pair, restarted by whoever watches it."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    popen: subprocess.Popen[bytes] | None = None

    def start(self, **extra: str) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "tests.failures.process", *self.arguments]
            self.popen = subprocess.Popen(
                command, stdout=log, stderr=log, env={**os.environ, **self.environment, **extra}, cwd=ROOT
            )

    def send(self, number: signal.Signals) -> None:
        assert self.popen is not None
        self.popen.send_signal(number)

    def died(self) -> int | None:
        """The exit code, once it has ended."""
        assert self.popen is not None
        return self.popen.poll()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.popen is None or self.popen.poll() is not None:
            return
        self.send(number)
        try:
            await asyncio.to_thread(self.popen.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


@dataclass(slots=True)
class Pair:
    """A meter and a gauge with schemas, topics and processes of their own."""

    name: str
    dsn: str
    kafka: Kafka
    folder: Path
    meter: Database
    gauge: Database
    processes: list[Process] = field(default_factory=list)

    def process(self, kind: str, *arguments: str, **environment: str) -> Process:
        """A process of this pair, not started yet."""
        given = {"MILL_TOPICS": self.name, "PYTHONPATH": str(ROOT), **environment}
        made = Process((kind, *arguments), given, self.folder / f"{self.name}-{kind}-{len(self.processes)}.log")
        self.processes.append(made)
        return made

    def relay(self, **environment: str) -> Process:
        return self.process("relay", self.dsn, "meter", self.kafka.bootstrap, **environment)

    def worker(self, **environment: str) -> Process:
        return self.process("worker", self.dsn, "gauge", self.kafka.bootstrap, **environment)

    async def close(self) -> None:
        for one in self.processes:
            await one.stop()
        await self.meter.close()
        await self.gauge.close()


class Rig:
    """One PostgreSQL and one Kafka for all fault tests of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", free_port())
        self.kafka = Kafka(folder / "kafka", free_port(), free_port())

    @asynccontextmanager
    async def pair(self, name: str) -> AsyncIterator[Pair]:
        """A fresh meter and gauge in a database of their own."""
        connection = await asyncpg.connect(self.postgres.dsn())
        await connection.execute(f'CREATE DATABASE "{name}"')
        await connection.close()
        dsn = self.postgres.dsn(database=name)
        for schema in ("meter", "gauge"):
            await _make_schema(dsn, schema)
        process.use_topics(name)
        await apply_topics(self.kafka.bootstrap, [mill.Counted.topic, mill.TotalChanged.topic])
        meter, gauge = await Database.open(dsn, "meter"), await Database.open(dsn, "gauge")
        pair = Pair(name, dsn, self.kafka, self.folder, meter, gauge)
        try:
            yield pair
        finally:
            await pair.close()


async def _make_schema(dsn: str, schema: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(f'CREATE SCHEMA "{schema}"')
    await connection.close()
    await migrate(dsn, schema)
    db = await Database.open(dsn, schema)
    await db.pool.execute(mill.TABLES)
    await db.close()


@contextlib.contextmanager
def rig() -> Iterator[Rig]:
    """Servers in a folder of their own; what the processes said stays there."""
    folder = Path(tempfile.mkdtemp(prefix="wanpu-faults-"))
    made = Rig(folder)
    made.postgres.start()
    made.kafka.start()
    try:
        yield made
    finally:
        made.kafka.stop()
        made.postgres.remove()
        shutil.rmtree(made.kafka.data, ignore_errors=True)
        print(f"logs of the processes: {folder}")


async def until(what: str, condition: Callable[[], Awaitable[bool]], seconds: float) -> float:
    """Wait for what must come true and say after how many seconds it did."""
    began = time.monotonic()
    while not await condition():
        require(time.monotonic() - began < seconds, f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def is_empty(db: Database, table: str) -> bool:
    return not await db.pool.fetchval(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608  our own tables


async def caught_up(pair: Pair) -> bool:
    """Everything the meter told has taken effect at the gauge and gone out from it."""
    told = await pair.meter.pool.fetchval("SELECT coalesce(sum(events), 0) FROM meters")
    applied = await pair.gauge.pool.fetchval("SELECT count(*) FROM history")
    return bool(told <= applied) and await is_empty(pair.meter, "outbox") and await is_empty(pair.gauge, "outbox")


@dataclass(slots=True)
class Found:
    """What lies in a topic: by stream the positions in the order first seen, and how many copies came again."""

    streams: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    copies: int = 0


async def read_topic(bootstrap: str, topic: str) -> Found:
    """Read a topic from its first record to its last."""
    found, seen = Found(), set[bytes]()
    async for record in read_all(bootstrap, [topic]):
        headers = dict(record.headers)
        if headers["ce_id"] in seen:
            found.copies += 1
            continue
        seen.add(headers["ce_id"])
        found.streams[record.key.decode()].append(int(headers["ce_aggregateversion"]))
    return found


async def reconcile(pair: Pair) -> Found:
    """Invariants 2, 3, 4, 7 and 8 for the pair; returns what lies in the meter's topic."""
    committed = {r["meter_id"]: r for r in await pair.meter.pool.fetch("SELECT * FROM meters")}
    found = await read_topic(pair.kafka.bootstrap, mill.Counted.topic.name)
    _require_whole("meter.readings", found, {key: row["events"] for key, row in committed.items()})
    totals = {r["meter_id"]: r for r in await pair.gauge.pool.fetch("SELECT * FROM totals")}
    wrong = [key for key, row in committed.items() if key not in totals or totals[key]["total"] != row["total"]]
    require(not wrong, f"{len(wrong)} meters' sums differ at the gauge, such as {wrong[:3]}")
    history: dict[str, list[int]] = defaultdict(list)
    for row in await pair.gauge.pool.fetch("SELECT meter_id, position FROM history ORDER BY id"):
        history[row["meter_id"]].append(row["position"])
    for key, row in committed.items():
        require(history[key] == list(range(1, row["events"] + 1)), f"{key} took effect out of order or twice")
    follow_ups = await read_topic(pair.kafka.bootstrap, mill.TotalChanged.topic.name)
    _require_whole("gauge.totals", follow_ups, {key: row["events"] for key, row in totals.items()})
    for db, table in ((pair.meter, "outbox"), (pair.gauge, "outbox"), (pair.gauge, "waiting"), (pair.gauge, "parked")):
        require(await is_empty(db, table), f"{db.schema}.{table} is not empty after quiet")
    return found


def _require_whole(topic: str, found: Found, committed: Mapping[str, int]) -> None:
    for key, events in committed.items():
        seen = found.streams.get(key, [])
        require(seen == list(range(1, events + 1)), f"{topic} {key}: {events} committed, first seen as {seen[:20]} …")
    extra = found.streams.keys() - committed.keys()
    require(not extra, f"{topic}: streams without a committed row: {sorted(extra)[:3]}")

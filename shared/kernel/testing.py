"""Test fixtures: one real PostgreSQL and one real Kafka for a whole run, a fresh database for each test."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import asyncpg
import pytest

from shared.contracts.event import Cause, Envelope, Event
from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres
from shared.embedded.process import free_port
from shared.kernel.database import Database
from shared.kernel.ids import new_id
from shared.kernel.migrate import migrate

E = TypeVar("E", bound=Event)
T = TypeVar("T")
MakeDatabase = Callable[..., Awaitable[Database]]

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2**30  # a run takes 160 MB of it
PATIENCE_SECONDS, POLL_SECONDS = 30.0, 0.02

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The run's PostgreSQL; it need not survive the machine, so it does not wait for the disk."""
    with _in_memory(tmp_path_factory.mktemp("postgres")) as folder:
        server = Postgres(folder / "data", free_port())
        server.start()
        asyncio.run(_stop_waiting_for_the_disk(server.dsn()))
        yield server
        server.remove()


@contextmanager
def _in_memory(otherwise: Path) -> Iterator[Path]:
    """A folder in memory where there is plenty: a database's 350 files took a disk 0.5 s to make, and memory 0.03."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM_BYTES:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="wanpu-test-", dir=MEMORY) as made:
        folder = Path(made)
        folder.chmod(0o755)  # the server runs as a user of its own
        yield folder


async def _stop_waiting_for_the_disk(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        await connection.execute(f"ALTER SYSTEM SET {setting} = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The run's broker; tests keep apart by topics of their own."""
    broker = Kafka(tmp_path_factory.mktemp("kafka") / "data", free_port(), free_port())
    broker.start()
    yield broker
    broker.stop()


@dataclass(frozen=True, slots=True)
class Templates:
    """Databases with a service's migrations applied, made once a run and copied for each test."""

    postgres: Postgres
    made: dict[tuple[str, Path | None], str]

    async def copy(self, service: str, migrations: Path | None) -> str:
        """Make a database from the template and return its DSN."""
        template = self.made.get((service, migrations)) or await self._make(service, migrations)
        name = f"test_{next(_numbers)}"
        await self._execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.postgres.dsn(database=name)

    async def drop(self, dsn: str) -> None:
        """Drop a test's database, also with connections left on it."""
        await self._execute(f'DROP DATABASE "{dsn.rpartition("/")[2]}" WITH (FORCE)')

    async def _make(self, service: str, migrations: Path | None) -> str:
        name = self.made[service, migrations] = f"template_{service}_{len(self.made)}"
        await self._execute(f'CREATE DATABASE "{name}"')
        dsn = self.postgres.dsn(database=name)
        await self._execute(f'CREATE SCHEMA "{service}"', dsn)
        await migrate(dsn, service, migrations)
        return name

    async def _execute(self, statement: str, dsn: str | None = None) -> None:
        connection = await asyncpg.connect(dsn or self.postgres.dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def templates(postgres: Postgres) -> Templates:
    return Templates(postgres, {})


@pytest.fixture
async def make_database(templates: Templates) -> AsyncIterator[MakeDatabase]:
    """`await make_database("orders")`: a database of the test's own, with that service's schema in it."""
    opened: list[tuple[Database, str]] = []

    async def make(service: str, *, migrations: Path | None = None, size: int = 8) -> Database:
        dsn = await templates.copy(service, migrations)
        db = await Database.open(dsn, service, size=size)
        opened.append((db, dsn))
        return db

    yield make
    for db, dsn in opened:
        await db.close()
        await templates.drop(dsn)


async def until(look: Callable[[], Awaitable[T]], seconds: float = PATIENCE_SECONDS) -> T:
    """What is found, looked for again and again; `TimeoutError` when that is nothing for so long."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):
            await asyncio.sleep(POLL_SECONDS)
    return found


def as_received(event: E, position: int = 1, *, event_id: str | None = None, cause: Cause | None = None) -> E:
    """An event as a reaction gets it: with the headers it would have arrived with."""
    return event.received(Envelope(event_id or new_id(), datetime.now(UTC), "test", position, cause or Cause()))

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

from shared.embedded.postgres import Postgres
from shared.kernel import database
from shared.kernel.delivery import Router
from shared.kernel.delivery.batch import Raw
from shared.kernel.migrate import migrate
from wanpu.layout import SERVICES
from wanpu.reconcile.check import CHECKS, load_routers
from wanpu.reconcile.finding import Finding, World
from wanpu.reconcile.history import History
from wanpu.reconcile.kept import Kept
from wanpu.reconcile.tests import sound
from wanpu.reconcile.told import Told


@pytest.fixture(scope="session")
def routers() -> dict[str, Router]:
    return load_routers()


@pytest.fixture(scope="session")
async def dsn(postgres: Postgres, routers: dict[str, Router]) -> str:
    """A database with all four schemas and the sound world in it."""
    admin = await database.connect(postgres.dsn(), "public", "tests")
    await admin.execute("CREATE DATABASE sound")
    await admin.close()
    dsn = postgres.dsn(database="sound")
    connection = await database.connect(dsn, "public", "tests")
    for service in SERVICES:
        await connection.execute(f"CREATE SCHEMA {service}")
        await migrate(dsn, service)
    await connection.execute("SET session_replication_role = replica; " + sound.TABLES)
    told = fold(sound.events())
    for service, router in routers.items():
        for topic, key in told.ids:
            if topic in router.subscriptions:
                position = told.last((topic, key))
                await connection.execute(sound.DONE.replace("{service}", service), topic, key, position)
    await connection.close()
    return dsn


@pytest.fixture
async def world(dsn: str) -> AsyncIterator[Kept]:
    """The sound world, and whatever a test plants in it for itself; past all guards, as a bug would leave it."""
    connection = await database.connect(dsn, "public", "tests")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("SET LOCAL session_replication_role = replica")
    yield Kept(connection, SERVICES)
    await transaction.rollback()
    await connection.close()


def fold(records: list[Raw], wanted: set[tuple[str, int, int]] | None = None) -> Told:
    told = Told(wanted or set())
    for record in records:
        told.take(record, sound.BY_NAME[record.topic])
    return told


class Look(Protocol):
    """Runs all checks over a database and records; the answers by name."""

    async def __call__(
        self,
        records: list[Raw],
        *,
        plant: str = "SELECT",
        history: History | None = None,
        behind: dict[str, int] | None = None,
    ) -> dict[str, Finding]: ...


@pytest.fixture
def look(world: Kept, routers: dict[str, Router]) -> Look:
    async def run(
        records: list[Raw],
        *,
        plant: str = "SELECT",
        history: History | None = None,
        behind: dict[str, int] | None = None,
    ) -> dict[str, Finding]:
        await world.tx.execute(plant)
        gone = [service for service in SERVICES if f"DROP SCHEMA {service}" in plant]
        kept = Kept(world.tx, tuple(service for service in SERVICES if service not in gone))
        parked = {(row["topic"], row["partition"], row["offset"]) for row in await kept.parked()}
        seen = World(kept, fold(records, parked), routers, behind or {}, history)
        return {answer.name: answer for answer in [await check(seen) for check in CHECKS]}

    return run

"""A database that falls silent, behind a proxy of our own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from shared.embedded.postgres import Postgres
from shared.embedded.process import LOOPBACK
from shared.kernel.database import COMMAND_SECONDS, Database
from tests.failures.proxy import Proxy

SHORT_SECONDS = 0.2
LONG_SECONDS = COMMAND_SECONDS / 2  # who waited for the silent connection would wait longer
ONE = "SELECT 1"


@pytest.fixture
async def proxy(postgres: Postgres) -> AsyncIterator[Proxy]:
    async with Proxy(postgres.port, random.Random(1)).listening() as listening:
        yield listening


@pytest.fixture
async def db(postgres: Postgres, proxy: Proxy) -> AsyncIterator[Database]:
    """A pool of one connection, so that a lost place is missed."""
    dsn = urlsplit(postgres.dsn())
    at_proxy = dsn._replace(netloc=f"{dsn.username}:{dsn.password}@{LOOPBACK}:{proxy.port}").geturl()
    db = await Database.open(at_proxy, "public", size=1)
    yield db
    await db.close()


async def ask(db: Database) -> object:
    async with db.transaction() as tx:
        return await tx.fetchval(ONE)


async def test_what_passes_the_proxy_is_whole(db: Database, proxy: Proxy) -> None:
    proxy.jitter_seconds = 0.001
    async with db.transaction() as tx:
        assert await tx.fetchval("SELECT repeat('x', 1000000)") == "x" * 1_000_000


async def test_a_connection_that_falls_silent_is_given_up_and_the_next_request_has_a_new_one(
    db: Database, proxy: Proxy
) -> None:
    assert await ask(db) == 1
    assert proxy.blacken() == 1
    async with asyncio.timeout(LONG_SECONDS):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(SHORT_SECONDS):
                await ask(db)
        assert await ask(db) == 1


async def test_a_request_that_is_cancelled_in_the_middle_of_its_work_leaves_its_place_to_others(db: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(SHORT_SECONDS), db.transaction() as tx:
            await tx.execute("SELECT pg_sleep(60)")
    assert await ask(db) == 1


async def test_a_connection_that_was_cut_is_replaced(db: Database, proxy: Proxy) -> None:
    with pytest.raises(Exception, match="connection was closed"):
        async with db.transaction() as tx:
            proxy.cut()
            await tx.fetchval(ONE)
    assert await ask(db) == 1

"""The pair of small services that the kernel's tests watch, and the schema of the edge's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.kernel.database import Database
from shared.kernel.testing import MakeDatabase
from shared.kernel.tests import mill
from shared.kernel.tests.edge_fixtures import SCHEMA


@pytest.fixture
async def gauge(make_database: MakeDatabase) -> AsyncIterator[Database]:
    db = await make_database("gauge")
    await db.pool.execute(mill.TABLES)
    yield db


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    """The schema of the edge's tests, with one table of its own."""
    made = await make_database(SCHEMA)
    await made.pool.execute("CREATE TABLE shelves (label text)")
    return made


@pytest.fixture
async def meter(make_database: MakeDatabase) -> AsyncIterator[Database]:
    db = await make_database("meter")
    await db.pool.execute(mill.TABLES)
    yield db

"""The pair of small services that the kernel's tests watch."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.kernel.database import Database
from shared.kernel.testing import MakeDatabase
from shared.kernel.tests import mill


@pytest.fixture
async def gauge(make_database: MakeDatabase) -> AsyncIterator[Database]:
    db = await make_database("gauge")
    await db.pool.execute(mill.TABLES)
    yield db


@pytest.fixture
async def meter(make_database: MakeDatabase) -> AsyncIterator[Database]:
    db = await make_database("meter")
    await db.pool.execute(mill.TABLES)
    yield db

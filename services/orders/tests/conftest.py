"""Orders' own database, and a market in it."""

from __future__ import annotations

import pytest

from services.orders.tests.market import Market
from shared.kernel.database import Database
from shared.kernel.testing import MakeDatabase


@pytest.fixture
async def orders(make_database: MakeDatabase) -> Database:
    return await make_database("orders")


@pytest.fixture
async def market(orders: Database) -> Market:
    return Market(orders)

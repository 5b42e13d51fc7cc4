"""Orders' own database, and a market in it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.orders.tests.journey import Edge, Journey, open_edge
from services.orders.tests.market import Market
from shared.kernel.database import Database
from shared.kernel.testing import MakeDatabase


@pytest.fixture
async def orders(make_database: MakeDatabase) -> Database:
    return await make_database("orders")


@pytest.fixture
async def market(orders: Database) -> Market:
    return Market(orders)


@pytest.fixture
async def journey(market: Market) -> Journey:
    return Journey(market)


@pytest.fixture
async def edge(orders: Database) -> AsyncIterator[Edge]:
    async with open_edge(orders) as opened:
        yield opened

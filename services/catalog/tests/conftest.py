"""The catalog behind its real edge, on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.catalog import main
from services.catalog.settings import Settings
from services.catalog.tests.world import NOTICE_SECONDS, PUBLIC, Caller, Shop, World, product_body, supplier_body
from shared.kernel.database import Database


@pytest.fixture
async def world(make_database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[World]:
    db = await make_database("catalog")
    settings = Settings(token_public_key=PUBLIC, notice_seconds=NOTICE_SECONDS)
    transport = httpx.ASGITransport(main.build_api(settings, db))
    async with httpx.AsyncClient(transport=transport, base_url="http://catalog") as http:
        yield World(http, db)


@pytest.fixture
def operator(world: World) -> Caller:
    return world.caller("operator", "op-1")


@pytest.fixture
def open_shop(world: World, operator: Caller) -> Callable[..., Awaitable[Shop]]:
    """`await open_shop(kinds=["service"])`: a supplier with those settings and a draft of its first kind."""

    async def make(**changed: Any) -> Shop:
        supplier_id = (await operator.made("/suppliers", supplier_body(**changed)))["supplier_id"]
        owner = world.caller("supplier", supplier_id)
        kind = changed.get("kinds", ["good"])[0]
        product = await owner.made("/products", product_body(supplier_id, kind=kind))
        first, second = (variant["variant_id"] for variant in product["variants"])
        return Shop(supplier_id, product["product_id"], (first, second), owner)

    return make


@pytest.fixture
async def shop(open_shop: Callable[..., Awaitable[Shop]]) -> Shop:
    return await open_shop()


@pytest.fixture
async def stranger(world: World, operator: Caller) -> Caller:
    """Another supplier."""
    other = await operator.made("/suppliers", supplier_body(name="别家"))
    return world.caller("supplier", other["supplier_id"])

"""The storefront behind its real edge, on a real database; orders is a neighbour that the test speaks for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from services.storefront import main
from services.storefront.settings import Settings
from services.storefront.tests.world import PUBLIC, TOUCH_KEYS, Caller, Market, Orders, Shop, World
from shared.kernel.database import Database


@pytest.fixture
async def world(make_database: Callable[[str], Awaitable[Database]]) -> AsyncIterator[World]:
    db = await make_database("storefront")
    orders = Orders()
    settings = Settings(token_public_key=PUBLIC, touch_keys=TOUCH_KEYS, service_token="a-service-token")
    app = main.build_api(settings, db, orders)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as http,
    ):
        yield World(http, db, orders)


@pytest.fixture
def operator(world: World) -> Caller:
    return world.caller("operator", "op-1")


@pytest.fixture
def open_shop(world: World, operator: Caller) -> Callable[[str], Awaitable[Shop]]:
    async def make(slug: str) -> Shop:
        creator_id = (await operator.made("/creators", {"name": "阿茶", "channel": "account"}))["creator_id"]
        owner = world.caller("creator", creator_id)
        body = {"creator_id": creator_id, "slug": slug, "name": "阿茶的小店"}
        made = await owner.made("/storefronts", body)
        return Shop(made["storefront_id"], creator_id, slug, owner)

    return make


@pytest.fixture
async def shop(open_shop: Callable[[str], Awaitable[Shop]]) -> Shop:
    return await open_shop("acha")


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
async def stocked(world: World, market: Market) -> Market:
    """The market, with everything about it arrived."""
    await world.hear(*market.all)
    return market

"""What the pages need beside the database: keys to sign with, and the public API of orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import httpx
from fastapi import FastAPI

from services.storefront.domain import TouchKeys
from services.storefront.settings import Settings
from shared.kernel.http import Call


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Made when the application starts."""

    settings: Settings
    keys: TouchKeys
    orders: httpx.AsyncClient

    @classmethod
    def of(cls, call: Call) -> Surroundings:
        found: Surroundings = call.request.app.state.surroundings
        return found


def lifespan(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Read the keys and open the client of orders; `SystemExit` with a sentence when the keys can't be read."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(
            base_url=settings.orders_url,
            timeout=settings.orders_seconds,
            headers={"authorization": f"Bearer {settings.service_token}"} if settings.service_token else {},
            transport=transport,
            trust_env=False,  # orders is a neighbour: a proxy of this machine's has no part in it
        ) as orders:
            app.state.surroundings = Surroundings(settings, _keys(settings), orders)
            yield

    return run


def _keys(settings: Settings) -> TouchKeys:
    try:
        return TouchKeys.parse(settings.touch_keys)
    except ValueError as error:
        raise SystemExit(f"WANPU_TOUCH_KEYS: {error}; name its folder in WANPU_SECRETS_DIR.") from None

"""A service's routes as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import cache
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from shared.kernel import observe
from shared.kernel.auth import Verifier
from shared.kernel.database import Database
from shared.kernel.errors import Transient
from shared.kernel.http import openapi
from shared.kernel.http.access import Doorkeeper, Signers
from shared.kernel.http.docs import docs_page
from shared.kernel.http.edge import Edge, Handler
from shared.kernel.http.middleware import Observed
from shared.kernel.http.problems import ErrorPage
from shared.kernel.http.routes import Routes
from shared.kernel.settings import ServiceSettings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

OPEN_SECONDS = 5.0  # how long a start waits for its database before it serves 503 and goes on trying
PAUSE_SECONDS = 1.0
_NO_KEY = "WANPU_TOKEN_PUBLIC_KEY is missing: `wanpu keys init` makes the file; name its folder in WANPU_SECRETS_DIR."

log = structlog.get_logger(__name__)


def api(
    settings: ServiceSettings,
    routes: Routes,
    *,
    codes: Mapping[str, int] | None = None,
    stored: Collection[str] = (),
    database: Database | None = None,
    lifespan: Lifespan | None = None,
    error_page: ErrorPage | None = None,
    signers: Signers | None = None,
) -> FastAPI:
    """The service's HTTP application.

    Without `database` it is opened from the settings when the application starts, and tried again while it is
    away. `lifespan` runs inside that, for what the service itself starts (`app.state` is free to use). Raises
    `TypeError`, naming the route, when a declaration lacks who may call it.
    """
    edge = Edge(
        Doorkeeper(_verifier(settings), signers or settings.webhook_keys), codes or {}, frozenset(stored), error_page
    )
    source = _Source(settings, database, needs_key=any(route.access.roles for route in routes.declared))
    app = FastAPI(
        title=f"Wanpu {settings.service}", docs_url=None, redoc_url=None, lifespan=_lifespan(source, lifespan)
    )
    app.state.database = source.get
    app.state.require_key = source.require_key
    app.state.edge = edge  # for a `Front` with swift routes ahead
    app.state.routes = {route.label: route for route in routes.declared}
    app.add_exception_handler(HTTPException, lambda request, error: edge.failed(error, request, page=False))
    app.add_middleware(Observed, failed=edge.failed)
    app.router.routes.extend(observe.health({"postgres": source.check}))
    _add(app, routes, edge)
    return app


def _add(app: FastAPI, routes: Routes, edge: Edge) -> None:
    for route in routes.declared:
        route.check()
        handler = Handler(route, edge)
        app.router.add_api_route(
            route.path,
            handler.endpoint(),
            methods=[route.method],
            status_code=route.status,
            response_model=None,
            route_class_override=_guarded(handler),
        )
    described = cache(lambda: openapi.describe(app, routes.declared))
    app.openapi = described  # type: ignore[method-assign]
    app.add_route("/docs", docs_page(described), include_in_schema=False)


def _guarded(handler: Handler) -> type[APIRoute]:
    """A route class that admits the caller before FastAPI looks at anything, and turns every failure into a problem."""

    class Guarded(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    await handler.admit(request)
                    return await inner(request)
                except Exception as error:
                    return handler.edge.failed(error, request, page=handler.route.page)
                finally:
                    handler.release(request)

            return handle

    return Guarded


def _verifier(settings: ServiceSettings) -> Callable[[], Verifier]:
    @cache
    def make() -> Verifier:
        if not settings.token_public_key:
            raise RuntimeError(_NO_KEY)
        return Verifier(settings.token_public_key)

    return make


class _Source:
    """The database, once it is there."""

    def __init__(self, settings: ServiceSettings, database: Database | None, *, needs_key: bool) -> None:
        self._settings = settings
        self._needs_key = needs_key
        self._database = database
        self._given = database is not None

    def get(self) -> Database:
        if self._database is None:
            raise Transient("the database has not answered since this process started")
        return self._database

    async def check(self) -> None:
        await self.get().ping()

    def require_key(self) -> None:
        """End the process with a sentence when bearer tokens could not be checked."""
        if self._needs_key and not self._settings.token_public_key:
            raise SystemExit(_NO_KEY)

    async def open(self) -> None:
        """Connect, again and again until it works."""
        settings = self._settings
        while self._database is None:
            try:
                self._database = await Database.open(
                    settings.dsn, settings.service, size=settings.pool_size, application_name=settings.process
                )
            except Exception as error:
                log.warning("cannot open the database, trying again", error=repr(error))
                await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        if self._database is not None and not self._given:
            await self._database.close()
            self._database = None


def _lifespan(source: _Source, inner: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        source.require_key()
        opening = asyncio.create_task(source.open())
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(opening), OPEN_SECONDS)
        try:
            if inner is None:
                yield
            else:
                async with inner(app):
                    yield
        finally:
            opening.cancel()
            await source.close()

    return run

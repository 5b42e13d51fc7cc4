"""Wiring: settings, the HTTP application, the worker; each of these two made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.storefront import consumers, domain
from services.storefront.settings import Settings
from shared.contracts import told_by
from shared.kernel import service
from shared.kernel.database import Database

if TYPE_CHECKING:
    import httpx
    from fastapi import FastAPI


def build_api(
    settings: Settings, database: Database | None = None, orders: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    """The HTTP application; what is not given is opened from the settings."""
    from services.storefront import http  # here, so that a worker starts without FastAPI
    from shared.kernel.http import api

    app = api(
        settings,
        http.routes,
        codes=domain.CODES,
        database=database,
        lifespan=http.lifespan(settings, orders),
        error_page=http.error_page,
    )
    app.add_middleware(http.Shield)
    return app


settings = Settings.load()
__getattr__ = service.parts(
    api=lambda: build_api(settings),
    worker=lambda: service.worker(settings, consumers.reactions(), told_by(settings.service)),
)

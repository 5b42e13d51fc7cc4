"""Wiring: settings, the HTTP application, the worker; each of these two made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.catalog import consumers, domain
from services.catalog.settings import Settings
from shared.contracts import told_by
from shared.kernel import service
from shared.kernel.database import Database

if TYPE_CHECKING:
    from fastapi import FastAPI


def build_api(settings: Settings, database: Database | None = None) -> FastAPI:
    """The HTTP application; `database` is opened from the settings when none is given."""
    from services.catalog import http  # here, so that a worker starts without FastAPI
    from shared.kernel.http import api

    app = api(settings, http.routes, codes=domain.CODES, database=database)
    app.state.rules = domain.Rules(settings.currency, settings.notice_seconds, settings.hold_seconds)
    return app


settings = Settings.load()
__getattr__ = service.parts(
    api=lambda: build_api(settings),
    worker=lambda: service.worker(settings, consumers.reactions(), told_by(settings.service)),
)

"""Logistics wired: settings to API and worker, each made when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.contracts import told_by
from shared.kernel import service
from shared.kernel.database import Database

from . import consumers
from .domain import CODES
from .settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI


def build_api(settings: Settings, database: Database | None = None) -> FastAPI:
    """The HTTP application; its routes find their periods and carriers in the settings."""
    from shared.kernel.http import api  # here, so that a worker starts without FastAPI

    from . import http

    app = api(settings, http.routes, codes=CODES, database=database)
    app.state.settings = settings
    return app


settings = Settings.load()
__getattr__ = service.parts(
    api=lambda: build_api(settings),
    worker=lambda: service.worker(settings, consumers.reactions(settings), told_by(settings.service)),
)

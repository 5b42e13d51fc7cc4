"""Logistics wired: settings to API and worker."""

from __future__ import annotations

from fastapi import FastAPI

from shared.kernel import service
from shared.kernel.database import Database

from . import consumers, http, usecases
from .domain import CODES
from .settings import Settings


def build_api(settings: Settings, database: Database | None = None) -> FastAPI:
    """The HTTP application; its routes find their periods and carriers in the settings."""
    app = service.api(settings, http.routes, codes=CODES, database=database)
    app.state.settings = settings
    return app


settings = Settings.load()
api = build_api(settings)
worker = service.worker(settings, consumers.reactions(settings), publishes=usecases.SENT)

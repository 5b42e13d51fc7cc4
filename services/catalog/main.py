"""Wiring: settings, the HTTP application, the worker."""

from __future__ import annotations

from fastapi import FastAPI

from services.catalog import consumers, domain, http
from services.catalog.settings import Settings
from shared.contracts import catalog as events
from shared.kernel import service
from shared.kernel.database import Database


def build_api(settings: Settings, database: Database | None = None) -> FastAPI:
    """The HTTP application; `database` is opened from the settings when none is given."""
    app = service.api(settings, http.routes, codes=domain.CODES, database=database)
    app.state.rules = domain.Rules(settings.currency, settings.notice_seconds, settings.hold_seconds)
    return app


settings = Settings.load()
api = build_api(settings)
worker = service.worker(
    settings,
    consumers.reactions(),
    publishes=(
        events.SupplierOnboarded,
        events.ProductPublished,
        events.ProductWithdrawn,
        events.PriceChanged,
        events.StockAdjusted,
        events.OfferPublished,
        events.OfferTermsChanged,
        events.OfferEnded,
    ),
)

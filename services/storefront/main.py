"""Wiring: settings, the HTTP application, the worker."""

from __future__ import annotations

import httpx
from fastapi import FastAPI

from services.storefront import consumers, domain, http
from services.storefront.settings import Settings
from shared.contracts import storefront as events
from shared.kernel import service
from shared.kernel.database import Database


def build_api(
    settings: Settings, database: Database | None = None, orders: httpx.AsyncBaseTransport | None = None
) -> FastAPI:
    """The HTTP application; what is not given is opened from the settings."""
    app = service.api(
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
api = build_api(settings)
worker = service.worker(
    settings,
    consumers.reactions(),
    publishes=(
        events.CreatorRegistered,
        events.StorefrontOpened,
        events.OfferAdopted,
        events.AdoptionPaused,
        events.AdoptionResumed,
        events.AdoptionEnded,
        events.ListingPriced,
        events.ListingPaused,
        events.ContentPublished,
    ),
)

"""Wiring: settings → api, what is in front of it, and worker; each made when it is asked for."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from services.orders import consumers, domain
from services.orders.settings import Settings
from shared.contracts import told_by
from shared.kernel import service

if TYPE_CHECKING:
    from fastapi import FastAPI

    from shared.kernel.http import Front

settings = Settings.load()


@cache
def build_api() -> FastAPI:
    """The HTTP application, with the desk where orders are taken in."""
    from services.orders import http  # here, so that a worker starts without FastAPI
    from services.orders.http.intake import Desk
    from shared.kernel.http import api

    desk = Desk(settings)
    app = api(settings, http.routes, codes=domain.CODES, stored=domain.STORED, lifespan=desk.running)
    app.state.settings, app.state.desk = settings, desk
    return app


def build_front() -> Front:
    """What is in front of it: orders come by the thousand."""
    from services.orders.http import intake
    from shared.kernel.http import Front

    app = build_api()
    desk = app.state.desk
    return Front(app, {intake.PLACE: desk.place, intake.PLACE_MANY: desk.place_many}, desk.admit)


__getattr__ = service.parts(
    api=build_api,
    front=build_front,
    worker=lambda: service.worker(settings, consumers.reactions(settings), told_by(settings.service)),
)

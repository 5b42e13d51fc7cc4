"""The routes of orders, a subject a module."""

from __future__ import annotations

from services.orders.http import intake, orders
from shared.kernel.http import Routes

routes = Routes()
for part in (intake, orders):
    routes.declared += part.routes.declared

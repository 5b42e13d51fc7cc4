"""The routes of orders, a subject a module."""

from __future__ import annotations

from services.orders.http import balances, intake, lifecycle, orders, payments
from shared.kernel.http import Routes

routes = Routes()
for part in (intake, orders, lifecycle, payments, balances):
    routes.declared += part.routes.declared

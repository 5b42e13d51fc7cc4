"""The routes of orders, a subject a module."""

from __future__ import annotations

from services.orders.http import balances, banks, intake, lifecycle, orders, payments, payouts, refunds, statements
from shared.kernel.http import Routes

routes = Routes()
for part in (intake, orders, lifecycle, payments, balances, refunds, payouts, banks, statements):
    routes.declared += part.routes.declared

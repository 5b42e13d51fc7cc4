"""The routes of logistics, a subject a module."""

from __future__ import annotations

from services.logistics.http import bank, discrepancies, shipments, statements
from shared.kernel.http import Routes

routes = Routes()
for part in (shipments, statements, bank, discrepancies):
    routes.declared += part.routes.declared

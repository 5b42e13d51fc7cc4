"""Wiring: settings → api and worker."""

from __future__ import annotations

from services.orders import consumers, domain, http
from services.orders.settings import Settings
from shared.contracts.orders import (
    AvailabilityChanged,
    CancellationRequested,
    ConfirmationCodeIssued,
    DeliveryDetailsGiven,
    LedgerPosted,
    OrderCancelled,
    OrderClosed,
    OrderConfirmed,
    OrderExpired,
    OrderFulfilled,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    StockShort,
)
from shared.kernel import service

PUBLISHES = (
    *(OrderPlaced, OrderConfirmed, OrderCancelled, OrderExpired, OrderFulfilled, OrderClosed, CancellationRequested),
    *(DeliveryDetailsGiven, ConfirmationCodeIssued, AvailabilityChanged, StockShort),
    *(PaymentCaptured, PaymentFailed, LedgerPosted),
)

settings = Settings.load()
api = service.api(settings, http.routes, codes=domain.CODES, stored=domain.STORED)
api.state.settings = settings
worker = service.worker(settings, consumers.reactions(settings), PUBLISHES)

"""What orders tells: whether an order stands, whether it was paid, what can still be had, and who is owed what."""

from __future__ import annotations

from .availability import AvailabilityChanged, AvailabilityState, StockShort
from .ledger import LedgerEntry, LedgerPosted
from .lifecycle import (
    CancellationRequested,
    LineOutcome,
    OrderCancelled,
    OrderClosed,
    OrderConfirmed,
    OrderExpired,
    OrderFulfilled,
    OrderLine,
    OrderOutcome,
    OrderPlaced,
    PlacedOrder,
    SupplierOrder,
    Totals,
)
from .payments import PaymentCaptured, PaymentFact, PaymentFailed
from .personal import ConfirmationCodeIssued, DeliveryDetailsGiven
from .topics import AVAILABILITY, COMMISSIONS, LEDGER, ORDERS, PAYMENTS, PAYOUTS, PERSONAL, REFUNDS

__all__ = [
    "AVAILABILITY",
    "COMMISSIONS",
    "LEDGER",
    "ORDERS",
    "PAYMENTS",
    "PAYOUTS",
    "PERSONAL",
    "REFUNDS",
    "AvailabilityChanged",
    "AvailabilityState",
    "CancellationRequested",
    "ConfirmationCodeIssued",
    "DeliveryDetailsGiven",
    "LedgerEntry",
    "LedgerPosted",
    "LineOutcome",
    "OrderCancelled",
    "OrderClosed",
    "OrderConfirmed",
    "OrderExpired",
    "OrderFulfilled",
    "OrderLine",
    "OrderOutcome",
    "OrderPlaced",
    "PaymentCaptured",
    "PaymentFact",
    "PaymentFailed",
    "PlacedOrder",
    "StockShort",
    "SupplierOrder",
    "Totals",
]

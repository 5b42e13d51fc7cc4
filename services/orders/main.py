"""Wiring: settings → api, what is in front of it, and worker."""

from __future__ import annotations

from services.orders import consumers, domain, http
from services.orders.http import intake
from services.orders.settings import Settings
from shared.contracts.orders import (
    AvailabilityChanged,
    CancellationRequested,
    CommissionAvailable,
    CommissionEarned,
    CommissionEstimated,
    CommissionHeldAgain,
    CommissionInPayout,
    CommissionPaid,
    CommissionReversed,
    CommissionVoided,
    ConfirmationCodeIssued,
    DeliveryDetailsGiven,
    LedgerPosted,
    OrderCancelled,
    OrderClosed,
    OrderCompleted,
    OrderConfirmed,
    OrderExpired,
    OrderFulfilled,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PaymentSettled,
    PayoutApproved,
    PayoutFailed,
    PayoutPaid,
    PayoutRequested,
    PayoutReturned,
    PayoutSubmitted,
    RefundApproved,
    RefundFailed,
    RefundInspected,
    RefundPaid,
    RefundRejected,
    RefundRequested,
    RefundSubmitted,
    StockShort,
)
from shared.kernel import service
from shared.kernel.http import Front

PUBLISHES = (
    *(OrderPlaced, OrderConfirmed, OrderCancelled, OrderExpired, OrderFulfilled, OrderClosed, OrderCompleted),
    CancellationRequested,
    *(DeliveryDetailsGiven, ConfirmationCodeIssued, AvailabilityChanged, StockShort),
    *(PaymentCaptured, PaymentFailed, PaymentRefunded, PaymentSettled, LedgerPosted),
    *(RefundRequested, RefundApproved, RefundRejected, RefundInspected, RefundSubmitted, RefundPaid, RefundFailed),
    *(PayoutRequested, PayoutApproved, PayoutSubmitted, PayoutPaid, PayoutFailed, PayoutReturned),
    *(CommissionEstimated, CommissionEarned, CommissionAvailable, CommissionHeldAgain, CommissionInPayout),
    *(CommissionPaid, CommissionReversed, CommissionVoided),
)

settings = Settings.load()
desk = intake.Desk(settings)
api = service.api(settings, http.routes, codes=domain.CODES, stored=domain.STORED, lifespan=desk.running)
api.state.settings, api.state.desk = settings, desk
front = Front(api, {intake.PLACE: desk.place, intake.PLACE_MANY: desk.place_many})
worker = service.worker(settings, consumers.reactions(settings), PUBLISHES)

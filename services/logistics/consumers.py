"""What logistics does about what orders tells, and in time: one line a reaction."""

from __future__ import annotations

from functools import partial

from shared.contracts.orders import CancellationRequested, DeliveryDetailsGiven, OrderConfirmed
from shared.kernel.delivery import Router

from . import usecases
from .settings import Settings
from .usecases import banking, chasing, collecting, details, healing, receiving


def reactions(settings: Settings) -> Router:
    """The router of the worker."""
    react = Router("logistics")
    react.every(OrderConfirmed, do=usecases.plan_shipments)
    react.every(CancellationRequested, do=usecases.call_off)
    # Codes travel on the same topic and would push the address aside if only the newest event counted.
    react.every(DeliveryDetailsGiven, do=usecases.learn_details)
    react.timer(collecting.CASH_MISSING, usecases.chase_cash)
    react.timer(collecting.DELIVERY_MISSING, usecases.chase_delivery)
    react.timer(receiving.MATCH, partial(usecases.match_statements, rules=settings.rules))
    react.timer(banking.FOLLOW, usecases.follow_bank)
    react.timer(banking.CREDIT_DUE, usecases.chase_credits)
    react.timer(healing.REMATCH, partial(usecases.rematch_rows, rules=settings.rules))
    every = settings.chase_remittances_seconds
    react.timer(chasing.CHASE, partial(usecases.chase_remittances, every_seconds=every))
    react.timer(details.FORGET, partial(usecases.forget_details, keep_seconds=settings.keep_details_seconds))
    return react

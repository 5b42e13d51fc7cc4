"""What logistics does about what orders tells, and in time: one line a reaction."""

from __future__ import annotations

from functools import partial

from shared.contracts.orders import CancellationRequested, DeliveryDetailsGiven, OrderConfirmed
from shared.kernel.delivery import Router

from . import usecases
from .settings import Settings


def reactions(settings: Settings) -> Router:
    """The router of the worker."""
    react = Router("logistics")
    react.every(OrderConfirmed, do=usecases.plan_shipments)
    react.every(CancellationRequested, do=usecases.call_off)
    # Codes travel on the same topic and would push the address aside if only the newest event counted.
    react.every(DeliveryDetailsGiven, do=usecases.learn_details)
    react.timer("cash_missing", usecases.chase_cash)
    react.timer("delivery_missing", usecases.chase_delivery)
    react.timer("match_statement", partial(usecases.match_statements, rules=settings.rules))
    react.timer("follow_bank", usecases.follow_bank)
    react.timer("credit_due", usecases.chase_credits)
    react.timer("rematch_rows", partial(usecases.rematch_rows, rules=settings.rules))
    every = settings.chase_remittances_seconds
    react.timer("chase_remittances", partial(usecases.chase_remittances, every_seconds=every))
    react.timer("forget_details", partial(usecases.forget_details, keep_seconds=settings.keep_details_seconds))
    return react

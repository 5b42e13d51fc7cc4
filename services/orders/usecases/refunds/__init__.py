"""What buyers get back: asked for, agreed, due, on its way, with them."""

from __future__ import annotations

from .asking import (
    APPROVE_REFUND,
    Ask,
    Inspection,
    approve,
    approve_silent,
    inspect,
    list_refunds,
    reject,
    request,
    show_refund,
)
from .automatic import Back, give_back
from .paying import PAY_REFUND, wake
from .reports import bank_says, card_refunded, locked_refund, pay_waiting, submit_again

__all__ = [
    "APPROVE_REFUND",
    "PAY_REFUND",
    "Ask",
    "Back",
    "Inspection",
    "approve",
    "approve_silent",
    "bank_says",
    "card_refunded",
    "give_back",
    "inspect",
    "list_refunds",
    "locked_refund",
    "pay_waiting",
    "reject",
    "request",
    "show_refund",
    "submit_again",
    "wake",
]

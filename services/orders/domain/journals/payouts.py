"""What parties are paid."""

from __future__ import annotations

from services.orders.domain.ledger import Journal, Occasion, credit, debit
from services.orders.domain.split import PLATFORM
from shared.contracts.values import PayoutId


def payout_requested(on: Occasion, payout_id: PayoutId, party: str, amount: int) -> Journal | None:
    """What is asked for lies in the payout."""
    return on.book(
        "payout_requested",
        payout_id,
        debit("payable:available", amount, party),
        credit("payable:in_payout", amount, party),
    )


def payout_failed(on: Occasion, payout_id: PayoutId, party: str, amount: int) -> Journal | None:
    """The bank did not pay: it is available again."""
    return on.book(
        "payout_failed",
        payout_id,
        debit("payable:in_payout", amount, party),
        credit("payable:available", amount, party),
    )


def payout_paid(on: Occasion, payout_id: PayoutId, party: str, amount: int) -> Journal | None:
    """The bank paid."""
    return on.book(
        "payout_paid", payout_id, debit("payable:in_payout", amount, party), credit("bank", amount, PLATFORM)
    )


def payout_returned(on: Occasion, payout_id: PayoutId, party: str, amount: int) -> Journal | None:
    """The receiving bank sent it back."""
    return on.book(
        "payout_returned", payout_id, debit("bank", amount, PLATFORM), credit("payable:available", amount, party)
    )

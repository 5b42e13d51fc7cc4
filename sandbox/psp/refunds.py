"""Refunds to the cards they were paid with, as the provider is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sandbox.calls import Calls
from sandbox.psp.payments import CALLBACK, PROVIDER
from sandbox.settings import Settings
from sandbox.topics import position_of
from sandbox.transfers import Behaviour, Outcome, Told, Transfer, Transfers
from shared.contracts.event import Event
from shared.contracts.orders import RefundFailed, RefundPaid, RefundSubmitted

HEARS: Final = (RefundSubmitted, RefundPaid, RefundFailed)
HABITS: Final[Mapping[Behaviour, int]] = {"pay": 90, "duplicate": 10}  # a card that was charged takes its money back


def refunds(settings: Settings, calls: Calls) -> Transfers:
    """The provider's refunds."""
    return Transfers(settings, calls, CALLBACK, HABITS, _tell)


def hear(book: Transfers, event: Event, headers: Mapping[str, str]) -> None:
    """What the platform wants refunded, and what it knows of already."""
    position = position_of(headers)
    match event:
        case RefundSubmitted(route="card"):
            said = (event.refund_id, event.amount, event.submitted_at, position)
            book.ask(Transfer("refund", *said, payment_id=event.payment_id))
        case RefundPaid():
            book.end(event.refund_id, position, "paid")
        case RefundFailed():
            book.end(event.refund_id, position, "failed")


def _tell(transfer: Transfer, outcome: Outcome, at: datetime) -> Told:
    body = {
        "payment_id": transfer.payment_id,
        "kind": "refunded",
        "amount": transfer.amount.amount,
        "currency": transfer.amount.currency,
        "psp_ref": f"psp_{transfer.ref(outcome)}",
        "at": at.isoformat(),
        "refund_id": transfer.subject,
    }
    return Told(f"{PROVIDER}-refunded-{transfer.subject}-{transfer.position}", body)

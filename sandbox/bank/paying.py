"""Payouts and refunds by transfer, as the bank is told of them, and what it says when they are done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sandbox.calls import Calls
from sandbox.settings import Settings
from sandbox.topics import position_of
from sandbox.transfers import Behaviour, Outcome, Told, Transfer, Transfers
from shared.contracts.event import Event
from shared.contracts.orders import (
    PayoutFailed,
    PayoutPaid,
    PayoutReturned,
    PayoutSubmitted,
    RefundFailed,
    RefundPaid,
    RefundSubmitted,
)

BANK: Final = "sandbox"
CALLBACK: Final = "/banks/callbacks"
HEARS: Final = (
    *(PayoutSubmitted, PayoutPaid, PayoutFailed, PayoutReturned),
    *(RefundSubmitted, RefundPaid, RefundFailed),
)
# What becomes of transfers when nobody says otherwise, in parts of 100.
HABITS: Final[Mapping[Behaviour, int]] = {"pay": 88, "fail": 4, "return": 4, "duplicate": 4}
REASONS: Final[Mapping[Outcome, str]] = {"failed": "account_not_found", "returned": "account_closed"}


def transfers(settings: Settings, calls: Calls) -> Transfers:
    """The bank's outgoing payments."""
    return Transfers(settings, calls, CALLBACK, HABITS, _tell)


def hear(book: Transfers, event: Event, headers: Mapping[str, str]) -> None:
    """What the platform wants paid, and what it knows of already."""
    position = position_of(headers)
    match event:
        case PayoutSubmitted():
            book.ask(Transfer("payout", event.payout_id, event.amount, event.submitted_at, position))
        case RefundSubmitted(route="transfer"):
            book.ask(Transfer("refund", event.refund_id, event.amount, event.submitted_at, position))
        case PayoutPaid():
            book.end(event.payout_id, position, "paid")
        case PayoutFailed():
            book.end(event.payout_id, position, "failed")
        case PayoutReturned():
            book.end(event.payout_id, position, "returned")
        case RefundPaid():
            book.end(event.refund_id, position, "paid")
        case RefundFailed():
            book.end(event.refund_id, position, "failed")


def _tell(transfer: Transfer, outcome: Outcome, at: datetime) -> Told:
    said = {
        "bank": BANK,
        "kind": outcome,
        f"{transfer.kind}_id": transfer.subject,
        "amount": transfer.amount.amount,
        "currency": transfer.amount.currency,
        "bank_ref": f"bank_{transfer.ref(outcome)}",
        "at": at.isoformat(),
    }
    reason = REASONS.get(outcome)
    call_id = f"{BANK}-{outcome}-{transfer.subject}-{transfer.position}"
    return Told(call_id, said | ({"reason": reason} if reason else {}))

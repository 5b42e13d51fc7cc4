"""Double entry: what a journal is. What each fact books is said in `journals.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.contracts.values import Account, LineId, OrderId, ShipmentId

JournalKind = Literal[
    "payment_captured",
    "payment_settled",
    "cod_collected",
    "line_delivered",
    "cod_remitted",
    "fee_passed_on",
    "cod_banked",
    "banking_reversed",
    "released",
    "held_again",
    "refund_approved",
    "refund_paid",
    "refund_returned",
    "shortage_borne",
    "cash_over",
    "remitted_over",
    "owed_to_carrier",
    "return_charged",
    "charge_settled",
    "payout_requested",
    "payout_failed",
    "payout_paid",
    "payout_returned",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One side of a journal in minor units; `debit` or `credit` is zero, never both."""

    account: Account
    party: str | None = None
    line_id: LineId | None = None
    shipment_id: ShipmentId | None = None
    debit: int = 0
    credit: int = 0

    def __post_init__(self) -> None:
        if min(self.debit, self.credit) != 0 or max(self.debit, self.credit) <= 0:
            raise ValueError(f"an entry on {self.account} has one side above zero: {self.debit} | {self.credit}")


@dataclass(frozen=True, slots=True)
class Journal:
    """One booking. `cause` is the id of the event, timer or provider's reference that led to it.

    Posting the same (cause, kind, subject) again changes nothing, so whoever posts need not ask first. `stream_id` is
    the order, statement or payout that it belongs to.
    """

    kind: JournalKind
    cause: str
    subject: str
    stream_id: str
    order_id: OrderId | None
    currency: str
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if sum(entry.debit - entry.credit for entry in self.entries) != 0 or not self.entries:
            raise ValueError(f"the journal {self.kind} of {self.subject} does not sum to zero")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What journals are about: an order, its currency, and the cause that makes each one of its kind."""

    order_id: OrderId | None
    currency: str
    cause: str
    about: str | None = None  # the statement or payout, where it is no order's

    def book(self, kind: JournalKind, subject: str, *entries: Entry | None) -> Journal | None:
        """A journal of those entries that move money; None when none does."""
        moved = tuple(entry for entry in entries if entry)
        stream_id = self.about or self.order_id
        assert stream_id is not None, "a journal is about something"
        return Journal(kind, self.cause, subject, stream_id, self.order_id, self.currency, moved) if moved else None


def debit(
    account: Account,
    amount: int,
    party: str | None = None,
    *,
    line_id: LineId | None = None,
    shipment_id: ShipmentId | None = None,
) -> Entry | None:
    """An entry on the debit side; below zero on the other one, and none for nothing."""
    if amount == 0:
        return None
    return Entry(account, party, line_id, shipment_id, debit=max(amount, 0), credit=max(-amount, 0))


def credit(
    account: Account,
    amount: int,
    party: str | None = None,
    *,
    line_id: LineId | None = None,
    shipment_id: ShipmentId | None = None,
) -> Entry | None:
    """The same on the credit side."""
    return debit(account, -amount, party, line_id=line_id, shipment_id=shipment_id)

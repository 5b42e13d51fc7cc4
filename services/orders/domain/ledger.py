"""Double entry: what each fact books. A journal sums to zero and is unique by (cause, kind, subject)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from services.orders.domain.split import PLATFORM, Part, Split
from shared.contracts.values import Account, LineId, OrderId, ShipmentId

JournalKind = Literal["payment_captured", "cod_collected", "line_delivered", "refund_approved"]


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

    Posting the same (cause, kind, subject) again changes nothing, so whoever posts need not ask first.
    """

    kind: JournalKind
    cause: str
    subject: str
    order_id: OrderId
    currency: str
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if sum(entry.debit - entry.credit for entry in self.entries) != 0 or not self.entries:
            raise ValueError(f"the journal {self.kind} of {self.subject} does not sum to zero")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a journal is about: the order, its currency, and the cause that makes the journal one of its kind."""

    order_id: OrderId
    currency: str
    cause: str

    def book(self, kind: JournalKind, subject: str, *entries: Entry) -> Journal:
        return Journal(kind, self.cause, subject, self.order_id, self.currency, entries)


def payment_captured(on: Occasion, payment_id: str, amount: int) -> Journal:
    """The buyer's money lies with the payment provider."""
    return on.book(
        "payment_captured", payment_id, Entry("psp_clearing", debit=amount), Entry("buyer_deposits", credit=amount)
    )


def cod_collected(on: Occasion, shipment_id: ShipmentId, carrier: str, amount: int) -> Journal:
    """The buyer's money lies with the carrier."""
    cash = Entry("carrier_cash", carrier, shipment_id=shipment_id, debit=amount)
    return on.book("cod_collected", shipment_id, cash, Entry("buyer_deposits", shipment_id=shipment_id, credit=amount))


def line_delivered(on: Occasion, line_id: LineId, split: Split) -> Journal | None:
    """The line's money belongs to its parties, by the split frozen at placement; None for a line that cost nothing."""
    shares = [share for share in split if share.amount.amount > 0]
    if not shares:
        return None
    total = sum(share.amount.amount for share in shares)
    deposit = Entry("buyer_deposits", line_id=line_id, debit=total)
    return on.book("line_delivered", line_id, deposit, *_owed(shares, line_id))


def _owed(shares: Iterable[Part], line_id: LineId) -> list[Entry]:
    return [Entry(*_account(share), line_id=line_id, credit=share.amount.amount) for share in shares]


def _account(share: Part) -> tuple[Account, str]:
    return ("platform_revenue", PLATFORM) if share.party_kind == PLATFORM else ("payable:held", share.party)


def refund_approved(on: Occasion, subject: str, amount: int, line_id: LineId | None = None) -> Journal | None:
    """The buyer gets back what paid for something never delivered; None when there is nothing to give back."""
    if amount <= 0:
        return None
    deposit = Entry("buyer_deposits", line_id=line_id, debit=amount)
    return on.book("refund_approved", subject, deposit, Entry("refund_payable", line_id=line_id, credit=amount))

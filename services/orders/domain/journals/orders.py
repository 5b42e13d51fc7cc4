"""What buyers pay, whose it is once it is delivered, and what goes back to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.orders.domain.ledger import Entry, Journal, Occasion, credit, debit
from services.orders.domain.split import PLATFORM, Part, Split
from shared.contracts.values import Account, LineId, RefundId


@dataclass(frozen=True, slots=True)
class Owed:
    """A party's share of a line, or a part of it, and whether it still waits on the party's held account."""

    party_kind: str
    party: str
    amount: int
    held: bool = True

    @property
    def account(self) -> Account:
        if self.party_kind == PLATFORM:
            return "platform_revenue"
        return "payable:held" if self.held else "payable:available"


def payment_captured(on: Occasion, payment_id: str, amount: int) -> Journal | None:
    """The buyer's money lies with the payment provider."""
    return on.book("payment_captured", payment_id, debit("psp_clearing", amount), credit("buyer_deposits", amount))


def payment_settled(on: Occasion, payment_id: str, gross: int, fee: int) -> Journal | None:
    """The provider pays over what it took, less its fee; below zero it keeps what it had paid back."""
    return on.book(
        "payment_settled",
        payment_id,
        debit("bank", gross - fee, PLATFORM),
        debit("psp_fees", fee),
        credit("psp_clearing", gross),
    )


def line_delivered(on: Occasion, line_id: LineId, split: Split) -> Journal | None:
    """The line's money belongs to its parties, by the split frozen at placement."""
    total = sum(share.amount.amount for share in split)
    owed = [_share(share) for share in split]
    return on.book(
        "line_delivered",
        line_id,
        debit("buyer_deposits", total, line_id=line_id),
        *(credit(each.account, each.amount, each.party, line_id=line_id) for each in owed),
    )


def _share(part: Part) -> Owed:
    return Owed(part.party_kind, part.party, part.amount.amount)


def released(on: Occasion, line_id: LineId, shares: Sequence[Owed]) -> Journal | None:
    """The hold is over and the money is there."""
    return on.book("released", line_id, *_moved(line_id, shares, 1))


def held_again(on: Occasion, line_id: LineId, shares: Sequence[Owed]) -> Journal | None:
    """The money went away again, and with it what was available, even if it was paid out already."""
    return on.book("held_again", line_id, *_moved(line_id, shares, -1))


def _moved(line_id: LineId, shares: Sequence[Owed], sign: int) -> list[Entry | None]:
    parties = [share for share in shares if share.party_kind != PLATFORM]  # the platform's own waits for nothing
    return [
        entry
        for share in parties
        for entry in (
            debit("payable:held", sign * share.amount, share.party, line_id=line_id),
            credit("payable:available", sign * share.amount, share.party, line_id=line_id),
        )
    ]


def refund_approved(on: Occasion, subject: str, amount: int, line_id: LineId | None = None) -> Journal | None:
    """The buyer gets back what paid for something never delivered."""
    return on.book(
        "refund_approved",
        subject,
        debit("buyer_deposits", amount, line_id=line_id),
        credit("refund_payable", amount, line_id=line_id),
    )


def refund_of_delivered(on: Occasion, subject: str, line_id: LineId, taken: Sequence[Owed]) -> Journal | None:
    """Each party gives back its part from where it lies; an available account may fall below zero."""
    return on.book(
        "refund_approved",
        subject,
        *(debit(share.account, share.amount, share.party, line_id=line_id) for share in taken),
        credit("refund_payable", sum(share.amount for share in taken), line_id=line_id),
    )


def refund_paid(
    on: Occasion, refund_id: RefundId, amount: int, through: Literal["psp_clearing", "bank"]
) -> Journal | None:
    """The buyer has it."""
    party = PLATFORM if through == "bank" else None
    return on.book("refund_paid", refund_id, debit("refund_payable", amount), credit(through, amount, party))


def refund_returned(on: Occasion, refund_id: RefundId, amount: int) -> Journal | None:
    """The buyer's bank sent it back: it is owed again."""
    return on.book("refund_returned", refund_id, debit("bank", amount, PLATFORM), credit("refund_payable", amount))


def refund_to_wallet(on: Occasion, refund_id: RefundId, amount: int, buyer_ref: str) -> Journal | None:
    """The buyer leaves it with us, as money that is theirs."""
    return on.book(
        "refund_paid", refund_id, debit("refund_payable", amount), credit("payable:available", amount, buyer_ref)
    )

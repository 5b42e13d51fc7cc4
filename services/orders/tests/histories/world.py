"""What has happened: facts as they were told, the product's own rules and journals applied to them.

Beside the books that the product's journals make, a second hand writes down what each fact should move (`expect`), from
the table of the ledger alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from services.orders.domain import commissions, journals, payouts, refunds
from services.orders.domain.commissions import Commission, Funding
from services.orders.domain.journals import Cash, Payer
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.lifecycle import Line, Order, SupplierOrderState
from services.orders.domain.payments import Payment, Settling
from services.orders.domain.split import PLATFORM
from services.orders.tests.books import CNY, Books
from shared.contracts.values import Account, Bearer, LineId, RefundState, ShipmentId, SupplierOrderId, Terms

NOW = datetime(2026, 11, 25, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(days=7), NOW - timedelta(seconds=1)
CARRIER, BUYER = "sandbox", "buyer-1"
OPEN: tuple[RefundState, ...] = ("REQUESTED", "APPROVED", "AWAITING_RETURN", "INSPECTED")


@dataclass(frozen=True)
class Sold:
    """A line to be ordered: whose it is, on which terms, for how much a piece."""

    supplier: str
    variant: str
    terms: Terms
    price: int
    qty: int


@dataclass
class Row:
    """A row of the carrier's statement."""

    gross: int
    fee: int
    banked: bool = False


@dataclass
class Part:
    """One supplier's parcel, and where its cash is, by the facts."""

    part_id: SupplierOrderId
    shipment_id: ShipmentId
    order_id: str
    supplier: str
    line_ids: list[LineId]
    due: int
    state: SupplierOrderState = "PLACED"
    collected: int | None = None
    taken: int = 0
    decided: int = 0
    with_carrier: int = 0
    owed_to_carrier: int = 0
    kept: int = 0  # by the carrier, of what it was owed
    charge: tuple[int, Bearer] | None = None
    rows: dict[str, Row] = field(default_factory=dict)

    @property
    def cash(self) -> Cash:
        return Cash(self.shipment_id, CARRIER)

    @property
    def on_the_way(self) -> int:
        return sum(row.gross - row.fee for row in self.rows.values() if not row.banked)

    @property
    def is_over(self) -> bool:
        return self.state not in ("PLACED", "CONFIRMED", "HANDED_OVER")


@dataclass
class Bought:
    """An order, its lines and parcels, its payment."""

    order: Order
    lines: dict[LineId, Line]
    parts: list[Part]
    payment: Payment | None
    sold: list[Sold]
    referrer: str | None
    shares: dict[LineId, list[Commission]] = field(default_factory=dict)
    settling: Settling = field(default_factory=Settling)

    @property
    def order_id(self) -> str:
        return self.order.order_id

    @property
    def settled(self) -> bool:
        return self.settling.settled >= self.settling.captured > 0


@dataclass
class Asked:
    """A refund: of a delivered line's pieces, or of money that paid nothing (`pieces` empty)."""

    refund_id: str
    order_id: str
    part: Part | None
    amount: int
    currency: str
    route: Literal["card", "transfer", "wallet"]
    state: RefundState
    pieces: tuple[refunds.Piece, ...] = ()


@dataclass
class World:
    """Everything at one moment."""

    books: Books = field(default_factory=Books)
    expect: Counter[tuple[str, str]] = field(default_factory=Counter)  # currency, account
    parties: Counter[tuple[str, str]] = field(default_factory=Counter)  # party, account
    orders: dict[str, Bought] = field(default_factory=dict)
    refunds: dict[str, Asked] = field(default_factory=dict)
    payouts: dict[str, payouts.Payout] = field(default_factory=dict)
    told: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    freed: list[tuple[Commission, Part]] = field(default_factory=list)  # by the last act
    gave: list[tuple[list[Commission], list[tuple[Commission, int]], int]] = field(default_factory=list)

    def is_news(self, fact: str) -> bool:
        """Whether the second hand hears of this for the first time."""
        if fact in self.known:
            return False
        self.known.add(fact)
        return True

    def should(self, account: Account, amount: int, party: str | None = None, currency: str = CNY) -> None:
        """The second hand: this account changes by credits less debits."""
        self.expect[currency, account] += amount
        if party and currency == CNY:
            self.parties[party, account] += amount

    def post(self, *made: Journal | None) -> list[Journal]:
        return self.books.post(*made)

    def parts(self) -> Iterator[tuple[Bought, Part]]:
        return ((bought, part) for bought in self.orders.values() for part in bought.parts)

    def party_of(self, bought: Bought, part: Part, bearer: Bearer) -> Payer:
        return Payer(bearer, bought.order.creator_id if bearer == "creator" else part.supplier)

    def occasion(self, bought: Bought, cause: str) -> Occasion:
        return Occasion(bought.order.order_id, CNY, cause)

    # Shares ----------------------------------------------------------------------------------------------------------

    def funding(self, bought: Bought, part: Part) -> Funding:
        lines = [bought.lines[one] for one in part.line_ids]
        due = sum(line.amount for line in lines if line.state in ("DELIVERED", "COMPLETED", "RETURNED"))
        with_us = ("carrier_cash", "cash_in_transit")
        outstanding = -sum(self.books.of_parcel[part.shipment_id, account] for account in with_us)
        mode, collected = bought.order.payment_mode, part.collected or 0
        return Funding(part.part_id, mode, bought.settled, due, collected, part.decided, outstanding)

    def release(self, bought: Bought, cause: str) -> None:
        """Make available what waits for nothing any more."""
        for part, line_id, free in self.ripe(bought):
            self._turn(bought, line_id, free, cause, held=False)
            self.freed += [(share, part) for share in free]

    def ripe(self, bought: Bought) -> list[tuple[Part, LineId, list[Commission]]]:
        """What waits for nothing any more, by line."""
        found = []
        for part in bought.parts:
            funding = self.funding(bought, part)
            for line_id in part.line_ids:
                free = [s for s in bought.shares.get(line_id, []) if self._is_free(s, funding)]
                found += [(part, line_id, free)] if free else []
        return found

    def _is_free(self, share: Commission, funding: Funding) -> bool:
        if not share.held or share.party_kind == PLATFORM or self.has_open_refund(share.line_id):
            return False
        waiting = replace(share, state="EARNED") if share.state in ("IN_PAYOUT", "PAID") else share
        return waiting.state == "EARNED" and not commissions.waits_for(waiting, funding, NOW)

    def hold_again(self, bought: Bought, part: Part, cause: str) -> None:
        """What was made available waits again, unless enough of the money is still there."""
        for line_id in part.line_ids if self.funding(bought, part).waits_for else ():
            out = [s for s in bought.shares.get(line_id, []) if not s.held and s.amount and s.state != "REVERSED"]
            self._turn(bought, line_id, out, cause, held=True)

    def _turn(self, bought: Bought, line_id: LineId, shares: list[Commission], cause: str, *, held: bool) -> None:
        book = journals.held_again if held else journals.released
        self.post(book(self.occasion(bought, cause), line_id, [share.owed for share in shares]))
        for share in shares:
            sign = 1 if held else -1
            self.should("payable:held", sign * share.amount, share.party)
            self.should("payable:available", -sign * share.amount, share.party)
            state = share.state if share.state in ("IN_PAYOUT", "PAID") else "EARNED" if held else "AVAILABLE"
            self.keep(bought, replace(share, held=held, state=state))

    def keep(self, bought: Bought, share: Commission) -> None:
        mine = bought.shares[share.line_id]
        bought.shares[share.line_id] = [share if each.party_kind == share.party_kind else each for each in mine]

    def shares_of(self, party: str) -> Iterator[tuple[Bought, Commission]]:
        for bought in self.orders.values():
            for shares in bought.shares.values():
                yield from ((bought, share) for share in shares if share.party == party)

    def has_open_refund(self, line_id: LineId) -> bool:
        pieces = [piece for refund in self.refunds.values() if refund.state in OPEN for piece in refund.pieces]
        return any(piece.line_id == line_id for piece in pieces)

    # What lies in the bank and is promised to nobody -----------------------------------------------------------------

    def free_in_bank(self) -> int:
        sent = [r for r in self.refunds.values() if r.state == "SUBMITTED" and r.route == "transfer"]
        return self.books.bank() - self.books.totals[CNY, "payable:in_payout"] - sum(refund.amount for refund in sent)

    def is_banked(self, part: Part) -> bool:
        """Of the parcel's cash nothing lies with the carrier or on the way, and no shortage of it is undecided."""
        line_deposits = sum(self.books.of_line[line_id, "buyer_deposits"] for line_id in part.line_ids)
        deposits = self.books.of_parcel[part.shipment_id, "buyer_deposits"] + line_deposits
        return (part.collected or 0) > 0 and part.with_carrier + part.on_the_way <= 0 and deposits >= 0

    def paid_back(self, part: Part) -> int:
        return sum(r.amount for r in self.refunds.values() if r.part is part and r.state == "REFUNDED")

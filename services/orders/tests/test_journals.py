"""The eleven worked histories: each told fact by fact, each closed with nothing left but what may stand.

Below every history stands who has what in the end, in minor units; a line of 1,000 is the supplier's 820, the
creator's 150, the referrer's 20 and the platform's 10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from services.orders.domain import commissions, journals
from services.orders.domain.commissions import Commission
from services.orders.domain.journals import Cash, Payer
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.split import Amount, Part, Split
from services.orders.tests.books import CNY, MAY_STAND, Books
from shared.contracts.values import (
    Bearer,
    LineId,
    OrderId,
    PartyKind,
    PayoutId,
    RefundId,
    ShipmentId,
    SupplierOrderId,
)

ORDER, LINE, PARCEL, PART = OrderId("order"), LineId("line"), ShipmentId("parcel"), SupplierOrderId("part")
CASH = Cash(PARCEL, "carrier")
SHARES: dict[PartyKind, int] = {"supplier": 820, "creator": 150, "referrer": 20, "platform": 10}
SPLIT: Split = tuple(Part(kind, kind, None, Amount(amount, CNY)) for kind, amount in SHARES.items())


@dataclass
class Story:
    """One order of one line at 1,000, and what happens to it."""

    books: Books = field(default_factory=Books)
    shares: list[Commission] = field(default_factory=list)
    _causes: int = 0

    def _book(self, *made: Callable[[Occasion], Journal | None], about: str | None = None) -> None:
        """Journals of one cause; after each step the bank covers what can be asked of it."""
        self._causes += 1
        on = Occasion(None if about else ORDER, CNY, f"cause-{self._causes}", about=about)
        self.books.post(*(journal(on) for journal in made))
        assert self.books.is_funded()

    # By card ---------------------------------------------------------------------------------------------------------

    def the_buyer_pays(self) -> None:
        self._book(lambda on: journals.payment_captured(on, "payment", 1_000))

    def the_provider_settles(self, gross: int, fee: int = 0) -> None:
        supplier = Payer("supplier", "supplier")
        self._book(
            lambda on: journals.payment_settled(on, "payment", gross, fee),
            lambda on: journals.fee_passed_on(on, "payment", "psp_fees", [(supplier, fee)]),
        )

    # At the door, and from there to the bank -------------------------------------------------------------------------

    def the_courier_takes(self, amount: int) -> None:
        self._book(lambda on: journals.cod_collected(on, CASH, amount))

    def the_carrier_remits(self, gross: int, fee: int) -> None:
        supplier = Payer("supplier", "supplier")
        self._book(
            lambda on: journals.cod_remitted(on, "row", CASH, gross, fee),
            lambda on: journals.fee_passed_on(on, "row", "carrier_fees", [(supplier, fee)]),
        )

    def the_bank_has(self, net: int) -> None:
        self._book(lambda on: journals.cod_banked(on, "row", CASH, net))

    def the_shortage_is_borne_by(self, bearer: Bearer, amount: int) -> None:
        self._book(lambda on: journals.shortage_borne(on, "short", CASH, Payer(bearer, bearer), amount))

    def what_was_too_much_is_the_buyers(self, amount: int) -> None:
        self._book(lambda on: journals.cash_over(on, "over", CASH, amount))

    # The parcel ------------------------------------------------------------------------------------------------------

    def the_line_is_delivered(self) -> None:
        self._book(lambda on: journals.line_delivered(on, LINE, SPLIT))
        self.shares = [
            Commission(LINE, kind, kind, ORDER, PART, "EARNED", True, amount, CNY) for kind, amount in SHARES.items()
        ]

    def hold_and_money_are_waited_for(self) -> None:
        self._book(lambda on: journals.released(on, LINE, [share.owed for share in self.shares]))
        self.shares = [self._free(share) for share in self.shares]

    @staticmethod
    def _free(share: Commission) -> Commission:
        return Commission(LINE, share.party_kind, share.party, ORDER, PART, "AVAILABLE", False, share.amount, CNY)

    def nothing_arrives(self, paid: int) -> None:
        self._book(lambda on: journals.refund_approved(on, LINE, paid, LINE))

    def the_way_back_costs(self, amount: int) -> None:
        self._book(lambda on: journals.return_charged(on, CASH, Payer("supplier", "supplier"), amount))

    def the_carrier_keeps_for_it(self, amount: int) -> None:
        self._book(lambda on: journals.charge_settled(on, "charge", CASH, amount))

    # Back to the buyer, and out to the parties -----------------------------------------------------------------------

    def the_buyer_gets_back(self, amount: int) -> None:
        given = commissions.take_back(self.shares, amount)
        taken = [journals.Owed(after.party_kind, after.party, gave, after.held) for after, gave in given]
        self._book(lambda on: journals.refund_of_delivered(on, LINE, LINE, taken))
        left = {share.party_kind: share for share, _ in given}
        self.shares = [left.get(share.party_kind, share) for share in self.shares]

    def the_refund_is_paid(self, amount: int, through: Literal["psp_clearing", "bank"]) -> None:
        self._book(lambda on: journals.refund_paid(on, RefundId("refund"), amount, through))

    def is_paid_out(self, party: str, amount: int) -> None:
        payout = PayoutId(f"payout of {party}")
        self._book(lambda on: journals.payout_requested(on, payout, party, amount), about=payout)
        self._book(lambda on: journals.payout_paid(on, payout, party, amount), about=payout)

    def the_bank_returns(self, party: str, amount: int) -> None:
        payout = PayoutId(f"payout of {party}")
        self._book(lambda on: journals.payout_returned(on, payout, party, amount), about=payout)

    # The end ---------------------------------------------------------------------------------------------------------

    def closes_with(self, *, bank: int, revenue: int = 0, **available: int) -> None:
        """Nothing stands but this; the order's own accounts are all at zero."""
        assert self.books.open_accounts(ORDER) == {}
        standing = {account for (_, account), amount in self.books.totals.items() if amount}
        assert standing <= MAY_STAND
        assert (self.books.bank(), self.books.totals[CNY, "platform_revenue"]) == (bank, revenue)
        assert {p: amount for p, amount in self.books.parties("payable:available") if amount} == available
        assert self._elsewhere(("payable:held", "payable:in_payout")) == 0
        assert bank == revenue + sum(available.values()) - self.books.costs()

    def _elsewhere(self, accounts: Sequence[str]) -> int:
        return sum(abs(self.books.totals[CNY, account]) for account in accounts)


def test_prepaid() -> None:
    story = Story()
    story.the_buyer_pays()
    story.the_line_is_delivered()
    story.the_provider_settles(1_000, fee=6)
    story.hold_and_money_are_waited_for()
    story.closes_with(bank=994, revenue=10, supplier=814, creator=150, referrer=20)


def test_cancelled_before_it_is_handed_over() -> None:
    story = Story()
    story.the_buyer_pays()
    story.nothing_arrives(paid=1_000)
    story.the_refund_is_paid(1_000, "psp_clearing")
    story.closes_with(bank=0)


def test_a_refund_before_the_payout() -> None:
    story = Story()
    story.the_buyer_pays()
    story.the_line_is_delivered()
    story.the_buyer_gets_back(300)  # 246, 45, 6 and 3 of what is still held
    story.the_refund_is_paid(300, "psp_clearing")
    story.the_provider_settles(700, fee=6)
    story.hold_and_money_are_waited_for()
    story.closes_with(bank=694, revenue=7, supplier=568, creator=105, referrer=14)


def test_a_refund_after_the_payout() -> None:
    story = Story()
    story.the_buyer_pays()
    story.the_line_is_delivered()
    story.the_provider_settles(1_000)
    story.hold_and_money_are_waited_for()
    story.is_paid_out("supplier", 820)
    story.is_paid_out("creator", 150)
    story.the_buyer_gets_back(1_000)  # both owe it out of their next earnings
    story.the_refund_is_paid(1_000, "psp_clearing")
    story.the_provider_settles(-1_000)
    story.closes_with(bank=-970, supplier=-820, creator=-150)


def test_cash_on_delivery_with_fees() -> None:
    story = Story()
    story.the_courier_takes(1_000)
    story.the_line_is_delivered()
    story.the_carrier_remits(1_000, fee=12)
    story.the_bank_has(988)
    story.hold_and_money_are_waited_for()
    story.closes_with(bank=988, revenue=10, supplier=808, creator=150, referrer=20)


def test_short_at_the_door_and_borne_by_the_supplier() -> None:
    story = Story()
    story.the_line_is_delivered()
    story.the_courier_takes(900)
    story.the_shortage_is_borne_by("supplier", 100)
    story.the_carrier_remits(900, fee=12)
    story.the_bank_has(888)
    story.hold_and_money_are_waited_for()
    story.closes_with(bank=888, revenue=10, supplier=708, creator=150, referrer=20)


def test_short_at_the_door_and_borne_by_the_carrier() -> None:
    story = Story()
    story.the_line_is_delivered()
    story.the_courier_takes(900)
    story.the_shortage_is_borne_by("carrier", 100)
    story.the_carrier_remits(1_000, fee=12)
    story.the_bank_has(988)
    story.hold_and_money_are_waited_for()
    story.closes_with(bank=988, revenue=10, supplier=808, creator=150, referrer=20)


def test_short_at_the_door_and_borne_by_the_platform() -> None:
    story = Story()
    story.the_line_is_delivered()
    story.the_courier_takes(900)
    story.the_shortage_is_borne_by("platform", 100)
    story.the_carrier_remits(900, fee=0)
    story.the_bank_has(900)
    story.hold_and_money_are_waited_for()
    story.closes_with(bank=900, revenue=10, supplier=820, creator=150, referrer=20)


def test_over_at_the_door() -> None:
    story = Story()
    story.the_courier_takes(1_050)
    story.the_line_is_delivered()
    story.what_was_too_much_is_the_buyers(50)
    story.the_carrier_remits(1_050, fee=12)
    story.the_bank_has(1_038)
    story.hold_and_money_are_waited_for()
    story.the_refund_is_paid(50, "bank")
    story.closes_with(bank=988, revenue=10, supplier=808, creator=150, referrer=20)


def test_refused_at_the_door_with_the_cost_of_the_way_back() -> None:
    story = Story()
    story.the_way_back_costs(80)
    story.the_carrier_keeps_for_it(80)
    story.closes_with(bank=-80, supplier=-80)


def test_a_payout_that_the_bank_returns() -> None:
    story = Story()
    story.the_buyer_pays()
    story.the_line_is_delivered()
    story.the_provider_settles(1_000)
    story.hold_and_money_are_waited_for()
    story.is_paid_out("supplier", 820)
    story.the_bank_returns("supplier", 820)
    story.closes_with(bank=1_000, revenue=10, supplier=820, creator=150, referrer=20)


def test_a_capture_after_the_order_expired() -> None:
    story = Story()
    story.the_buyer_pays()
    story.nothing_arrives(paid=1_000)
    story.the_refund_is_paid(1_000, "psp_clearing")
    story.closes_with(bank=0)


def test_a_lost_parcel_whose_cash_was_taken() -> None:
    story = Story()
    story.the_courier_takes(1_000)
    story.nothing_arrives(paid=1_000)
    story.the_carrier_remits(1_000, fee=0)
    story.the_bank_has(1_000)
    story.the_refund_is_paid(1_000, "bank")
    story.closes_with(bank=0)

"""What goes back to buyers and out to parties, and what the bank and the provider say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from services.orders.domain import commissions, journals, payouts, refunds
from services.orders.domain.journals import Owed
from services.orders.domain.ledger import Occasion
from services.orders.domain.payouts import Funds, Payout
from services.orders.domain.refunds import Piece, Wish
from services.orders.domain.split import PLATFORM
from services.orders.tests.books import CNY
from services.orders.tests.histories.facts import fact
from services.orders.tests.histories.world import BUYER, Asked, Bought, World
from shared.contracts.values import LineId, PayoutId, RefundId
from shared.kernel.errors import Rejected


def _earlier(world: World, order_id: str) -> list[Piece]:
    mine = [r for r in world.refunds.values() if r.order_id == order_id and r.state != "REJECTED"]
    return [piece for refund in mine for piece in refund.pieces]


# Refunds ------------------------------------------------------------------------------------------------------------


@fact
def refund_asked(
    world: World, refund_id: str, order_id: str, wishes: Sequence[tuple[LineId, int, int | None]], wallet: bool
) -> None:
    """A buyer wants money back; what exceeds the line or the cash is refused and changes nothing."""
    bought = world.orders[order_id]
    if not world.is_news(refund_id):
        return  # the same key, the same answer
    earlier = _earlier(world, order_id)
    try:
        asked = [Wish(LineId(line_id), qty, amount) for line_id, qty, amount in wishes]
        pieces = refunds.pieces_asked(bought.order, list(bought.lines.values()), asked, earlier)
        part = next(part for part in bought.parts if pieces[0].line_id in part.line_ids)
        amount = sum(piece.amount for piece in pieces)
        if not bought.order.prepaid:
            before = sum(piece.amount for piece in earlier if piece.line_id in part.line_ids)
            assert part.collected is not None, "it is asked for once the cash is known"
            refunds.check_collected(amount, before, part.collected)
    except Rejected:
        return
    route: Literal["card", "wallet", "transfer"] = (
        "card" if bought.order.prepaid else "wallet" if wallet else "transfer"
    )
    world.refunds[refund_id] = Asked(refund_id, order_id, part, amount, CNY, route, "REQUESTED", pieces)


@fact
def refund_answered(world: World, refund_id: str, yes: bool) -> None:
    """Agreed: each party gives its part back from where it lies. Then nothing of the line waits for the answer."""
    refund = world.refunds.get(refund_id)
    if refund is None or refund.state != "REQUESTED":
        return
    bought = world.orders[refund.order_id]
    for piece in refund.pieces if yes else ():
        if piece.amount:
            _take_back(world, bought, refund, piece)
    refund.state = "REJECTED" if not yes else "SUBMITTED" if refund.route == "card" else "DUE"
    world.release(bought, f"answer to {refund_id}")


def _take_back(world: World, bought: Bought, refund: Asked, piece: Piece) -> None:
    before = list(bought.shares.get(piece.line_id, []))
    given = commissions.take_back(before, piece.amount)
    world.gave.append((before, given, piece.amount))
    on = Occasion(bought.order.order_id, CNY, f"refund:{refund.refund_id}")
    taken = [replace(after.owed, amount=gave) for after, gave in given]
    world.post(journals.refund_of_delivered(on, piece.line_id, piece.line_id, taken))
    world.should("refund_payable", piece.amount)
    for after, gave in given:
        _gives(world, Owed(after.party_kind, after.party, gave, after.held))
        world.keep(bought, after)


def _gives(world: World, owed: Owed) -> None:
    if owed.party_kind == PLATFORM:
        world.should("platform_revenue", -owed.amount, owed.party)
    else:
        world.should("payable:held" if owed.held else "payable:available", -owed.amount, owed.party)


@fact
def refund_by_card(world: World, cause: str, refund_id: str) -> None:
    """The provider gave the buyer the money back."""
    refund = world.refunds[refund_id]
    if refund.state != "SUBMITTED" or refund.route != "card":
        return
    bought = world.orders[refund.order_id]
    on = Occasion(bought.order.order_id, refund.currency, cause)
    world.post(journals.refund_paid(on, RefundId(refund_id), refund.amount, "psp_clearing"))
    world.should("refund_payable", -refund.amount, currency=refund.currency)
    world.should("psp_clearing", refund.amount, currency=refund.currency)
    if refund.currency == CNY:
        bought.settling = replace(bought.settling, refunded=bought.settling.refunded + refund.amount)
    refund.state = "REFUNDED"


@fact
def waiting_refunds_looked_at(world: World, cause: str) -> None:
    """The bank's money pays what it covers, first come first served."""
    due = [r for r in world.refunds.values() if r.state == "DUE" and r.part and world.is_banked(r.part)]
    chosen = set(refunds.covered([(RefundId(r.refund_id), r.amount) for r in due], world.free_in_bank()))
    for refund in due:
        if refund.refund_id in chosen and refund.route == "wallet":
            on = world.occasion(world.orders[refund.order_id], f"wallet:{refund.refund_id}")
            world.post(journals.refund_to_wallet(on, RefundId(refund.refund_id), refund.amount, BUYER))
            world.should("refund_payable", -refund.amount)
            world.should("payable:available", refund.amount, BUYER)
            refund.state = "REFUNDED"
        elif refund.refund_id in chosen:
            refund.state = "SUBMITTED"


@fact
def refund_by_bank(world: World, cause: str, refund_id: str, kind: Literal["paid", "failed", "returned"]) -> None:
    """What the bank says of a transfer to a buyer."""
    refund = world.refunds[refund_id]
    if refund.route != "transfer" or not world.is_news(cause):
        return
    on = world.occasion(world.orders[refund.order_id], cause)
    match kind, refund.state:
        case "paid", "SUBMITTED":
            world.post(journals.refund_paid(on, RefundId(refund_id), refund.amount, "bank"))
            refund.state, moved = "REFUNDED", refund.amount
        case "failed", "SUBMITTED":
            refund.state, moved = "FAILED", 0
        case "returned", "REFUNDED":
            world.post(journals.refund_returned(on, RefundId(refund_id), refund.amount))
            refund.state, moved = "FAILED", -refund.amount
        case _:
            moved = 0
    world.should("refund_payable", -moved)
    world.should("bank", moved, PLATFORM)


@fact
def refund_sent_again(world: World, refund_id: str) -> None:
    refund = world.refunds[refund_id]
    if refund.state == "FAILED" and refund.amount <= world.free_in_bank():
        refund.state = "SUBMITTED"


# Payouts ------------------------------------------------------------------------------------------------------------


@fact
def payout_asked(world: World, payout_id: str, party: str, amount: int) -> None:
    """A party wants its money; more than is available, or than the bank holds, is refused."""
    if not world.is_news(payout_id):
        return  # the same key, the same answer
    available = world.books.of_party[party, "payable:available"]
    try:
        payouts.check_payable(amount, Funds(available, world.free_in_bank()), CNY)
    except Rejected:
        return
    assert amount <= available, "a payout beyond what is available"
    assert amount <= world.free_in_bank(), "a payout beyond what lies in the bank"
    payout = Payout(PayoutId(payout_id), party, "REQUESTED", amount, CNY, party)
    world.payouts[payout_id] = replace(payout.to("APPROVED"), approved_by=payouts.RULE).to("SUBMITTED")
    on = Occasion(None, CNY, f"payout:{payout_id}", about=payout_id)
    world.post(journals.payout_requested(on, payout.payout_id, party, amount))
    world.should("payable:available", -amount, party)
    world.should("payable:in_payout", amount, party)
    _mark(world, party, amount)


def _mark(world: World, party: str, amount: int) -> None:
    """Whole shares as far as the payout reaches; the rest of them are told of by the next one."""
    for bought, share in list(world.shares_of(party)):
        if share.state == "AVAILABLE" and share.amount <= amount:
            amount -= share.amount
            world.keep(bought, replace(share, state="IN_PAYOUT"))


@fact
def payout_by_bank(world: World, cause: str, payout_id: str, kind: Literal["paid", "failed", "returned"]) -> None:
    """What the bank says of a payout; one that came back must have gone out."""
    payout = world.payouts[payout_id]
    if not world.is_news(cause):
        return
    on = Occasion(None, CNY, cause, about=payout_id)
    match kind, payout.state:
        case "paid", "SUBMITTED":
            _paid(world, on, payout)
        case "failed", "SUBMITTED":
            world.payouts[payout_id] = payout.to("FAILED")
            world.post(journals.payout_failed(on, payout.payout_id, payout.party, payout.amount))
            world.should("payable:in_payout", -payout.amount, payout.party)
            world.should("payable:available", payout.amount, payout.party)
        case "returned", "PAID":
            _returned(world, on, payout)
        case "returned", "SUBMITTED":
            _paid(world, on, payout)
            _returned(world, on, world.payouts[payout_id])


def _paid(world: World, on: Occasion, payout: Payout) -> None:
    world.payouts[payout.payout_id] = payout.to("PAID")
    world.post(journals.payout_paid(on, payout.payout_id, payout.party, payout.amount))
    world.should("payable:in_payout", -payout.amount, payout.party)
    world.should("bank", payout.amount, PLATFORM)


def _returned(world: World, on: Occasion, payout: Payout) -> None:
    world.payouts[payout.payout_id] = payout.to("RETURNED")
    world.post(journals.payout_returned(on, payout.payout_id, payout.party, payout.amount))
    world.should("bank", -payout.amount, PLATFORM)
    world.should("payable:available", payout.amount, payout.party)

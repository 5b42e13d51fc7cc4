"""What holds after every step, and what is left when all is over."""

from __future__ import annotations

from collections import Counter

from services.orders.domain.commissions import Commission
from services.orders.tests.books import CNY
from services.orders.tests.histories.world import CARRIER, NOW, Part, World


def check(world: World) -> None:
    """Every law after a step; raises AssertionError with what is wrong."""
    _the_books_are_what_the_second_hand_wrote(world)
    _each_currency_sums_to_zero(world)
    back = taken_back(world)
    _shares_sum_to_their_lines(world, back)
    _what_was_freed_waits_for_nothing(world)
    _what_waits_for_nothing_is_free(world)
    _what_was_taken_back_was_taken_fairly(world)
    _collected_is_remitted_or_outstanding(world)
    _no_refund_exceeds_what_was_paid(world, back)
    for currency in world.books.currencies():
        aside = given_before_it_was_taken_back(world) if currency == CNY else 0
        assert world.books.is_funded(currency, aside=aside), "the bank does not cover what can be asked of it"


def _the_books_are_what_the_second_hand_wrote(world: World) -> None:
    totals = {key: amount for key, amount in world.books.totals.items() if amount}
    assert totals == {key: amount for key, amount in world.expect.items() if amount}
    parties = {key: amount for key, amount in world.books.of_party.items() if amount}
    assert parties == {key: amount for key, amount in world.parties.items() if amount}


def _each_currency_sums_to_zero(world: World) -> None:
    for currency in world.books.currencies():
        assert sum(amount for (name, _), amount in world.books.totals.items() if name == currency) == 0


def _shares_sum_to_their_lines(world: World, back: Counter[str]) -> None:
    for bought in world.orders.values():
        for line_id, shares in bought.shares.items():
            line = bought.lines[line_id]
            assert sum(share.amount for share in shares) == line.amount - back[line_id]
            held = sum(share.amount for share in shares if share.held and share.party_kind != "platform")
            assert world.books.of_line[line_id, "payable:held"] == held


def taken_back(world: World) -> Counter[str]:
    """What went back of each delivered line."""
    back: Counter[str] = Counter()
    for refund in world.refunds.values():
        for piece in refund.pieces if refund.state not in ("REQUESTED", "REJECTED") else ():
            back[piece.line_id] += piece.amount
    return back


def _what_was_freed_waits_for_nothing(world: World) -> None:
    for share, part in world.freed:
        assert share.hold_until is not None, "only what was delivered is made available"
        assert share.hold_until <= NOW, "made available inside the hold"
        assert _is_paid_for(world, share, part), "made available before its money arrived"
    world.freed.clear()


def _what_waits_for_nothing_is_free(world: World) -> None:
    for order_id, bought in world.orders.items():
        assert not world.ripe(bought), f"a share of {order_id} is held, and nothing is left that would free it"


def _is_paid_for(world: World, share: Commission, part: Part) -> bool:
    bought = world.orders[share.order_id]
    if bought.order.prepaid:
        return bought.settling.settled >= bought.settling.captured
    there = part.with_carrier + part.on_the_way <= 0
    return there and (part.collected or 0) + part.decided >= part.due


def _what_was_taken_back_was_taken_fairly(world: World) -> None:
    for before, given, amount in world.gave:
        whole = sum(share.amount for share in before)
        old = {share.party_kind: share.amount for share in before}
        assert sum(gave for _, gave in given) == amount
        for after, gave in given:
            assert 0 <= gave <= old[after.party_kind], "no share is paid by a refund, or taken below zero"
            assert abs(gave * whole - amount * old[after.party_kind]) < whole, "divided over what remains"
    world.gave.clear()


def _collected_is_remitted_or_outstanding(world: World) -> None:
    parts = [part for _, part in world.parts()]
    assert sum(part.with_carrier for part in parts) == -world.books.of_party[CARRIER, "carrier_cash"]
    assert sum(part.on_the_way for part in parts) == -world.books.of_party[CARRIER, "cash_in_transit"]


def _no_refund_exceeds_what_was_paid(world: World, back: Counter[str]) -> None:
    for bought in world.orders.values():
        mine = [r for r in world.refunds.values() if r.order_id == bought.order_id and r.state != "REJECTED"]
        if bought.payment:
            assert sum(r.amount for r in mine if r.currency == CNY) <= bought.settling.captured
        for line_id, line in bought.lines.items():
            assert back[line_id] <= line.amount
        for part in bought.parts if not bought.order.prepaid else []:
            assert sum(r.amount for r in mine if r.part is part) <= part.taken, "more goes back than was collected"


def given_before_it_was_taken_back(world: World) -> int:
    """What buyers and carriers got out of cash that the bank took back afterwards: nobody but the carrier owes it."""
    unfunded = [part for _, part in world.parts() if part.with_carrier + part.on_the_way > 0]
    return sum(world.paid_back(part) + part.kept for part in unfunded)


def check_closed(world: World) -> None:
    """All is over: nothing stands but profit and loss, the bank and the parties' balances."""
    for order_id in world.orders:
        assert world.books.open_accounts(order_id) == {}
        assert world.books.of_order[order_id]["payable:held"] == 0
    for currency in world.books.currencies():
        assert world.books.is_funded(currency)
    assert world.books.totals[CNY, "payable:in_payout"] == 0

"""Refunds that buyers ask for, on a real PostgreSQL: from the wish to the money."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from services.orders.domain import journals
from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.domain.refunds import Piece, Wish
from services.orders.store import lifecycle as lifecycle_store
from services.orders.tests.journey import BUYER, CHEAP, Journey
from services.orders.tests.market import Goods, order_of
from services.orders.tests.purse import Purse, names, supplier
from services.orders.usecases.ledger import post, postings
from services.orders.usecases.lifecycle import COMPLETE_ORDER
from services.orders.usecases.refunds import APPROVE_REFUND, PAY_REFUND, Back, give_back
from shared.contracts.event import Cause
from shared.contracts.values import LineId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id


@pytest.fixture
def purse(journey: Journey) -> Purse:
    return Purse(journey)


# Asking and answering ---------------------------------------------------------------------------------------------


async def test_a_buyer_asks_and_the_supplier_has_two_days(purse: Purse) -> None:
    order = await purse.delivered()
    refund = await purse.ask(order)
    assert (refund.state, refund.amount, refund.route) == ("REQUESTED", CHEAP, "card")
    assert refund.approve_by is not None
    assert await purse.journey.timers(refund.refund_id) == [APPROVE_REFUND]  # type: ignore[arg-type]
    (told,) = await purse.journey.bodies(refund.refund_id, "RefundRequested")
    assert (told["requested_by"], told["amount"]["amount"], told["buyer_ref"]) == ("buyer", CHEAP, "buyer-1")


async def test_an_agreed_refund_takes_back_each_partys_part_and_goes_to_the_provider(purse: Purse) -> None:
    order = await purse.delivered()
    before = await purse.journey.accounts(order)
    refund = await purse.approve(await purse.ask(order), supplier(order))
    assert refund.state == "SUBMITTED"
    after = await purse.journey.accounts(order)
    assert before["payable:held"] > 0
    assert after == {"psp_clearing": -CHEAP, "refund_payable": CHEAP}
    told = await purse.journey.told(refund.refund_id)
    assert told == ["RefundRequested", "RefundApproved", "RefundSubmitted"]
    (approved,) = await purse.journey.bodies(refund.refund_id, "RefundApproved")
    assert (approved["approved_by"], approved["state"]) == ("supplier", "DUE")
    assert await purse.journey.timers(refund.refund_id) == []  # type: ignore[arg-type]


async def test_a_supplier_who_says_nothing_has_agreed(purse: Purse) -> None:
    order = await purse.delivered()
    refund = await purse.ask(order)
    await purse.stay_silent(refund)
    await purse.stay_silent(refund)
    assert await purse.refund_state(refund) == "SUBMITTED"
    (approved,) = await purse.journey.bodies(refund.refund_id, "RefundApproved")
    assert approved["approved_by"] == "timer"


async def test_a_rejected_refund_moves_no_money_and_its_pieces_can_be_asked_for_again(purse: Purse) -> None:
    order = await purse.delivered()
    before = await purse.journey.accounts(order)
    refund = await purse.reject(await purse.ask(order), supplier(order))
    assert (refund.state, refund.note) == ("REJECTED", "worn")
    await purse.stay_silent(refund)
    assert await purse.journey.accounts(order) == before
    assert (await purse.ask(order)).amount == CHEAP
    assert await purse.journey.told(refund.refund_id) == ["RefundRequested", "RefundRejected"]


async def test_what_is_decided_is_not_decided_again(purse: Purse) -> None:
    refund = await purse.approve(await purse.ask(await purse.delivered()))
    for act in (purse.approve, purse.reject, purse.inspect, purse.submit_again):
        with pytest.raises(Rejected, match="illegal_transition"):
            await act(refund)
    assert await purse.refund_state(refund) == "SUBMITTED"


async def test_yes_and_no_at_once_leave_one_answer(purse: Purse) -> None:
    refund = await purse.ask(await purse.delivered())
    answers = await asyncio.gather(purse.approve(refund), purse.reject(refund), return_exceptions=True)
    assert sum(isinstance(answer, Rejected) for answer in answers) == 1
    assert await purse.refund_state(refund) in ("SUBMITTED", "REJECTED")


async def test_somebody_elses_order_and_refund_are_not_there(purse: Purse) -> None:
    order = await purse.delivered()
    for nosy in (Asker("buyer", "nosy"), Asker("service", "nosy"), supplier(order)):
        with pytest.raises(Rejected, match="not_found"):
            await purse.ask(order, asker=nosy)
    refund = await purse.ask(order)
    for nosy in (Asker("supplier", new_id()), BUYER):
        with pytest.raises(Rejected, match="not_found"):
            await purse.approve(refund, nosy)
    assert await purse.refund_state(refund) == "REQUESTED"


# How much ---------------------------------------------------------------------------------------------------------


async def test_the_same_pieces_are_not_asked_for_twice(purse: Purse) -> None:
    order = await purse.delivered()
    answers = await asyncio.gather(purse.ask(order), purse.ask(order), return_exceptions=True)
    assert sum(isinstance(answer, Rejected) and answer.code == "refund_exceeds_line" for answer in answers) == 1
    assert len(await purse.refunds_of(order)) == 1


async def test_a_part_of_the_amount_leaves_the_rest_to_the_parties(purse: Purse) -> None:
    order = await purse.delivered()
    refund = await purse.approve(await purse.ask(order, Wish(order.lines[0].line_id, 1, 1_000, "CNY")))
    accounts = await purse.journey.accounts(order)
    assert (refund.amount, accounts["refund_payable"]) == (1_000, 1_000)
    assert accounts["payable:held"] + accounts["platform_revenue"] == CHEAP - 1_000


@pytest.mark.parametrize("answer", ["rejected", "agreed", "silence", "not accepted"])
async def test_what_waited_for_the_answer_alone_is_available_with_it(purse: Purse, answer: str) -> None:
    order = await purse.delivered()
    kind = "return_and_refund" if answer == "not accepted" else "refund_only"
    refund = await purse.ask(order, Wish(order.lines[0].line_id, 1, 1_000, "CNY"), kind=kind)
    await purse.settle(order)
    await purse.release(order)  # nothing is left to come after it but the answer
    assert "payable:available" not in await purse.journey.accounts(order)
    if answer == "rejected":
        await purse.reject(refund)
    elif answer == "silence":
        await purse.stay_silent(refund)
    else:
        await purse.approve(refund)
    if answer == "not accepted":
        await purse.inspect(refund, accepted=False)
    accounts = await purse.journey.accounts(order)
    back = 1_000 if answer in ("agreed", "silence") else 0
    assert accounts.get("payable:held", 0) == 0
    assert accounts["payable:available"] + accounts["platform_revenue"] == CHEAP - back
    assert (await purse.journey.said(supplier(order).party))[-1]["name"] == "CommissionAvailable"


async def test_two_suppliers_are_asked_each_for_itself(purse: Purse) -> None:
    order = await purse.delivered(CHEAP, CHEAP)
    with pytest.raises(Rejected, match="several_suppliers"):
        await purse.ask(order, *(Wish(line.line_id, 1) for line in order.lines))


async def test_what_was_not_delivered_is_not_refunded_on_request(purse: Purse) -> None:
    order = await purse.journey.paid()
    with pytest.raises(Rejected, match="not_refundable"):
        await purse.ask(order)


async def test_after_the_after_sale_window_nothing_is_refunded(purse: Purse) -> None:
    order = await purse.delivered()
    await purse.close(order)
    assert await purse.journey.state(order) == "COMPLETED"
    with pytest.raises(Rejected, match="not_refundable"):
        await purse.ask(order)


async def test_a_line_of_another_order_is_unknown(purse: Purse) -> None:
    with pytest.raises(Rejected, match="unknown_line"):
        await purse.ask(await purse.delivered(), Wish(LineId(new_id()), 1))


async def test_what_the_courier_did_not_take_is_not_given_back(purse: Purse) -> None:
    order = await purse.journey.order(CHEAP)
    (parcel,) = await purse.journey.shipped(order)
    await purse.journey.hear(parcel.delivered(), parcel.collected(amount=4_000))
    with pytest.raises(Rejected, match="refund_exceeds_line"):
        await purse.ask(order)
    assert (await purse.ask(order, Wish(order.lines[0].line_id, 1, 4_000, "CNY"))).amount == 4_000


async def test_cash_that_nobody_has_reported_is_not_given_back_yet(purse: Purse) -> None:
    order = await purse.journey.order(CHEAP)
    (parcel,) = await purse.journey.shipped(order)
    await purse.journey.hear(parcel.delivered())
    with pytest.raises(Rejected, match="refund_exceeds_line"):
        await purse.ask(order)
    await purse.journey.hear(parcel.collected())
    assert (await purse.ask(order)).amount == CHEAP


async def test_a_load_tests_order_pays_nothing_back(purse: Purse) -> None:
    order = await purse.journey.paid(CHEAP, loadtest=True)
    (parcel,) = await purse.journey.shipped(order)
    await purse.journey.hear(parcel.delivered())
    with pytest.raises(Rejected, match="not_refundable"):
        await purse.ask(order)


# Goods that come back ---------------------------------------------------------------------------------------------


async def test_goods_come_back_before_the_money_goes(purse: Purse) -> None:
    order = await purse.delivered()
    refund = await purse.approve(await purse.ask(order, kind="return_and_refund"))
    assert refund.state == "AWAITING_RETURN"
    assert "refund_payable" not in await purse.journey.accounts(order)
    ((_, sold),) = await purse.journey.stock(order)
    refund = await purse.inspect(refund)
    assert refund.state == "SUBMITTED"
    assert await purse.journey.stock(order) == [(0, sold - 1)]
    assert await purse.journey.line_states(order) == ["RETURNED"]
    told = await purse.journey.told(refund.refund_id)
    assert told == ["RefundRequested", "RefundApproved", "RefundInspected", "RefundSubmitted"]


async def test_damaged_goods_are_paid_back_and_not_sold_again(purse: Purse) -> None:
    order = await purse.delivered()
    before = await purse.journey.stock(order)
    refund = await purse.inspect(await purse.approve(await purse.ask(order, kind="return_and_refund")), damaged=True)
    assert refund.state == "SUBMITTED"
    assert await purse.journey.stock(order) == before


async def test_what_is_not_accepted_is_not_paid_back(purse: Purse) -> None:
    order = await purse.delivered()
    before = await purse.journey.accounts(order)
    refund = await purse.approve(await purse.ask(order, kind="return_and_refund"))
    refund = await purse.inspect(refund, accepted=False)
    assert (refund.state, refund.note) == ("REJECTED", "an empty box")
    assert await purse.journey.accounts(order) == before
    told = await purse.journey.told(refund.refund_id)
    assert told == ["RefundRequested", "RefundApproved", "RefundInspected", "RefundRejected"]


async def test_a_line_is_returned_once_its_last_piece_came_back(purse: Purse) -> None:
    goods = await purse.journey.market.sell(Goods(price=CHEAP))
    placed = await purse.journey.market.placed(order_of(goods, goods.wanted(2), payment="prepaid"))
    assert await purse.journey.capture(placed) == "applied"
    (parcel,) = await purse.journey.shipped(placed)
    await purse.journey.hear(parcel.delivered())
    wish = Wish(placed.lines[0].line_id, 1)
    for state in ("DELIVERED", "RETURNED"):
        refund = await purse.approve(await purse.ask(placed, wish, kind="return_and_refund"))
        await purse.inspect(refund)
        assert await purse.journey.line_states(placed) == [state]
    assert await purse.journey.accounts(placed) == {"psp_clearing": -2 * CHEAP, "refund_payable": 2 * CHEAP}


# By card ----------------------------------------------------------------------------------------------------------


async def test_the_provider_gives_the_money_back_and_the_order_is_zero(purse: Purse) -> None:
    order = await purse.delivered()
    refund = await purse.approve(await purse.ask(order))
    assert await purse.card_refunded(order, CHEAP, refund_id=refund.refund_id, psp_ref="R1") == "refunded"
    assert await purse.refund_state(refund) == "REFUNDED"
    assert await purse.journey.payment_state(order) == "REFUNDED"
    assert await purse.journey.accounts(order) == {}
    (paid,) = await purse.journey.bodies(refund.refund_id, "RefundPaid")
    assert (paid["paid_ref"], paid["state"]) == ("R1", "REFUNDED")
    (told,) = await purse.journey.bodies(order.payment_id or "", "PaymentRefunded")
    assert (told["refund_id"], told["state"]) == (refund.refund_id, "REFUNDED")


async def test_a_part_refunded_payment_says_so(purse: Purse) -> None:
    order = await purse.delivered()
    wish = Wish(order.lines[0].line_id, 1, 1_000, "CNY")
    await purse.approve(await purse.ask(order, wish))
    assert await purse.card_refunded(order, 1_000) == "refunded"
    assert await purse.journey.payment_state(order) == "PART_REFUNDED"


async def test_the_same_refund_told_twice_is_paid_once(purse: Purse) -> None:
    order = await purse.delivered()
    await purse.approve(await purse.ask(order))
    report = purse.journey.report(order, "refunded")
    again = [replace(report, webhook_id=f"again-{n}") for n in range(3)]
    answers = await asyncio.gather(*(purse.journey.take(each) for each in (report, *again)))
    assert answers == ["refunded"] * 4
    assert await purse.journey.accounts(order) == {}
    assert names(await purse.journey.told(order.payment_id or "")).count("PaymentRefunded") == 1


@pytest.mark.parametrize("changes", [{"amount": CHEAP - 1}, {"currency": "USD"}])
async def test_another_sum_than_ours_is_kept_and_moves_nothing(purse: Purse, changes: dict[str, object]) -> None:
    order = await purse.delivered()
    refund = await purse.approve(await purse.ask(order))
    report = purse.journey.report(order, "refunded", refund_id=refund.refund_id, **changes)
    assert await purse.journey.take(report) == "amount_differs"
    assert await purse.refund_state(refund) == "SUBMITTED"
    assert (await purse.journey.accounts(order))["refund_payable"] == CHEAP


async def test_a_refund_of_nothing_we_asked_for_is_kept(purse: Purse) -> None:
    order = await purse.delivered()
    assert await purse.card_refunded(order, CHEAP) == "kept"
    assert await purse.card_refunded(order, CHEAP, refund_id=new_id()) == "kept"
    assert await purse.journey.payment_state(order) == "CAPTURED"


# Of cash on delivery ----------------------------------------------------------------------------------------------


async def test_a_transfer_waits_until_the_cash_is_banked(purse: Purse) -> None:
    order = await purse.delivered(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    assert (refund.state, refund.route) == ("DUE", "transfer")
    await purse.tick()
    assert await purse.refund_state(refund) == "DUE"
    assert await purse.journey.timers(refund.refund_id) == [PAY_REFUND]  # type: ignore[arg-type]
    await purse.bank(order)
    await purse.tick()
    assert await purse.refund_state(refund) == "SUBMITTED"
    assert await purse.bank_says("paid", refund) == "paid"
    assert await purse.refund_state(refund) == "REFUNDED"
    assert await purse.journey.accounts(order) == {}
    await purse.is_sound()


async def test_other_peoples_cash_pays_no_transfer(purse: Purse) -> None:
    await purse.earned(CHEAP, CHEAP, payment="cod")
    order = await purse.delivered(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    assert await purse.refund_state(refund) == "DUE"


async def test_a_transfer_waits_when_the_money_was_paid_out_already(purse: Purse) -> None:
    order = await purse.earned(payment="cod")
    party = supplier(order).party
    payout = await purse.pay_out(party, await purse.balance(party, "payable:available"))
    await purse.bank_says("paid", payout)
    refund = await purse.approve(await purse.ask(order))
    assert await purse.balance(party, "payable:available") < 0
    await purse.tick()
    assert await purse.refund_state(refund) == "DUE"
    await purse.earned(CHEAP, CHEAP, payment="cod")
    await purse.tick()
    assert await purse.refund_state(refund) == "SUBMITTED"


async def test_into_the_wallet_it_is_the_buyers_balance(purse: Purse) -> None:
    order = await purse.delivered(payment="cod")
    refund = await purse.approve(await purse.ask(order, route="wallet"))
    await purse.tick()
    assert await purse.refund_state(refund) == "DUE"
    await purse.bank(order)
    await purse.tick()
    assert await purse.refund_state(refund) == "REFUNDED"
    assert await purse.balance("buyer-1", "payable:available") == CHEAP
    payout = await purse.pay_out("buyer-1", CHEAP)
    assert await purse.bank_says("paid", payout) == "paid"
    assert await purse.in_bank() == 0


async def test_a_card_payment_does_not_go_into_a_wallet(purse: Purse) -> None:
    with pytest.raises(Rejected, match="route_not_possible"):
        await purse.ask(await purse.delivered(), route="wallet")


async def test_a_failed_transfer_is_still_the_buyers_and_is_sent_again(purse: Purse) -> None:
    order = await purse.earned(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    assert await purse.bank_says("failed", refund, reason="no such account") == "failed"
    assert await purse.refund_state(refund) == "FAILED"
    assert (await purse.journey.accounts(order))["refund_payable"] == CHEAP
    assert (await purse.submit_again(refund)).state == "SUBMITTED"
    assert await purse.bank_says("paid", refund) == "paid"
    told = await purse.journey.told(refund.refund_id)
    assert told[-4:] == ["RefundSubmitted", "RefundFailed", "RefundSubmitted", "RefundPaid"]


async def test_a_transfer_that_comes_back_is_owed_again(purse: Purse) -> None:
    order = await purse.earned(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    await purse.bank_says("paid", refund)
    assert await purse.in_bank() == 0
    assert await purse.bank_says("returned", refund) == "returned"
    assert (await purse.in_bank(), await purse.refund_state(refund)) == (CHEAP, "FAILED")
    assert (await purse.journey.accounts(order))["refund_payable"] == CHEAP
    await purse.submit_again(refund)
    await purse.bank_says("paid", refund)
    assert await purse.journey.accounts(order) == {}


async def test_a_transfer_back_before_we_heard_that_it_went_is_owed_again(purse: Purse) -> None:
    order = await purse.earned(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    assert [await purse.bank_says(kind, refund) for kind in ("returned", "paid")] == ["returned", "kept"]
    assert (await purse.in_bank(), await purse.refund_state(refund)) == (CHEAP, "FAILED")
    assert (await purse.journey.accounts(order))["refund_payable"] == CHEAP


async def test_a_transfer_is_not_sent_again_without_the_banks_money(purse: Purse) -> None:
    order = await purse.earned(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    await purse.bank_says("failed", refund)
    await purse.unbank(order)
    with pytest.raises(Rejected, match="not_banked"):
        await purse.submit_again(refund)


# Nothing is paid by itself ----------------------------------------------------------------------------------------


async def test_money_that_came_too_late_is_a_refund_of_its_own(purse: Purse) -> None:
    order = await purse.journey.prepaid()
    await purse.journey.expire(order)
    report = purse.journey.report(order)
    assert [await purse.journey.take(report), await purse.journey.take(report)] == ["order_not_open"] * 2
    (refund,) = await purse.refunds_of(order)
    assert (refund["kind"], refund["state"], refund["amount"]) == ("automatic", "SUBMITTED", CHEAP)
    told = await purse.journey.told(refund["refund_id"])
    assert told == ["RefundApproved", "RefundSubmitted"]
    assert await purse.card_refunded(order, CHEAP) == "refunded"
    assert await purse.journey.accounts(order) == {}
    assert await purse.journey.payment_state(order) == "EXPIRED"


async def test_another_currency_goes_back_in_that_currency(purse: Purse) -> None:
    order = await purse.journey.prepaid()
    await purse.journey.capture(order, currency="USD")
    (refund,) = await purse.refunds_of(order)
    assert (refund["currency"], refund["reason"]) == ("USD", "currency_differs")
    assert await purse.card_refunded(order, CHEAP, currency="USD") == "refunded"
    assert await purse.journey.capture(order) == "applied"


async def test_a_second_capture_goes_back_and_the_first_one_stands(purse: Purse) -> None:
    order = await purse.journey.paid()
    await purse.journey.capture(order)
    assert await purse.card_refunded(order, CHEAP) == "refunded"
    assert await purse.journey.payment_state(order) == "CAPTURED"
    assert await purse.journey.accounts(order) == {"psp_clearing": -CHEAP, "buyer_deposits": CHEAP}


# The order's end --------------------------------------------------------------------------------------------------


async def test_an_open_refund_keeps_the_order_open_until_it_ends(purse: Purse) -> None:
    order = await purse.delivered()
    refund = await purse.approve(await purse.ask(order))
    await purse.close(order)
    assert await purse.journey.state(order) == "FULFILLED"
    await purse.card_refunded(order, CHEAP, refund_id=refund.refund_id)
    assert COMPLETE_ORDER in await purse.journey.timers(order.order_id)
    await purse.close(order)
    assert await purse.journey.state(order) == "COMPLETED"


async def test_a_refund_that_ends_inside_the_window_does_not_shorten_it(purse: Purse) -> None:
    order = await purse.delivered()
    query = "SELECT due_at FROM timers WHERE kind = $1 AND subject = $2"
    before = await purse.journey.db.pool.fetchval(query, COMPLETE_ORDER, order.order_id)
    await purse.reject(await purse.ask(order))
    assert await purse.journey.db.pool.fetchval(query, COMPLETE_ORDER, order.order_id) == before


# What the rest of the service gives back ----------------------------------------------------------------------------


async def _give_back(purse: Purse, order: Placed, *, cause: str = "event-1") -> None:
    """As for a parcel with all lines of the order that never travelled."""
    (locked,) = (await purse.journey.run(lambda tx: lifecycle_store.lock(tx, [order.order_id]))).values()
    on, part = Occasion(order.order_id, "CNY", cause), order.supplier_orders[0].supplier_order_id
    backs = [
        Back(
            order=locked,
            supplier_order_id=part,
            reason="cancelled",
            journal=journals.refund_approved(on, line.line_id, line.amount.amount, line.line_id),
            because=Cause(),
            lines=(Piece(line.line_id, line.qty, line.amount.amount),),
        )
        for line in order.lines
    ]

    async def act(tx: Tx) -> None:
        await outbox.append(tx, await give_back(tx, backs))

    await purse.journey.run(act)


async def test_all_lines_of_a_parcel_go_back_in_one_refund_and_once(purse: Purse) -> None:
    order = await purse.journey.paid(CHEAP, CHEAP)
    await _give_back(purse, order)
    await _give_back(purse, order)
    (refund,) = await purse.refunds_of(order)
    assert (refund["amount"], refund["state"], refund["kind"]) == (2 * CHEAP, "SUBMITTED", "automatic")
    (told,) = await purse.journey.bodies(refund["refund_id"], "RefundApproved")
    assert (told["approved_by"], len(told["lines"]), told["state"]) == ("rule", 2, "DUE")
    assert await purse.card_refunded(order, 2 * CHEAP) == "refunded"
    assert await purse.journey.payment_state(order) == "REFUNDED"
    assert await purse.journey.accounts(order) == {}


async def test_cash_taken_for_a_prepaid_parcel_goes_back_by_transfer_once_it_is_banked(purse: Purse) -> None:
    """The card's provider never had it; what the card had paid is a refund of its own."""
    order = await purse.delivered()
    (parcel,) = purse.journey.parcels(order)
    (locked,) = (await purse.journey.run(lambda tx: lifecycle_store.lock(tx, [order.order_id]))).values()
    on, cash = Occasion(order.order_id, "CNY", "decision"), journals.Cash(parcel.shipment_id, "sandbox")
    part, taken = parcel.part.supplier_order_id, journals.remitted_over(on, "d", cash, 700)
    over = Back(locked, part, "over", journals.cash_over(on, "d", cash, 700), Cause(), in_cash=True)
    card = Back(locked, part, "lost", journals.refund_approved(on, "l", CHEAP), Cause())

    async def decide(tx: Tx) -> None:
        await outbox.append(tx, [*await post(tx, postings(Cause(), taken)), *await give_back(tx, [over, card])])

    async def bank(tx: Tx) -> None:
        remitted = journals.cod_remitted(on, "row", cash, 700, 0)
        await outbox.append(tx, await post(tx, postings(Cause(), remitted, journals.cod_banked(on, "row", cash, 700))))

    await purse.journey.run(decide)
    await purse.tick()
    found = {each["route"]: each for each in await purse.refunds_of(order)}
    assert {route: (each["state"], each["amount"]) for route, each in found.items()} == {
        "card": ("SUBMITTED", CHEAP),
        "transfer": ("DUE", 700),
    }
    await purse.journey.run(bank)
    await purse.tick()
    assert await purse.refund_state(found["transfer"]["refund_id"]) == "SUBMITTED"


async def test_a_load_tests_money_is_not_given_back(purse: Purse) -> None:
    order = await purse.journey.paid(CHEAP, loadtest=True)
    await _give_back(purse, order)
    assert (await purse.refunds_of(order), await purse.journey.accounts(order)) == ([], {})


async def test_cash_that_reaches_the_bank_wakes_the_refunds_that_wait_for_it(purse: Purse) -> None:
    order = await purse.delivered(payment="cod")
    await purse.approve(await purse.ask(order))
    await purse.tick()
    due = "SELECT due_at <= now() FROM timers WHERE kind = $1"
    assert await purse.journey.db.pool.fetchval(due, PAY_REFUND) is False
    await purse.bank(order)
    assert await purse.journey.db.pool.fetchval(due, PAY_REFUND) is True

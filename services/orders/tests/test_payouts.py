"""Payouts: never more than is theirs, never what the bank does not hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.domain.payouts import FOLLOWS, Funds, Payout, approved, check_payable
from services.orders.tests.journey import CHEAP, Edge, Journey
from services.orders.tests.purse import LIMIT, OPERATOR, Purse, bank_calls, cny, supplier
from shared.contracts.values import PayoutId, PayoutState
from shared.kernel import webhooks
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id

MUCH = 2 * LIMIT  # minor units; what a supplier has of it is above the limit


@pytest.fixture
def purse(journey: Journey) -> Purse:
    return Purse(journey)


async def _mine(purse: Purse, order: Placed) -> tuple[str, int]:
    """The order's first supplier and what is available to them."""
    party = supplier(order).party
    return party, await purse.balance(party, "payable:available")


# On paper -----------------------------------------------------------------------------------------------------------


@given(st.integers(1, 200), st.integers(-50, 150), st.integers(-50, 150))
def test_nothing_goes_out_that_is_not_both_theirs_and_banked(amount: int, available: int, free: int) -> None:
    try:
        check_payable(amount, Funds(available, free), "CNY")
    except Rejected as refusal:
        assert refusal.code == ("exceeds_available" if amount > available else "not_banked")
        assert amount > min(available, free)
    else:
        assert amount <= min(available, free)


@given(st.lists(st.sampled_from(list(FOLLOWS)), max_size=8))
def test_no_history_of_a_payout_leaves_the_machine(steps: list[PayoutState]) -> None:
    here = Payout(PayoutId("p"), "s", "REQUESTED", 1, "CNY", "s")
    for step in steps:
        allowed = step in FOLLOWS[here.state]
        try:
            here = here.to(step)
        except Rejected as refusal:
            assert (refusal.code, allowed) == ("illegal_transition", False)
        else:
            assert allowed


def test_who_asked_does_not_approve() -> None:
    payout = Payout(PayoutId("p"), "s", "REQUESTED", 1, "CNY", "op-1")
    with pytest.raises(Rejected, match="second_person_needed"):
        approved(payout, "op-1")
    assert approved(payout, "op-2").approved_by == "op-2"


# Asked and paid -----------------------------------------------------------------------------------------------------


async def test_a_small_payout_goes_to_the_bank_at_once_and_is_paid(purse: Purse) -> None:
    party, available = await _mine(purse, await purse.earned())
    payout = await purse.pay_out(party, available)
    assert (payout.state, payout.approved_by) == ("SUBMITTED", "rule")
    assert await purse.balance(party, "payable:in_payout") == available
    assert await purse.bank_says("paid", payout) == "paid"
    assert await purse.balance(party, "payable:in_payout") == 0
    assert await purse.in_bank() == CHEAP - available
    told = await purse.journey.told(payout.payout_id)
    assert [name for name in told if name != "LedgerPosted"] == [
        "PayoutRequested",
        "PayoutApproved",
        "PayoutSubmitted",
        "PayoutPaid",
    ]
    assert "CommissionPaid" in await purse.journey.told(party)
    await purse.is_sound()


async def test_a_payout_over_what_is_available_is_refused_and_names_it(purse: Purse) -> None:
    party, available = await _mine(purse, await purse.earned(CHEAP, CHEAP))
    with pytest.raises(Rejected) as refused:
        await purse.pay_out(party, available + 1)
    assert (refused.value.code, refused.value.extra["available"]) == ("exceeds_available", cny(available))
    assert await purse.journey.db.pool.fetchval("SELECT count(*) FROM payouts") == 0


async def test_what_is_held_is_not_paid_out(purse: Purse) -> None:
    order = await purse.delivered()
    with pytest.raises(Rejected, match="exceeds_available"):
        await purse.pay_out(supplier(order).party, 1)


async def test_the_whole_balance_asked_for_twice_at_once_is_paid_once(purse: Purse) -> None:
    party, available = await _mine(purse, await purse.earned())
    answers = await asyncio.gather(*(purse.pay_out(party, available) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, Payout) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Rejected)} == {"exceeds_available"}
    assert await purse.balance(party, "payable:available") == 0
    await purse.is_sound()


async def test_two_parties_at_once_do_not_take_the_same_money_of_the_bank(purse: Purse) -> None:
    """The bank's own balance is one row: what it lacks is lacking for one of them."""
    first, second = await purse.earned(), await purse.earned()
    await purse.journey.db.pool.execute("UPDATE balances SET amount = $1 WHERE account = 'bank'", -CHEAP)
    wanted = [await _mine(purse, order) for order in (first, second)]
    answers = await asyncio.gather(*(purse.pay_out(*each) for each in wanted), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Payout", "Rejected"]
    assert [answer.code for answer in answers if isinstance(answer, Rejected)] == ["not_banked"]


async def test_money_promised_to_a_buyer_is_not_paid_to_a_party(purse: Purse) -> None:
    first, second = await purse.earned(payment="cod"), await purse.earned(payment="cod")
    await purse.approve(await purse.ask(first))
    await purse.tick()
    await purse.journey.db.pool.execute("UPDATE balances SET amount = $1 WHERE account = 'bank'", -CHEAP)
    with pytest.raises(Rejected, match="not_banked"):
        await purse.pay_out(*await _mine(purse, second))


async def test_a_large_payout_waits_for_a_second_person(purse: Purse) -> None:
    party, available = await _mine(purse, await purse.earned(MUCH))
    payout = await purse.pay_out(party, available, by="op-1")
    assert payout.state == "REQUESTED"
    with pytest.raises(Rejected, match="second_person_needed"):
        await purse.approve_payout(payout, by="op-1")
    sent = await purse.approve_payout(payout, by="op-2")
    assert (sent.state, sent.approved_by) == ("SUBMITTED", "op-2")
    with pytest.raises(Rejected, match="illegal_transition"):
        await purse.approve_payout(payout, by="op-3")


async def test_a_payout_is_not_approved_once_the_bank_took_its_money_back(purse: Purse) -> None:
    order = await purse.earned(MUCH, payment="cod")
    party, available = await _mine(purse, order)
    payout = await purse.pay_out(party, available)
    await purse.unbank(order)
    with pytest.raises(Rejected, match="not_banked"):
        await purse.approve_payout(payout)
    await purse.is_sound()


# What the bank says -------------------------------------------------------------------------------------------------


async def test_what_the_bank_does_not_pay_is_available_again(purse: Purse) -> None:
    party, available = await _mine(purse, await purse.earned())
    payout = await purse.pay_out(party, available)
    assert await purse.bank_says("failed", payout, reason="account closed") == "failed"
    assert await purse.balance(party, "payable:available") == available
    (told,) = await purse.journey.bodies(payout.payout_id, "PayoutFailed")
    assert (told["failure"], told["state"]) == ("account closed", "FAILED")
    assert (await purse.pay_out(party, available)).state == "SUBMITTED"


@pytest.mark.parametrize("told", [("paid", "returned"), ("returned", "paid")])
async def test_what_comes_back_after_it_was_paid_is_available_again(purse: Purse, told: tuple[str, str]) -> None:
    """Also when the bank's first word is lost on the way and comes later."""
    party, available = await _mine(purse, await purse.earned())
    payout = await purse.pay_out(party, available)
    answers = [await purse.bank_says(kind, payout) for kind in told]
    assert answers == (["paid", "returned"] if told[0] == "paid" else ["returned", "kept"])
    assert await purse.balance(party, "payable:available") == available
    assert await purse.balance(party, "payable:in_payout") == 0
    assert await purse.in_bank() == CHEAP
    assert (await purse.journey.told(payout.payout_id))[-1] == "PayoutReturned"


async def test_the_same_word_of_the_bank_counts_once(purse: Purse) -> None:
    party, available = await _mine(purse, await purse.earned())
    payout = await purse.pay_out(party, available)
    calls = [{"bank_ref": "B", "webhook_id": f"w{n}"} for n in range(4)]
    answers = await asyncio.gather(*(purse.bank_says("paid", payout, **each) for each in calls))
    again = await purse.bank_says("paid", payout, bank_ref="another name", webhook_id="w0")
    assert [*answers, again] == ["paid"] * 5
    assert await purse.in_bank() == CHEAP - available


@pytest.mark.parametrize("changes", [{"amount": 1}, {"currency": "USD"}])
async def test_another_amount_than_ours_is_kept_and_moves_nothing(purse: Purse, changes: dict[str, Any]) -> None:
    party, available = await _mine(purse, await purse.earned())
    payout = await purse.pay_out(party, available)
    assert await purse.bank_says("paid", payout, **changes) == "amount_differs"
    assert await purse.balance(party, "payable:in_payout") == available
    kept = await purse.journey.db.pool.fetchval("SELECT outcome FROM bank_callbacks")
    assert kept == "amount_differs"


# At the edge --------------------------------------------------------------------------------------------------------


async def test_a_supplier_asks_is_paid_and_sees_it(purse: Purse, edge: Edge) -> None:
    order = await purse.earned()
    party, available = await _mine(purse, order)
    who = supplier(order)
    asked = await edge.post(who, "/payouts", {"party": party, "amount": cny(available)}, key="k")
    again = await edge.post(who, "/payouts", {"party": party, "amount": cny(available)}, key="k")
    assert (asked.status_code, asked.json()["state"]) == (201, "SUBMITTED")
    assert again.json() == asked.json()
    payout_id = asked.json()["payout_id"]
    call = {"bank": "sandbox", "kind": "paid", "payout_id": payout_id, "amount": available, "currency": "CNY"}
    call |= {"bank_ref": "B1", "at": "2026-11-25T08:00:00Z"}
    answer = await bank_calls(edge, call)
    assert (answer.status_code, answer.json()) == (200, {"outcome": "paid"})
    shown = (await edge.get(who, f"/payouts/{payout_id}")).json()
    assert (shown["state"], shown["bank_ref"], shown["amount"]) == ("PAID", "B1", cny(available))
    balance = (await edge.get(who, f"/balances/{party}")).json()
    assert (balance["paid"], balance["available"], balance["in_payout"]) == (cny(available), cny(0), cny(0))
    listed = (await edge.get(who, "/payouts?state=PAID")).json()["items"]
    assert [each["payout_id"] for each in listed] == [payout_id]


@pytest.mark.parametrize(
    ("amount", "status", "code"),
    [
        (cny(0), 422, "validation_failed"),
        (cny(-5), 422, "validation_failed"),
        (cny(10**16), 422, "validation_failed"),
        ({"amount": 1, "currency": "USD"}, 409, "exceeds_available"),
        (cny(10**9), 409, "exceeds_available"),
    ],
)
async def test_a_payout_that_can_not_be_is_refused_by_name(
    purse: Purse, edge: Edge, amount: dict[str, object], status: int, code: str
) -> None:
    order = await purse.earned()
    who = supplier(order)
    answer = await edge.post(who, "/payouts", {"party": who.party, "amount": amount})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await purse.journey.db.pool.fetchval("SELECT count(*) FROM payouts") == 0


async def test_somebody_elses_money_is_not_there(purse: Purse, edge: Edge) -> None:
    order = await purse.earned()
    party, available = await _mine(purse, order)
    nosy = Asker("supplier", new_id())
    asked = await edge.post(nosy, "/payouts", {"party": party, "amount": cny(1)})
    payout = await purse.pay_out(party, available)
    answers = [
        asked,
        await edge.get(nosy, f"/payouts/{payout.payout_id}"),
        await edge.get(nosy, f"/payouts?party={party}"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 3
    assert (await edge.get(nosy, "/payouts")).json()["items"] == []
    own = await edge.post(supplier(order), f"/payouts/{payout.payout_id}/approve", {})
    assert own.status_code == 403


async def test_an_operator_asks_for_a_party_and_another_one_approves(purse: Purse, edge: Edge) -> None:
    party, available = await _mine(purse, await purse.earned(MUCH))
    asked = await edge.post(OPERATOR, "/payouts", {"party": party, "amount": cny(available)})
    assert (asked.status_code, asked.json()["state"]) == (201, "REQUESTED")
    path = f"/payouts/{asked.json()['payout_id']}/approve"
    same = await edge.post(OPERATOR, path, {})
    assert (same.status_code, same.json()["code"]) == (409, "second_person_needed")
    other = await edge.post(Asker("operator", "op-2"), path, {})
    assert (other.status_code, other.json()["state"]) == (200, "SUBMITTED")
    waiting = (await edge.get(OPERATOR, f"/payouts?party={party}&state=REQUESTED")).json()
    assert waiting["items"] == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"payout_id": new_id()}, 404, "not_found"),
        ({"refund_id": new_id()}, 422, "validation_failed"),
        ({"amount": 0}, 422, "validation_failed"),
        ({"kind": "lost"}, 422, "validation_failed"),
        ({"tip": 1}, 422, "validation_failed"),
    ],
)
async def test_a_word_of_the_bank_that_makes_no_sense_is_refused(
    edge: Edge, changes: dict[str, Any], status: int, code: str
) -> None:
    call = {"bank": "sandbox", "kind": "paid", "payout_id": new_id(), "amount": 5, "currency": "CNY"}
    call |= {"bank_ref": "B1", "at": "2026-11-25T08:00:00Z", **changes}
    answer = await bank_calls(edge, call)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_forged_word_of_the_bank_changes_nothing(purse: Purse, edge: Edge) -> None:
    party, available = await _mine(purse, await purse.earned())
    payout = await purse.pay_out(party, available)
    call = {"bank": "sandbox", "kind": "paid", "payout_id": payout.payout_id, "amount": available, "currency": "CNY"}
    answer = await bank_calls(edge, {**call, "bank_ref": "B1", "at": "2026-11-25T08:00:00Z"}, key=webhooks.new_key())
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert await purse.balance(party, "payable:in_payout") == available

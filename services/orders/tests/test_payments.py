"""What a payment provider reports."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.orders.domain.order import Placed
from services.orders.domain.payments import Payment, judge_capture
from services.orders.tests.journey import BUYER, CHEAP, Edge, Journey
from shared.contracts.values import OrderId, PaymentId
from shared.kernel import webhooks
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id

AT = "2026-01-02T03:04:05Z"


def callback(order: Placed, **changes: Any) -> dict[str, Any]:
    payable = order.payable
    body = {"payment_id": order.payment_id, "kind": "captured", "amount": payable.amount, "currency": payable.currency}
    return {**body, "psp_ref": f"ref-{order.payment_id}", "at": AT, **changes}


async def test_a_capture_of_the_exact_sum_confirms_the_order(journey: Journey) -> None:
    order = await journey.prepaid(CHEAP, CHEAP)
    assert await journey.capture(order) == "applied"
    assert (await journey.state(order), await journey.payment_state(order)) == ("CONFIRMED", "CAPTURED")
    assert await journey.line_states(order) == ["CONFIRMED", "CONFIRMED"]
    assert await journey.told_of(order) == ["OrderPlaced", "OrderConfirmed"]
    (confirmed,) = await journey.bodies(order.order_id, "OrderConfirmed")
    assert confirmed["confirmed_by"] == "capture"
    assert await journey.accounts(order) == {"psp_clearing": -2 * CHEAP, "buyer_deposits": 2 * CHEAP}
    assert await journey.timers(order.order_id) == []


async def test_the_capture_is_told_with_its_outcome(journey: Journey) -> None:
    order = await journey.paid()
    assert await journey.told(order.payment_id or "") == ["PaymentCaptured"]
    (told,) = await journey.bodies(order.payment_id or "", "PaymentCaptured")
    assert (told["outcome"], told["state"], told["captured"]["amount"]) == ("applied", "CAPTURED", CHEAP)


@pytest.mark.parametrize("again", [{}, {"webhook_id": "another call"}, {"psp_ref": "another name"}])
async def test_the_same_report_twice_takes_effect_once(journey: Journey, again: dict[str, Any]) -> None:
    order = await journey.prepaid()
    report = journey.report(order)
    answers = [await journey.take(report), await journey.take(replace(report, **again))]
    assert answers == ["applied", "applied"]
    assert await journey.told(order.payment_id or "") == ["PaymentCaptured"]
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "buyer_deposits": CHEAP}


async def test_a_report_sent_many_times_at_once_takes_effect_once(journey: Journey) -> None:
    order = await journey.prepaid()
    report = journey.report(order)
    answers = await asyncio.gather(*(journey.take(replace(report, webhook_id=f"call-{n}")) for n in range(6)))
    assert answers == ["applied"] * 6
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "buyer_deposits": CHEAP}


@pytest.mark.parametrize("amount", [CHEAP - 1, CHEAP + 1])
async def test_another_amount_goes_back_and_the_order_waits_on(journey: Journey, amount: int) -> None:
    order = await journey.prepaid()
    assert await journey.capture(order, amount=amount) == "amount_differs"
    assert (await journey.state(order), await journey.payment_state(order)) == ("PLACED", "PENDING")
    assert await journey.accounts(order) == {"psp_clearing": -amount, "refund_payable": amount}
    assert await journey.capture(order) == "applied"


async def test_another_currency_goes_back_in_that_currency(journey: Journey) -> None:
    order = await journey.prepaid()
    assert await journey.capture(order, currency="USD") == "currency_differs"
    currencies = await journey.db.pool.fetch("SELECT DISTINCT currency FROM journals")
    assert [row["currency"] for row in currencies] == ["USD"]
    assert await journey.state(order) == "PLACED"


async def test_money_that_comes_after_expiry_goes_back_whole(journey: Journey) -> None:
    order = await journey.prepaid()
    await journey.expire(order)
    assert await journey.capture(order) == "order_not_open"
    assert (await journey.state(order), await journey.payment_state(order)) == ("EXPIRED", "EXPIRED")
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "refund_payable": CHEAP}
    (told,) = await journey.bodies(order.payment_id or "", "PaymentCaptured")
    assert (told["outcome"], told["state"]) == ("order_not_open", "EXPIRED")
    assert await journey.stock(order) == [(0, 0)]


async def test_money_that_comes_after_a_cancellation_goes_back_whole(journey: Journey) -> None:
    order = await journey.prepaid()
    await journey.cancel(order)
    assert await journey.capture(order) == "order_not_open"
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "refund_payable": CHEAP}


async def test_a_second_capture_of_a_paid_order_goes_back(journey: Journey) -> None:
    order = await journey.paid()
    assert await journey.capture(order) == "order_not_open"
    assert await journey.state(order) == "CONFIRMED"
    assert await journey.accounts(order) == {
        "psp_clearing": -2 * CHEAP,
        "buyer_deposits": CHEAP,
        "refund_payable": CHEAP,
    }


async def test_capture_and_expiry_at_once_leave_one_story(journey: Journey) -> None:
    for _ in range(10):
        order = await journey.prepaid()
        outcome, _ = await asyncio.gather(journey.capture(order), journey.expire(order))
        assert await journey.state(order) == {"applied": "CONFIRMED", "order_not_open": "EXPIRED"}[outcome]


async def test_after_a_failure_the_buyer_may_try_again(journey: Journey) -> None:
    order = await journey.prepaid()
    assert await journey.take(journey.report(order, "failed", reason="card declined")) == "failed"
    assert (await journey.state(order), await journey.payment_state(order)) == ("PLACED", "FAILED")
    assert await journey.capture(order) == "applied"
    assert await journey.told(order.payment_id or "") == ["PaymentFailed", "PaymentCaptured"]


async def test_a_failure_told_after_the_capture_changes_nothing(journey: Journey) -> None:
    order = await journey.paid()
    assert await journey.take(journey.report(order, "failed")) == "too_late"
    assert await journey.payment_state(order) == "CAPTURED"


async def test_a_refund_the_provider_tells_of_is_kept(journey: Journey) -> None:
    order = await journey.paid()
    assert await journey.take(journey.report(order, "refunded")) == "kept"
    kept = await journey.db.pool.fetchval("SELECT count(*) FROM payment_callbacks WHERE kind = 'refunded'")
    assert kept == 1


async def test_a_payment_that_is_none_of_ours_is_not_there(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    with pytest.raises(Rejected, match="not_found"):
        await journey.capture(order)


async def test_a_load_tests_payment_leaves_the_books_alone(journey: Journey) -> None:
    order = await journey.prepaid(CHEAP, loadtest=True)
    assert await journey.capture(order) == "applied"
    assert (await journey.state(order), await journey.accounts(order)) == ("CONFIRMED", {})
    flags = await journey.db.pool.fetch(
        "SELECT headers->>'ce_loadtest' AS flag FROM outbox WHERE topic = 'orders.orders'"
    )
    assert {row["flag"] for row in flags} == {"true"}


def test_only_the_exact_sum_for_an_open_order_pays_it() -> None:
    payment = Payment(PaymentId("p"), OrderId("o"), "PENDING", 100, "CNY", 0)
    assert judge_capture(payment, "PLACED", 100, "CNY") == "applied"
    assert judge_capture(payment, "PLACED", 99, "CNY") == "amount_differs"
    assert judge_capture(payment, "PLACED", 100, "USD") == "currency_differs"
    assert judge_capture(payment, "EXPIRED", 100, "CNY") == "order_not_open"
    assert judge_capture(replace(payment, state="CAPTURED"), "PLACED", 100, "CNY") == "order_not_open"


# At the edge --------------------------------------------------------------------------------------------------------


async def test_a_signed_callback_is_answered_the_same_each_time(journey: Journey, edge: Edge) -> None:
    order = await journey.prepaid()
    first = await edge.call_back(callback(order), webhook_id="w")
    again = await edge.call_back(callback(order), webhook_id="w")
    assert (first.status_code, first.json()) == (200, {"payment_id": order.payment_id, "outcome": "applied"})
    assert again.content == first.content


async def test_what_is_due_back_is_shown_with_the_order(journey: Journey, edge: Edge) -> None:
    order = await journey.prepaid()
    await journey.expire(order)
    await edge.call_back(callback(order))
    shown = (await edge.get(BUYER, f"/orders/{order.order_id}")).json()
    assert shown["payment"]["refund_due"] == {"amount": CHEAP, "currency": "CNY"}


async def test_a_forged_callback_changes_nothing(journey: Journey, edge: Edge) -> None:
    order = await journey.prepaid()
    answer = await edge.call_back(callback(order), key=webhooks.new_key())
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_invalid")
    assert await journey.state(order) == "PLACED"


async def test_a_callback_for_an_unknown_payment_answers_404(journey: Journey, edge: Edge) -> None:
    order = await journey.prepaid()
    answer = await edge.call_back(callback(order, payment_id=new_id()))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("wrong", [{"amount": -1}, {"amount": 0}, {"amount": 1.5}, {"kind": "won"}, {"tip": 1}])
async def test_a_callback_of_another_shape_answers_422(journey: Journey, edge: Edge, wrong: dict[str, Any]) -> None:
    order = await journey.prepaid()
    answer = await edge.call_back(callback(order, **wrong))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize(
    ("currency", "status", "said"),
    [("CNY", 200, None), ("USD", 422, "currency_mismatch"), ("cny", 422, "validation_failed")],
)
async def test_a_settlement_may_say_its_currency(
    journey: Journey, edge: Edge, currency: str, status: int, said: str | None
) -> None:
    order = await journey.paid()
    gross, fee = ({"amount": amount, "currency": currency} for amount in (CHEAP, 30))
    row = {"payment_id": order.payment_id, "gross": gross, "fee": fee}
    body = {"settlement_id": new_id(), "payments": [row], "bank_ref": "B-1"}
    answer = await edge.call_back(body, route="settlements")
    assert (answer.status_code, answer.json().get("code")) == (status, said)
    assert ("PaymentSettled" in await journey.told(order.payment_id or "")) is (status == 200)

"""Refunds over HTTP: who asks, who answers, what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.tests.journey import BUYER, CHEAP, Edge, Journey
from services.orders.tests.purse import OPERATOR, Purse, bank_calls, cny, supplier
from shared.kernel.ids import new_id

AT = "2026-11-25T08:00:00Z"


@pytest.fixture
def purse(journey: Journey) -> Purse:
    return Purse(journey)


def wanted(order: Placed, line: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    first = {"line_id": order.lines[0].line_id, "qty": 1, **(line or {})}
    return {"lines": [first], "kind": "refund_only", "reason": "it is broken", **changes}


async def test_a_buyer_asks_the_supplier_agrees_the_provider_pays(purse: Purse, edge: Edge) -> None:
    order = await purse.delivered()
    path = f"/orders/{order.order_id}/refunds"
    asked = await edge.post(BUYER, path, wanted(order), key="k")
    again = await edge.post(BUYER, path, wanted(order), key="k")
    assert (asked.status_code, again.headers.get("idempotency-replayed")) == (201, "true")
    refund = asked.json()
    assert again.json() == refund
    assert (refund["state"], refund["amount"], refund["route"], refund["kind"]) == (
        "REQUESTED",
        cny(CHEAP),
        "card",
        "refund_only",
    )
    assert refund["approve_by"]
    assert refund["lines"] == [{"line_id": order.lines[0].line_id, "qty": 1, "amount": cny(CHEAP)}]
    refund_id = refund["refund_id"]
    agreed = await edge.post(supplier(order), f"/refunds/{refund_id}/approve", {})
    assert (agreed.status_code, agreed.json()["state"]) == (200, "SUBMITTED")
    call = {"payment_id": order.payment_id, "kind": "refunded", "amount": CHEAP, "currency": "CNY", "at": AT}
    taken = await edge.call_back({**call, "psp_ref": "R1", "refund_id": refund_id})
    assert taken.json() == {"payment_id": order.payment_id, "outcome": "refunded"}
    shown = (await edge.get(BUYER, f"/refunds/{refund_id}")).json()
    assert (shown["state"], shown["paid_ref"]) == ("REFUNDED", "R1")


async def test_each_role_lists_its_own(purse: Purse, edge: Edge) -> None:
    first, second = await purse.delivered(), await purse.delivered()
    old, new = await purse.ask(first), await purse.ask(second)
    query = f"/refunds?order_id={first.order_id}"

    async def ids(asker: Asker, path: str) -> list[str]:
        return [each["refund_id"] for each in (await edge.get(asker, path)).json()["items"]]

    assert await ids(BUYER, "/refunds") == await ids(OPERATOR, "/refunds") == [new.refund_id, old.refund_id]
    assert await ids(supplier(first), "/refunds") == [old.refund_id]
    assert await ids(Asker("service", "buyer-1"), query) == [old.refund_id]
    assert await ids(Asker("buyer", "nosy"), query) == []
    assert await ids(OPERATOR, "/refunds?state=REFUNDED") == []
    page = (await edge.get(BUYER, "/refunds?limit=1")).json()
    assert await ids(BUYER, f"/refunds?limit=1&cursor={page['next_cursor']}") == [old.refund_id]


async def test_somebody_elses_refund_is_not_there(purse: Purse, edge: Edge) -> None:
    order = await purse.delivered()
    refund = await purse.ask(order)
    nosy = Asker("supplier", new_id())
    answers = [
        await edge.post(Asker("buyer", "nosy"), f"/orders/{order.order_id}/refunds", wanted(order)),
        await edge.get(Asker("buyer", "nosy"), f"/refunds/{refund.refund_id}"),
        await edge.get(nosy, f"/refunds/{refund.refund_id}"),
        await edge.post(nosy, f"/refunds/{refund.refund_id}/approve", {}),
        await edge.post(nosy, f"/refunds/{refund.refund_id}/reject", {"note": "no"}),
        await edge.post(nosy, f"/refunds/{refund.refund_id}/inspected", {"accepted": True, "damaged": False}),
        await edge.post(OPERATOR, f"/refunds/{new_id()}/approve", {}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_found")] * 7
    assert (await edge.post(BUYER, f"/refunds/{refund.refund_id}/approve", {})).status_code == 403


@pytest.mark.parametrize(
    ("line", "changes", "status", "code"),
    [
        ({"qty": 0}, {}, 422, "validation_failed"),
        ({"qty": -1}, {}, 422, "validation_failed"),
        ({"amount": cny(0)}, {}, 422, "validation_failed"),
        ({"amount": cny(-1)}, {}, 422, "validation_failed"),
        ({"amount": 100}, {}, 422, "validation_failed"),
        ({}, {"lines": []}, 422, "validation_failed"),
        ({}, {"kind": "automatic"}, 422, "validation_failed"),
        ({}, {"route": "card"}, 422, "validation_failed"),
        ({}, {"reason": " "}, 422, "validation_failed"),
        ({}, {"tip": 1}, 422, "validation_failed"),
        ({}, {"route": "wallet"}, 422, "route_not_possible"),
        ({"line_id": new_id()}, {}, 422, "unknown_line"),
        ({"amount": {"amount": 1, "currency": "USD"}}, {}, 422, "currency_mismatch"),
        ({"amount": cny(CHEAP + 1)}, {}, 409, "refund_exceeds_line"),
        ({"amount": cny(10**16)}, {}, 409, "refund_exceeds_line"),
        ({"qty": 2}, {}, 409, "refund_exceeds_line"),
    ],
)
async def test_a_wish_that_can_not_be_is_refused_by_name_and_leaves_nothing(
    purse: Purse, edge: Edge, line: dict[str, Any], changes: dict[str, Any], status: int, code: str
) -> None:
    order = await purse.delivered()
    answer = await edge.post(BUYER, f"/orders/{order.order_id}/refunds", wanted(order, line, **changes))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await purse.refunds_of(order) == []


async def test_a_line_named_twice_is_refused(purse: Purse, edge: Edge) -> None:
    order = await purse.delivered()
    body = wanted(order)
    answer = await edge.post(BUYER, f"/orders/{order.order_id}/refunds", {**body, "lines": body["lines"] * 2})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_a_refusal_may_say_why(purse: Purse, edge: Edge) -> None:
    order = await purse.delivered()
    refund = await purse.ask(order, kind="return_and_refund")
    path = f"/refunds/{refund.refund_id}"
    await edge.post(supplier(order), f"{path}/approve", {})
    found = {"accepted": False, "damaged": True}
    answer = await edge.post(supplier(order), f"{path}/inspected", {**found, "note": "worn out"})
    assert (answer.json()["state"], answer.json()["note"]) == ("REJECTED", "worn out")
    answer = await edge.post(supplier(order), f"{path}/reject", {"note": "again"})
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")


@pytest.mark.parametrize("body", [None, {}])
async def test_a_refusal_needs_no_word(purse: Purse, edge: Edge, body: dict[str, Any] | None) -> None:
    order = await purse.delivered()
    refund = await purse.ask(order, kind="refund_only")
    answer = await edge.post(supplier(order), f"/refunds/{refund.refund_id.upper()}/reject", body)
    assert (answer.status_code, answer.json()["state"], answer.json()["note"]) == (200, "REJECTED", "")


async def test_what_came_back_is_not_accepted_without_a_word(purse: Purse, edge: Edge) -> None:
    order = await purse.delivered()
    refund = await purse.ask(order, kind="return_and_refund")
    path = f"/refunds/{refund.refund_id}"
    await edge.post(supplier(order), f"{path}/approve", None)
    answer = await edge.post(supplier(order), f"{path}/inspected", {"accepted": False, "damaged": False})
    assert (answer.status_code, answer.json()["state"], answer.json()["note"]) == (200, "REJECTED", "")


async def test_the_bank_pays_a_transfer_and_says_so_twice(purse: Purse, edge: Edge) -> None:
    order = await purse.earned(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    call = {"bank": "sandbox", "kind": "paid", "refund_id": refund.refund_id, "amount": CHEAP, "currency": "CNY"}
    call |= {"bank_ref": "B1", "at": AT}
    answers = [await bank_calls(edge, call, webhook_id=one) for one in ("w1", "w1", "w2")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"outcome": "paid"})] * 3
    assert await purse.in_bank() == 0


async def test_an_operator_sends_a_failed_transfer_again(purse: Purse, edge: Edge) -> None:
    order = await purse.earned(payment="cod")
    refund = await purse.approve(await purse.ask(order))
    await purse.tick()
    await purse.bank_says("failed", refund)
    path = f"/refunds/{refund.refund_id}/submit"
    assert (await edge.post(supplier(order), path, {})).status_code == 403
    assert (await edge.post(OPERATOR, path, {})).json()["state"] == "SUBMITTED"

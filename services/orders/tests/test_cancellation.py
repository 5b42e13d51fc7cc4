"""Cancelling: until an order is confirmed orders alone decides, after it each parcel's own row."""

from __future__ import annotations

import asyncio

import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.tests.journey import BUYER, CHEAP, DEAR, Edge, Journey
from shared.kernel.errors import Rejected

OPERATOR = Asker("operator", "op")


async def test_an_order_that_is_not_confirmed_is_cancelled_at_once(journey: Journey) -> None:
    order = await journey.order(DEAR)
    standing = await journey.cancel(order)
    assert (standing.state, standing.asked) == ("CANCELLED", ())
    assert (await journey.line_states(order), await journey.part_states(order)) == (["CANCELLED"], ["CANCELLED"])
    assert await journey.stock(order) == [(0, 0)]
    assert await journey.told_of(order) == ["OrderPlaced", "OrderCancelled"]


async def test_cancelling_twice_tells_once(journey: Journey) -> None:
    order = await journey.order(DEAR)
    first, second = await journey.cancel(order), await journey.cancel(order)
    assert first == second
    assert await journey.told_of(order) == ["OrderPlaced", "OrderCancelled"]


async def test_of_a_confirmed_order_the_parcels_are_asked(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    standing = await journey.cancel(order)
    assert (standing.state, standing.cancellation) == ("CONFIRMED", "REQUESTED")
    assert set(standing.asked) == {part.supplier_order_id for part in order.supplier_orders}
    (asked,) = await journey.bodies(order.order_id, "CancellationRequested")
    assert (tuple(asked["supplier_order_ids"]), asked["requested_by"]) == (standing.asked, "buyer")
    assert await journey.line_states(order) == ["CONFIRMED", "CONFIRMED"]


async def test_parcels_are_asked_once(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    first, second = await journey.cancel(order), await journey.cancel(order)
    assert first == second
    assert (await journey.told_of(order)).count("CancellationRequested") == 1


async def test_only_parcels_that_are_not_handed_over_are_asked(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, second = journey.parcels(order)
    await journey.hear(first.handed_over())
    standing = await journey.cancel(order)
    assert standing.asked == (second.part.supplier_order_id,)


async def test_a_parcel_called_off_ends_its_lines_and_frees_their_pieces(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = journey.parcels(order)
    await journey.cancel(order)
    await journey.hear(parcel.cancelled())
    assert (await journey.state(order), await journey.line_states(order)) == ("CLOSED", ["CANCELLED"])
    assert await journey.cancellation(order) == "DONE"
    assert await journey.stock(order) == [(0, 0)]
    assert (await journey.told_of(order))[-1] == "OrderClosed"


async def test_a_cancellation_that_came_too_late_lets_the_parcel_go_on(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = journey.parcels(order)
    await journey.cancel(order)
    await journey.hear(parcel.handed_over(), parcel.refused_to_cancel())
    assert (await journey.cancellation(order), await journey.line_states(order)) == ("REFUSED", ["SHIPPED"])
    await journey.hear(parcel.delivered())
    assert await journey.state(order) == "FULFILLED"


async def test_an_order_half_called_off_goes_on_with_the_other_half(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, second = journey.parcels(order)
    await journey.cancel(order)
    await journey.hear(first.cancelled())
    assert await journey.cancellation(order) == "REQUESTED"
    await journey.hear(second.handed_over(), second.refused_to_cancel())
    assert (await journey.state(order), await journey.cancellation(order)) == ("CONFIRMED", "DONE")
    await journey.hear(second.delivered())
    assert await journey.state(order) == "FULFILLED"


async def test_what_the_carrier_has_is_not_cancelled(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    await journey.shipped(order)
    with pytest.raises(Rejected, match="handed_over"):
        await journey.cancel(order)
    assert await journey.cancellation(order) is None


async def test_a_fulfilled_order_is_not_cancelled(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    with pytest.raises(Rejected, match="illegal_transition"):
        await journey.cancel(order)


async def test_a_completed_order_is_not_cancelled(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    await journey.complete(order)
    with pytest.raises(Rejected, match="illegal_transition"):
        await journey.cancel(order)


async def test_a_refused_order_is_not_cancelled(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.returned())
    with pytest.raises(Rejected, match="illegal_transition"):
        await journey.cancel(order)


async def test_an_expired_order_is_not_cancelled(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.expire(order)
    with pytest.raises(Rejected, match="illegal_transition"):
        await journey.cancel(order)


async def test_what_is_paid_and_called_off_is_due_back(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    (parcel,) = journey.parcels(order)
    await journey.cancel(order)
    await journey.hear(parcel.cancelled())
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "refund_payable": CHEAP}


# Suppliers ----------------------------------------------------------------------------------------------------------


async def test_a_supplier_asks_for_its_own_part_only(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, _ = journey.parcels(order)
    standing = await journey.cancel_part(first)
    assert standing.asked == (first.part.supplier_order_id,)
    (asked,) = await journey.bodies(order.order_id, "CancellationRequested")
    assert asked["requested_by"] == "supplier"


async def test_the_buyer_may_ask_for_the_rest(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, second = journey.parcels(order)
    await journey.cancel_part(first)
    await journey.cancel(order)
    asked = await journey.bodies(order.order_id, "CancellationRequested")
    assert [body["supplier_order_ids"] for body in asked] == [
        [first.part.supplier_order_id],
        [second.part.supplier_order_id],
    ]


async def test_before_confirmation_a_supplier_cancels_the_whole_order(journey: Journey) -> None:
    order = await journey.order(DEAR, CHEAP)
    first, _ = journey.parcels(order)
    assert (await journey.cancel_part(first)).state == "CANCELLED"
    (told,) = await journey.bodies(order.order_id, "OrderCancelled")
    assert told["cancelled_by"] == "supplier"


async def test_a_part_called_off_stays_so_when_asked_again(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, _ = journey.parcels(order)
    await journey.cancel_part(first)
    await journey.hear(first.cancelled())
    assert (await journey.cancel_part(first)).cancellation == "DONE"
    assert (await journey.told_of(order)).count("CancellationRequested") == 1


async def test_another_suppliers_part_is_not_there(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, second = journey.parcels(order)
    with pytest.raises(Rejected, match="not_found"):
        await journey.cancel_part(first, Asker("supplier", second.part.supplier_id))


async def test_suppliers_see_their_parts_by_state(journey: Journey, edge: Edge) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, _ = await journey.shipped(order)
    mine = Asker("supplier", first.part.supplier_id)
    (shown,) = (await edge.get(mine, "/supplier-orders?state=HANDED_OVER")).json()["items"]
    assert (shown["order_id"], shown["shipment_id"]) == (order.order_id, first.shipment_id)
    assert shown["cod_amount"] == {"amount": CHEAP, "currency": "CNY"}
    assert [line["state"] for line in shown["lines"]] == ["SHIPPED"]
    assert (await edge.get(mine, "/supplier-orders?state=CONFIRMED")).json()["items"] == []
    assert len((await edge.get(OPERATOR, "/supplier-orders")).json()["items"]) == 2
    assert (await edge.get(mine, "/supplier-orders?state=NOWHERE")).status_code == 422


# At the edge, and at once -------------------------------------------------------------------------------------------


async def test_cancelling_answers_200_when_done_and_202_when_asked(journey: Journey, edge: Edge) -> None:
    placed, confirmed = await journey.order(DEAR), await journey.order(CHEAP)
    (part,) = confirmed.supplier_orders
    done = await edge.post(BUYER, f"/orders/{placed.order_id}/cancel", {"reason": "too dear"})
    asked = await edge.post(BUYER, f"/orders/{confirmed.order_id}/cancel", {"reason": "too dear"})
    assert (done.status_code, done.json()["state"]) == (200, "CANCELLED")
    assert (asked.status_code, asked.json()["cancellation"]) == (202, "REQUESTED")
    assert asked.json()["supplier_order_ids"] == [part.supplier_order_id]


async def test_cancelling_what_is_handed_over_answers_409(journey: Journey, edge: Edge) -> None:
    order = await journey.order(CHEAP)
    await journey.shipped(order)
    answer = await edge.post(OPERATOR, f"/orders/{order.order_id}/cancel", {"reason": "lost interest"})
    assert (answer.status_code, answer.json()["code"]) == (409, "handed_over")


async def test_cancel_and_hand_over_at_once_leave_one_story(journey: Journey) -> None:
    for _ in range(20):
        order = await journey.order(CHEAP)
        (parcel,) = journey.parcels(order)
        answer, _ = await asyncio.gather(
            journey.cancel(order), journey.hear(parcel.handed_over()), return_exceptions=True
        )
        assert (await journey.line_states(order), await journey.stock(order)) == (["SHIPPED"], [(0, 1)])
        asked = "CancellationRequested" in await journey.told_of(order)
        assert asked is not isinstance(answer, Rejected)
        assert await journey.cancellation(order) == ("REQUESTED" if asked else None)


async def test_cancel_confirm_and_expiry_at_once_leave_one_of_them(journey: Journey) -> None:
    for _ in range(10):
        order = await journey.order(DEAR)
        acts = (journey.cancel(order), journey.confirm(order), journey.expire(order))
        await asyncio.gather(*acts, return_exceptions=True)
        told = await journey.told_of(order)
        first = {"CONFIRMED": "OrderConfirmed", "CANCELLED": "OrderCancelled", "EXPIRED": "OrderExpired"}
        assert told[1] == first[await journey.state(order)]
        assert await journey.stock(order) == [(1 if told[1] == "OrderConfirmed" else 0, 0)]

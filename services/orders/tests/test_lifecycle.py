"""An order from placement to its end."""

from __future__ import annotations

import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.tests.journey import BUYER, CHEAP, DEAR, Edge, Journey
from services.orders.usecases.lifecycle import COMPLETE_ORDER, EXPIRE_ORDER, WrongCode
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id

# By code ------------------------------------------------------------------------------------------------------------


async def test_the_code_from_the_phone_confirms_an_order(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.confirm(order)
    assert await journey.state(order) == "CONFIRMED"
    assert await journey.line_states(order) == ["CONFIRMED"]
    assert await journey.part_states(order) == ["CONFIRMED"]
    assert await journey.timers(order.order_id) == []


async def test_what_was_agreed_at_placement_is_told_again_when_the_order_is_confirmed(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.confirm(order)
    assert await journey.told_of(order) == ["OrderPlaced", "OrderConfirmed"]
    (placed,) = await journey.bodies(order.order_id, "OrderPlaced")
    (confirmed,) = await journey.bodies(order.order_id, "OrderConfirmed")
    own = {"state", "expires_at", "confirmed_by", "confirmed_at"}
    assert {k: v for k, v in placed.items() if k not in own} == {k: v for k, v in confirmed.items() if k not in own}
    assert confirmed["confirmed_by"] == "code"


async def test_the_right_code_twice_confirms_once(journey: Journey) -> None:
    order = await journey.order(DEAR)
    first, second = await journey.confirm(order), await journey.confirm(order)
    assert first == second
    assert await journey.told_of(order) == ["OrderPlaced", "OrderConfirmed"]


async def test_each_wrong_code_costs_a_try(journey: Journey) -> None:
    order = await journey.order(DEAR)
    answers = [await journey.confirm(order, "nope") for _ in range(6)]
    assert answers == [WrongCode(left) for left in (4, 3, 2, 1, 0, 0)]


async def test_after_five_wrong_codes_the_right_one_comes_too_late(journey: Journey) -> None:
    order = await journey.order(DEAR)
    for _ in range(5):
        await journey.confirm(order, "nope")
    assert await journey.confirm(order) == WrongCode(0)
    assert await journey.state(order) == "PLACED"


async def test_a_code_is_refused_once_its_time_is_over_though_no_timer_has_fired(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.db.pool.execute("UPDATE orders SET expires_at = now() - interval '1 second'")
    with pytest.raises(Rejected, match="code_expired"):
        await journey.confirm(order)


async def test_a_code_for_an_expired_order_is_refused(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.expire(order)
    with pytest.raises(Rejected, match="code_expired"):
        await journey.confirm(order)


async def test_a_cancelled_order_is_not_confirmed(journey: Journey) -> None:
    order = await journey.order(DEAR)
    await journey.cancel(order)
    with pytest.raises(Rejected, match="illegal_transition"):
        await journey.confirm(order)


async def test_no_code_confirms_a_prepaid_order(journey: Journey) -> None:
    order = await journey.prepaid()
    with pytest.raises(Rejected, match="illegal_transition"):
        await journey.confirm(order, "123456")


# Expiry -------------------------------------------------------------------------------------------------------------


async def test_what_is_not_confirmed_in_time_expires_and_gives_its_stock_back(journey: Journey) -> None:
    order = await journey.order(DEAR, CHEAP)
    assert await journey.stock(order) == [(1, 0), (1, 0)]
    await journey.expire(order)
    assert await journey.state(order) == "EXPIRED"
    assert await journey.line_states(order) == ["RELEASED", "RELEASED"]
    assert await journey.part_states(order) == ["RELEASED", "RELEASED"]
    assert await journey.stock(order) == [(0, 0), (0, 0)]
    assert await journey.told_of(order) == ["OrderPlaced", "OrderExpired"]


async def test_an_unpaid_order_takes_its_payment_along_when_it_expires(journey: Journey) -> None:
    order = await journey.prepaid()
    await journey.expire(order)
    assert await journey.payment_state(order) == "EXPIRED"


async def test_a_batch_of_expired_orders_passes_over_what_was_confirmed_or_cancelled(journey: Journey) -> None:
    late, confirmed, cancelled = [await journey.order(DEAR) for _ in range(3)]
    await journey.confirm(confirmed)
    await journey.cancel(cancelled)
    await journey.expire(late, confirmed, cancelled)
    assert [await journey.state(each) for each in (late, confirmed, cancelled)] == ["EXPIRED", "CONFIRMED", "CANCELLED"]
    assert await journey.told_of(confirmed) == ["OrderPlaced", "OrderConfirmed"]


async def test_a_placed_order_waits_for_its_timer_and_a_cancelled_one_does_not(journey: Journey) -> None:
    order = await journey.order(DEAR)
    assert await journey.timers(order.order_id) == [EXPIRE_ORDER]
    await journey.cancel(order)
    assert await journey.timers(order.order_id) == []


# The end ------------------------------------------------------------------------------------------------------------


async def test_an_order_is_fulfilled_when_its_last_line_is_delivered(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, second = await journey.shipped(order)
    await journey.hear(first.delivered())
    assert (await journey.state(order), await journey.line_states(order)) == ("CONFIRMED", ["DELIVERED", "SHIPPED"])
    await journey.hear(second.delivered())
    assert await journey.state(order) == "FULFILLED"
    assert await journey.told_of(order) == ["OrderPlaced", "OrderConfirmed", "OrderFulfilled"]


async def test_two_parcels_delivered_in_one_batch_fulfil_the_order_once(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    await journey.hear_together([parcel.delivered() for parcel in await journey.shipped(order)])
    assert await journey.told_of(order) == ["OrderPlaced", "OrderConfirmed", "OrderFulfilled"]


async def test_an_order_with_one_line_delivered_and_one_lost_is_fulfilled(journey: Journey) -> None:
    order = await journey.order(CHEAP, CHEAP)
    first, second = await journey.shipped(order)
    await journey.hear(first.delivered(), second.turned("LOST"))
    assert await journey.state(order) == "FULFILLED"
    (told,) = await journey.bodies(order.order_id, "OrderFulfilled")
    assert [line["state"] for line in told["lines"]] == ["DELIVERED", "LOST"]


async def test_an_order_refused_at_the_door_is_closed_and_back_in_stock(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    assert await journey.stock(order) == [(0, 1)]
    await journey.hear(parcel.returned("refused"))
    assert (await journey.state(order), await journey.line_states(order)) == ("CLOSED", ["REFUSED"])
    assert await journey.stock(order) == [(0, 0)]
    assert await journey.told_of(order) == ["OrderPlaced", "OrderConfirmed", "OrderClosed"]


async def test_a_return_unfit_for_sale_stays_sold(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.returned("attempts_exhausted", restock=False))
    assert await journey.line_states(order) == ["RETURNED"]
    assert await journey.stock(order) == [(0, 1)]


@pytest.mark.parametrize("fate", ["LOST", "DAMAGED"])
async def test_a_parcel_lost_or_damaged_closes_its_order(journey: Journey, fate: str) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.turned(fate))
    assert (await journey.state(order), await journey.line_states(order)) == ("CLOSED", ["LOST"])


async def test_a_fulfilled_order_is_completed_when_the_after_sale_window_closes(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    assert await journey.timers(order.order_id) == [COMPLETE_ORDER]
    await journey.complete(order)
    assert (await journey.state(order), await journey.line_states(order)) == ("COMPLETED", ["COMPLETED"])


async def test_only_a_fulfilled_order_is_completed(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    await journey.complete(order)
    assert await journey.state(order) == "CONFIRMED"


async def test_what_contradicts_an_end_is_shown_and_changes_nothing(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered(), parcel.returned(), parcel.turned("LOST"), parcel.delivered())
    assert (await journey.state(order), await journey.line_states(order)) == ("FULFILLED", ["DELIVERED"])
    whats = [row["what"] for row in await journey.db.pool.fetch("SELECT what FROM order_timeline ORDER BY id")]
    assert whats[-3:] == ["ShipmentReturned", "ShipmentStatusChanged", "ShipmentDelivered"]


async def test_a_parcel_of_an_order_that_is_none_of_ours_is_refused(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = journey.parcels(order)
    stray = parcel.created().model_copy(update={"order_id": new_id()})
    with pytest.raises(Rejected, match="unknown_order"):
        await journey.hear(stray)


# At the edge --------------------------------------------------------------------------------------------------------


async def test_a_wrong_code_is_a_problem_that_counts_its_try_and_is_replayed(journey: Journey, edge: Edge) -> None:
    order = await journey.order(DEAR)
    path = f"/orders/{order.order_id}/confirm"
    first = await edge.post(BUYER, path, {"code": "nope"}, key="k")
    again = await edge.post(BUYER, path, {"code": "nope"}, key="k")
    other = await edge.post(BUYER, path, {"code": "nope"})
    assert (first.status_code, first.json()["code"], first.json()["tries_left"]) == (409, "wrong_code", 4)
    assert first.headers["content-type"] == "application/problem+json"
    assert again.content == first.content
    assert other.json()["tries_left"] == 3


async def test_the_right_code_is_answered_with_the_state(journey: Journey, edge: Edge) -> None:
    order = await journey.order(DEAR)
    answer = await edge.post(BUYER, f"/orders/{order.order_id}/confirm", {"code": order.code})
    assert (answer.status_code, answer.json()) == (200, {"order_id": order.order_id, "state": "CONFIRMED"})


@pytest.mark.parametrize("asker", [Asker("buyer", "buyer-2"), Asker("service", "another shop")])
@pytest.mark.parametrize(("act", "body"), [("confirm", {"code": "1"}), ("cancel", {"reason": "x"})])
async def test_somebody_elses_order_is_not_there(
    journey: Journey, edge: Edge, asker: Asker, act: str, body: dict[str, str]
) -> None:
    order = await journey.order(DEAR)
    answer = await edge.post(asker, f"/orders/{order.order_id}/{act}", body)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_creator_may_not_confirm(journey: Journey, edge: Edge) -> None:
    order = await journey.order(DEAR)
    answer = await edge.post(Asker("creator", order.creator_id), f"/orders/{order.order_id}/confirm", {"code": "1"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_unknown_field_is_refused(journey: Journey, edge: Edge) -> None:
    order = await journey.order(DEAR)
    answer = await edge.post(BUYER, f"/orders/{order.order_id}/confirm", {"code": order.code, "force": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")

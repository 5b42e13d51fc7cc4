"""Slots of services: reserved exactly like stock, with goods in one cart, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.tests.edge import Edge, order_body, serving
from services.orders.tests.journey import DEAR, WEEK_SECONDS, Journey
from services.orders.tests.market import RULES, Goods, Market, order_of
from shared.contracts.values import SlotId
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id


@pytest.fixture
async def edge(market: Market, tmp_path: Path) -> AsyncIterator[Edge]:
    async with serving(market.db, tmp_path) as opened:
        yield opened


# What stands --------------------------------------------------------------------------------------------------------


async def test_a_place_is_reserved_like_a_piece_and_the_event_says_in_which_slot(market: Market) -> None:
    service, slot = await market.offer(3)
    order = await market.placed(order_of(service, service.wanted(2, slot=slot)))
    assert await market.places_in(slot.slot_id) == (3, 2, 0)
    assert await market.rows("SELECT kind, slot_id, qty FROM lines") == [("service", slot.slot_id, 2)]
    placed = (await market.told(order.order_id))[0][2]
    assert [(line["kind"], line["slot_id"]) for line in placed["lines"]] == [("service", slot.slot_id)]


async def test_goods_and_a_service_of_one_supplier_are_two_supplier_orders(market: Market) -> None:
    service, slot = await market.offer(1)
    tea = await market.sell(replace(Goods().beside(service), supplier_id=service.supplier_id))
    order = await market.placed(order_of([service, tea], service.wanted(1, slot=slot), tea.wanted(2)))
    assert [(part.supplier_id, part.line_ids, part.cod_amount) for part in order.supplier_orders] == [
        (service.supplier_id, (order.lines[0].line_id,), service.retail),
        (service.supplier_id, (order.lines[1].line_id,), service.retail.model_copy(update={"amount": 10_000})),
    ]


async def test_of_a_slot_nothing_is_told_by_variant(market: Market) -> None:
    service, slot = await market.offer(20)
    for places in (8, 8, 4):
        await market.tell_later()
        await market.placed(order_of(service, service.wanted(places, slot=slot)))
    assert await market.told(service.variant_id) == []
    assert await market.rows("SELECT kind FROM timers WHERE kind = 'announce'") == []


async def test_a_slot_opened_twice_is_as_large_as_once(market: Market) -> None:
    _, slot = await market.offer(3)
    await market.hear(slot)
    assert await market.places_in(slot.slot_id) == (3, 0, 0)


# What is refused, and leaves everything as it was -------------------------------------------------------------------


async def test_a_full_slot_is_refused_with_the_places_it_has(market: Market) -> None:
    service, slot = await market.offer(3)
    await market.placed(order_of(service, service.wanted(2, slot=slot)))
    refusal = await market.refused(order_of(service, service.wanted(2, slot=slot)))
    assert refusal.code == "slot_full"
    which = {"listing_id": service.listing_id, "variant_id": service.variant_id, "slot_id": slot.slot_id}
    assert refusal.extra["lines"] == [{**which, "wanted": 2, "available": 1}]


async def test_a_slot_that_has_begun_has_no_places(market: Market) -> None:
    service, slot = await market.offer(3, begins_in=-1)
    refusal = await market.refused(order_of(service, service.wanted(slot=slot)))
    assert (refusal.code, refusal.extra["lines"][0]["available"]) == ("slot_full", 0)


@pytest.mark.parametrize(
    ("pieces", "places", "code"), [(0, 1, "out_of_stock"), (1, 0, "slot_full"), (0, 0, "out_of_stock")]
)
async def test_goods_and_a_service_stand_together_or_not_at_all(
    market: Market, pieces: int, places: int, code: str
) -> None:
    service, slot = await market.offer(1)
    tea = await market.sell(Goods().beside(service), 1)
    both = order_of([service, tea], service.wanted(1, slot=slot), tea.wanted(1))
    if not pieces:
        await market.placed(order_of(tea))
    if not places:
        await market.placed(order_of(service, service.wanted(slot=slot)))
    refusal = await market.refused(both)
    assert (refusal.code, len(refusal.extra["lines"])) == (code, 2 - pieces - places)


async def test_a_service_needs_a_slot_and_a_good_has_none(market: Market) -> None:
    service, slot = await market.offer(1)
    tea = await market.sell(Goods().beside(service))
    for lines in ((service.wanted(),), (tea.wanted(slot=slot),), (service.wanted(slot=slot), tea.wanted(slot=slot))):
        refusal = await market.refused(order_of(service, *lines))
        assert refusal.code == "slot_invalid"
        assert [line["listing_id"] for line in refusal.extra["lines"]] == [lines[-1].listing_id]


async def test_another_services_slot_is_refused(market: Market) -> None:
    service, _ = await market.offer(1)
    _, theirs = await market.offer(1)
    refusal = await market.refused(order_of(service, service.wanted(slot=theirs)))
    assert (refusal.code, refusal.extra["lines"][0]["slot_id"]) == ("slot_invalid", theirs.slot_id)
    assert await market.places_in(theirs.slot_id) == (1, 0, 0)


async def test_a_good_is_no_slot_of_a_service(market: Market) -> None:
    service, _ = await market.offer(1)
    tea = await market.sell(Goods())
    wanted = service.wanted()._replace(slot_id=SlotId(tea.variant_id))
    assert (await market.refused(order_of(service, wanted))).code == "slot_invalid"


async def test_a_slot_nobody_opened_is_unknown_and_one_opened_just_now_may_still_come(market: Market) -> None:
    service, _ = await market.offer(1)
    gone, coming = service.slot(), service.slot(slot_id=new_id())
    assert (await market.refused(order_of(service, service.wanted(slot=gone)))).code == "unknown_listing"
    order = order_of(service, service.wanted(slot=coming))
    refusal = await market.refused(order)
    assert (refusal.code, refusal.extra["slot_ids"]) == ("not_ready", [coming.slot_id])
    await market.hear(coming)
    await market.placed(order)


async def test_a_buyer_gets_so_many_places_in_a_hot_slot(market: Market) -> None:
    service, slot = await market.offer(9)
    later = service.slot(9)
    await market.hear(later)
    rules = replace(RULES, hot=frozenset({slot.slot_id}), hot_pieces=2)
    await market.placed(order_of(service, service.wanted(2, slot=slot)), rules)
    assert (await market.refused(order_of(service, service.wanted(slot=slot)), rules)).code == "limit_exceeded"
    await market.placed(order_of(service, service.wanted(3, slot=later)), rules)


async def test_a_full_slot_does_not_fail_its_neighbours(market: Market) -> None:
    service, slot = await market.offer(2)
    tea = await market.sell(Goods().beside(service), 2)
    both = order_of([service, tea], service.wanted(1, slot=slot), tea.wanted(1))
    answers = await market.place(both, order_of(tea), both, order_of(service, service.wanted(slot=slot)), both)
    said = [answer.code if isinstance(answer, Rejected) else answer.state for answer in answers]
    assert said == ["CONFIRMED", "CONFIRMED", "out_of_stock", "CONFIRMED", "out_of_stock"]
    assert (await market.stock_of(tea), await market.places_in(slot.slot_id)) == ((2, 2, 0), (2, 2, 0))


async def test_carts_at_once_take_exactly_the_places_there_are(market: Market) -> None:
    service, slot = await market.offer(20)
    tea = await market.sell(Goods().beside(service), 30)
    both = order_of([tea, service], tea.wanted(1), service.wanted(1, slot=slot))
    desk = [market.place(*[both, replace(both, lines=both.lines[::-1])] * 5) for _ in range(6)]
    answers = [answer for each in await asyncio.gather(*desk) for answer in each]
    assert sum(isinstance(answer, Placed) for answer in answers) == 20
    assert {answer.code for answer in answers if isinstance(answer, Rejected)} == {"slot_full"}
    assert (await market.stock_of(tea), await market.places_in(slot.slot_id)) == ((30, 20, 0), (20, 20, 0))


# What becomes of it -------------------------------------------------------------------------------------------------


async def booked(journey: Journey, *, prepaid: bool = False, begins_in: float = 3600.0, goods: int = 0) -> Placed:
    """A confirmed order of two places in a slot of four, and of so many pieces of tea."""
    service, slot = await journey.market.offer(4, begins_in=3600.0, price=DEAR)
    tea = await journey.market.sell(Goods(price=DEAR).beside(service))
    lines = (service.wanted(2, slot=slot), *([tea.wanted(goods)] if goods else []))
    order = await journey.market.placed(order_of(service, *lines, payment="prepaid" if prepaid else "cod"))
    if prepaid:
        await journey.capture(order)
    else:
        await journey.confirm(order)
    late = "UPDATE stock SET starts_at = now() + $2 * interval '1 second' WHERE stock_id = $1"
    await journey.db.pool.execute(late, slot.slot_id, begins_in)
    return order


async def test_what_is_not_confirmed_in_time_gives_its_places_back(journey: Journey) -> None:
    service, slot = await journey.market.offer(4, price=DEAR)
    order = await journey.market.placed(order_of(service, service.wanted(2, slot=slot)))
    assert await journey.stock(order) == [(2, 0)]
    await journey.expire(order)
    assert (await journey.stock(order), await journey.line_states(order)) == ([(0, 0)], ["RELEASED"])


async def test_a_booked_service_is_called_off_at_once(journey: Journey) -> None:
    order = await booked(journey)
    standing = await journey.cancel(order)
    assert (standing.state, standing.cancellation, standing.asked) == ("CLOSED", "DONE", ())
    assert (await journey.stock(order), await journey.line_states(order)) == ([(0, 0)], ["CANCELLED"])
    assert await journey.part_states(order) == ["CANCELLED"]
    assert (await journey.told(order.order_id))[-2:] == ["CancellationRequested", "OrderClosed"]
    told = await journey.told(order.order_id)
    assert (await journey.cancel(order)).state == "CLOSED"
    assert await journey.told(order.order_id) == told


async def test_what_was_paid_for_a_service_called_off_goes_back(journey: Journey) -> None:
    order = await booked(journey, prepaid=True)
    await journey.cancel(order)
    rows = await journey.db.pool.fetch("SELECT amount, route, reason FROM refunds")
    assert [tuple(row) for row in rows] == [(2 * DEAR, "card", "cancelled")]
    assert (await journey.accounts(order)).get("buyer_deposits", 0) == 0


async def test_once_its_slot_has_begun_a_buyer_keeps_it_and_its_supplier_may_still_call_it_off(
    journey: Journey,
) -> None:
    order = await booked(journey, begins_in=-1)
    with pytest.raises(Rejected, match="handed_over"):
        await journey.cancel(order)
    (part,) = journey.parcels(order)
    assert (await journey.cancel_part(part)).state == "CLOSED"
    assert await journey.stock(order) == [(0, 0)]


async def test_of_an_order_with_goods_the_parcel_is_asked_and_the_service_called_off(journey: Journey) -> None:
    order = await booked(journey, goods=1)
    _, parcel = journey.parcels(order)
    standing = await journey.cancel(order)
    assert (standing.state, standing.cancellation) == ("CONFIRMED", "REQUESTED")
    assert standing.asked == (parcel.part.supplier_order_id,)
    assert (await journey.stock(order), await journey.line_states(order)) == (
        [(0, 0), (1, 0)],
        ["CANCELLED", "CONFIRMED"],
    )
    assert (await journey.cancel(order)).asked == standing.asked
    await journey.hear(parcel.cancelled())
    assert (await journey.state(order), await journey.cancellation(order)) == ("CLOSED", "DONE")


async def test_a_delivered_order_is_fulfilled_once_its_service_is_called_off(journey: Journey) -> None:
    order = await booked(journey, goods=1)
    service, parcel = journey.parcels(order)
    await journey.hear(parcel.created(), parcel.handed_over(), parcel.delivered())
    assert await journey.state(order) == "CONFIRMED"
    assert (await journey.cancel_part(service)).state == "FULFILLED"
    query = "SELECT due_at > now() + $1 * interval '0.9 second' FROM timers WHERE kind = 'complete_order'"
    assert await journey.db.pool.fetchval(query, WEEK_SECONDS)


async def test_an_operator_may_call_it_off_as_well(journey: Journey) -> None:
    order = await booked(journey, begins_in=-1)
    assert (await journey.cancel(order, Asker("operator", "ops"))).state == "CLOSED"


# Over HTTP ----------------------------------------------------------------------------------------------------------


async def test_the_answers_say_which_slot_it_is(market: Market, edge: Edge) -> None:
    service, slot = await market.offer(1)
    body = order_body(service)
    body["lines"][0]["slot_id"] = slot.slot_id
    placed = await edge.post("/orders", body, key="k")
    (line,) = placed.json()["lines"]
    assert (placed.status_code, line["slot_id"], line["variant_id"]) == (201, slot.slot_id, service.variant_id)
    assert (await edge.post("/orders", body, key="k")).content == placed.content
    order_id = placed.json()["order_id"]
    assert (await edge.get(f"/orders/{order_id}")).json()["lines"][0]["slot_id"] == slot.slot_id
    (part,) = (await edge.get("/supplier-orders", role="supplier", party=service.supplier_id)).json()["items"]
    assert part["lines"][0]["slot_id"] == slot.slot_id


async def test_a_full_slot_is_a_stored_refusal(market: Market, edge: Edge) -> None:
    service, slot = await market.offer(1)
    body = order_body(service)
    body["lines"][0]["slot_id"] = slot.slot_id
    assert (await edge.post("/orders", body)).status_code == 201
    refusal = await edge.post("/orders", body, key="late")
    assert (refusal.status_code, refusal.json()["code"]) == (409, "slot_full")
    await market.db.pool.execute("UPDATE stock SET received = 9")
    again = await edge.post("/orders", body, key="late")
    assert (again.content, again.headers["idempotency-replayed"]) == (refusal.content, "true")

"""Cancel against hand-over: the parcel's row decides, once."""

from __future__ import annotations

import asyncio

from services.logistics.tests.world import World, abreast, confirmed, line
from shared.contracts.orders import OrderConfirmed


async def test_a_parcel_that_waits_is_called_off(logistics: World) -> None:
    order = confirmed([line(logistics.supplier_id)])
    (parcel,) = await logistics.plan(order)
    await logistics.call_off(order)
    seen = await logistics.seen(parcel)
    assert (seen["parcel_state"], seen["cash_state"]) == ("CANCELLED", "REVERSED")
    assert [step["kind"] for step in seen["timeline"]] == ["created", "cancelled"]
    assert [(event.type, event.position) for event in await logistics.told()] == [
        ("ShipmentCreated", 1),
        ("ShipmentCancelled", 2),
    ]


async def test_a_parcel_already_handed_over_is_not_called_off(logistics: World) -> None:
    order = confirmed([line(logistics.supplier_id)])
    (parcel,) = await logistics.plan(order)
    await logistics.hand_over(parcel)
    await logistics.call_off(order)
    last = (await logistics.told())[-1]
    assert (last.type, last.position, last.body["reason"]) == ("CancellationRefused", 3, "handed_over")
    assert (await logistics.seen(parcel))["parcel_state"] == "HANDED_OVER"


async def test_a_second_cancellation_tells_nothing_new(logistics: World) -> None:
    order = confirmed([line(logistics.supplier_id)])
    await logistics.plan(order)
    await logistics.call_off(order)
    await logistics.call_off(order)
    assert await logistics.types() == ["ShipmentCreated", "ShipmentCancelled"]


async def test_a_cancelled_parcel_is_not_handed_over(logistics: World) -> None:
    order = confirmed([line(logistics.supplier_id)])
    (parcel,) = await logistics.plan(order)
    await logistics.call_off(order)
    answer = await logistics.hand_over(parcel)
    assert (answer.status_code, answer.json()["code"]) == (409, "cancelled")
    assert (await logistics.get(f"/shipments/{parcel}/label", "supplier", logistics.supplier_id)).status_code == 409


async def test_of_a_cancellation_and_a_hand_over_at_the_same_time_exactly_one_wins(logistics: World) -> None:
    orders = [confirmed([line(logistics.supplier_id)]) for _ in range(200)]
    parcels = [(await logistics.plan(order))[0] for order in orders]

    async def race(order: OrderConfirmed, parcel: str, number: int) -> tuple[int, str]:
        rivals = [logistics.call_off(order), logistics.hand_over(parcel, f"R-{number}")]
        done = await asyncio.gather(*(rivals if number % 2 else reversed(rivals)))
        answer = next(each for each in done if each is not None)
        return answer.status_code, parcel

    pairs = enumerate(zip(orders, parcels, strict=True))
    outcomes = await abreast(race(order, parcel, number) for number, (order, parcel) in pairs)
    told: dict[str, set[str]] = {parcel: set() for parcel in parcels}
    for event in await logistics.told():
        told[event.key].add(event.type)
    for status, parcel in outcomes:
        travels = {"ShipmentCreated", "ShipmentHandedOver", "CancellationRefused"}
        stays = {"ShipmentCreated", "ShipmentCancelled"}
        assert told[parcel] == (travels if status == 200 else stays)

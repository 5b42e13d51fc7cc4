"""Carriers report, and parcels move."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from services.logistics.tests.world import NOON, World, abreast
from shared.kernel import webhooks


async def state(logistics: World, parcel: str) -> str:
    return str((await logistics.seen(parcel))["parcel_state"])


async def test_a_parcel_travels_to_its_buyer(logistics: World, out_for_delivery: str) -> None:
    await logistics.report("delivered", 3)
    assert await state(logistics, out_for_delivery) == "DELIVERED"
    told = await logistics.told()
    assert [event.type for event in told] == [
        "ShipmentCreated",
        "ShipmentHandedOver",
        "ShipmentStatusChanged",
        "ShipmentStatusChanged",
        "ShipmentDelivered",
    ]
    assert [event.position for event in told] == [1, 2, 3, 4, 5]
    assert told[2].body["previous_state"] == "HANDED_OVER"
    assert datetime.fromisoformat(told[4].body["delivered_at"]) == NOON + timedelta(minutes=3)


async def test_three_failed_attempts_send_it_home_and_back_into_stock(logistics: World, out_for_delivery: str) -> None:
    for minute in (3, 4, 5):
        await logistics.report("attempt_failed", minute, reason="nobody home")
    await logistics.report("returned", 9)
    told = (await logistics.told())[4:]
    assert [(event.type, event.body["parcel_state"], event.body["attempts"]) for event in told] == [
        ("DeliveryAttemptFailed", "ATTEMPT_FAILED", 1),
        ("DeliveryAttemptFailed", "ATTEMPT_FAILED", 2),
        ("DeliveryAttemptFailed", "RETURNING", 3),
        ("ShipmentReturned", "RETURNED", 3),
        ("ShipmentStatusChanged", "RESTOCKED", 3),
    ]
    assert (told[3].body["reason"], told[3].body["restock"]) == ("attempts_exhausted", True)
    seen = await logistics.seen(out_for_delivery)
    assert (seen["parcel_state"], seen["cash_state"]) == ("RESTOCKED", "REFUSED")
    assert [step["kind"] for step in seen["timeline"]][-2:] == ["returned", "restocked"]


async def test_a_refused_parcel_that_comes_back_damaged_is_written_off(logistics: World, handed_over: str) -> None:
    await logistics.report("refused", 1, reason="wrong colour")
    await logistics.report("returned", 2, reason="damaged")
    returned = (await logistics.told())[-2]
    assert (returned.body["reason"], returned.body["restock"]) == ("refused", False)
    assert await state(logistics, handed_over) == "WRITTEN_OFF"


async def test_a_lost_parcel_is_lost(logistics: World, handed_over: str) -> None:
    await logistics.report("lost", 1)
    assert await state(logistics, handed_over) == "LOST"


async def test_the_same_report_twice_moves_once_and_answers_the_same(logistics: World, handed_over: str) -> None:
    answers = [await logistics.report("attempt_failed", 1, report_id="r-1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
    assert (await logistics.types()).count("DeliveryAttemptFailed") == 1
    assert await logistics.discrepancies() == []


async def test_the_same_report_ten_times_at_once_moves_once(logistics: World, handed_over: str) -> None:
    answers = await asyncio.gather(*(logistics.report("attempt_failed", 1, report_id="r-1") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await logistics.types()).count("DeliveryAttemptFailed") == 1


async def test_a_report_id_used_for_something_else_is_looked_at(logistics: World, handed_over: str) -> None:
    await logistics.report("scan", 1, report_id="r-1")
    assert (await logistics.report("delivered", 2, report_id="r-1")).status_code == 200
    assert await state(logistics, handed_over) == "IN_TRANSIT"
    assert await logistics.discrepancies() == ["report_changed"]


async def test_a_late_report_stays_on_the_timeline(logistics: World, handed_over: str) -> None:
    await logistics.report("delivered", 5)
    await logistics.report("out_for_delivery", 4)
    last = (await logistics.seen(handed_over))["timeline"][-1]
    assert (last["kind"], last["late"], last["parcel_state"]) == ("out_for_delivery", True, "DELIVERED")
    assert (await logistics.types())[-1] == "ShipmentDelivered"
    assert await logistics.discrepancies() == []


async def test_what_contradicts_the_end_of_a_parcel_is_looked_at(logistics: World, handed_over: str) -> None:
    await logistics.report("delivered", 5)
    assert (await logistics.report("lost", 6)).status_code == 200
    assert await state(logistics, handed_over) == "DELIVERED"
    assert await logistics.discrepancies() == ["contradiction"]


async def test_reports_wait_for_their_waybill_and_apply_by_their_time(logistics: World) -> None:
    parcel = await logistics.parcel()
    await logistics.report("delivered", 3, "W-9")
    await logistics.collected(12_900, 3, waybill="W-9")
    await logistics.report("scan", 1, "W-9")
    assert await logistics.discrepancies() == ["unmatched"] * 3
    await logistics.hand_over(parcel, "W-9")
    seen = await logistics.seen(parcel)
    assert (seen["parcel_state"], seen["cash_state"]) == ("DELIVERED", "COLLECTED")
    assert [step["kind"] for step in seen["timeline"]][:4] == ["created", "handed_over", "scan", "delivered"]
    assert [event.position for event in await logistics.told()] == [1, 2, 3, 4]
    assert await logistics.types("logistics.cod") == ["ShipmentCOD"]
    assert await logistics.discrepancies() == []


async def test_a_report_that_meets_the_hand_over_is_never_left_behind(logistics: World) -> None:
    parcels = [await logistics.parcel() for _ in range(40)]

    async def meet(parcel: str, waybill: str) -> None:
        await asyncio.gather(logistics.hand_over(parcel, waybill), logistics.report("delivered", 1, waybill))

    await abreast(meet(parcel, f"M-{number}") for number, parcel in enumerate(parcels))
    assert {await state(logistics, parcel) for parcel in parcels} == {"DELIVERED"}
    assert await logistics.discrepancies() == []


async def test_a_carriers_clock_of_next_year_does_not_make_the_rest_late(logistics: World, handed_over: str) -> None:
    far = datetime.now(UTC) + timedelta(days=400)
    await logistics.report("scan", at=far.isoformat())
    await logistics.report("delivered", at=(datetime.now(UTC) + timedelta(days=2)).isoformat())
    assert await state(logistics, handed_over) == "DELIVERED"


async def test_a_forged_report_leaves_nothing(logistics: World, handed_over: str) -> None:
    body = {"report_id": "r", "waybill": "W-1", "kind": "delivered", "at": NOON.isoformat()}
    assert (await logistics.send(body, webhooks.new_key())).status_code == 401
    assert (await logistics.http.post("/carriers/sandbox/reports", json=body)).status_code == 401
    wrongs: list[object] = [{**body, "more": 1}, {**body, "kind": "eaten"}, {**body, "at": "2026-11-22T12:00:00"}, []]
    for wrong in wrongs:
        assert (await logistics.send(wrong)).status_code == 422
    assert await logistics.db.pool.fetchval("SELECT count(*) FROM carrier_reports") == 0

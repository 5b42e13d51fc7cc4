"""The courier's cash is counted once, and nothing of it is lost."""

from __future__ import annotations

from services.logistics import usecases
from services.logistics.tests.world import World, timer


async def chase(logistics: World, parcel: str) -> None:
    await logistics.db.run(lambda tx: usecases.chase_cash(tx, [timer("cash_missing", parcel)]))
    await logistics.db.run(lambda tx: usecases.chase_delivery(tx, [timer("delivery_missing", parcel)]))


async def test_cash_at_the_door_is_told(logistics: World, out_for_delivery: str) -> None:
    await logistics.collected(12_900, report_id="r-1")
    (told,) = await logistics.told("logistics.cod")
    assert (told.type, told.key, told.position) == ("ShipmentCOD", out_for_delivery, 1)
    assert told.body["collection_id"] == "sandbox:r-1"
    assert told.body["collected"] == told.body["due"] == {"amount": 12_900, "currency": "CNY"}
    seen = await logistics.seen(out_for_delivery)
    assert (seen["parcel_state"], seen["cash_state"]) == ("OUT_FOR_DELIVERY", "COLLECTED")


async def test_the_same_report_twice_collects_once(logistics: World, out_for_delivery: str) -> None:
    for _ in range(2):
        await logistics.collected(12_900, report_id="r-1")
    assert len(await logistics.told("logistics.cod")) == 1
    assert await logistics.discrepancies() == []


async def test_a_second_collection_is_looked_at(logistics: World, out_for_delivery: str) -> None:
    for minute in (3, 4):
        await logistics.collected(12_900, minute)
    assert len(await logistics.told("logistics.cod")) == 1
    assert await logistics.discrepancies() == ["duplicate"]


async def test_too_little_and_too_much_are_told_as_they_are(logistics: World) -> None:
    for waybill, amount in (("A", 12_000), ("B", 13_000)):
        await logistics.hand_over(await logistics.parcel(), waybill)
        await logistics.collected(amount, waybill=waybill)
    collected = [event.body["collected"]["amount"] for event in await logistics.told("logistics.cod")]
    assert sorted(collected) == [12_000, 13_000]
    assert await logistics.discrepancies() == ["over", "short"]


async def test_cash_for_a_prepaid_parcel_is_looked_at(logistics: World) -> None:
    await logistics.hand_over(await logistics.parcel(cod=False))
    assert (await logistics.collected(500)).status_code == 200
    assert await logistics.types("logistics.cod") == []
    assert await logistics.discrepancies() == ["over"]


async def test_a_collection_without_a_sum_or_in_other_money_is_looked_at(logistics: World, handed_over: str) -> None:
    await logistics.report("cod_collected", 1)
    await logistics.report("cod_collected", 2, amount={"amount": 12_900, "currency": "USD"})
    assert await logistics.discrepancies() == ["cash_unclear"] * 2
    assert (await logistics.seen(handed_over))["cash_state"] == "DUE"


async def test_a_parcel_delivered_without_cash_is_found_in_time(logistics: World, handed_over: str) -> None:
    await logistics.report("delivered", 3)
    assert await logistics.timers() == ["cash_missing"]
    await chase(logistics, handed_over)
    await chase(logistics, handed_over)
    assert await logistics.discrepancies() == ["delivered_without_cash"]
    assert (await logistics.seen(handed_over))["cash_state"] == "OVERDUE"
    await logistics.collected(12_900, 4)
    assert (await logistics.seen(handed_over))["cash_state"] == "COLLECTED"


async def test_cash_without_delivery_is_found_in_time(logistics: World, out_for_delivery: str) -> None:
    await logistics.collected(12_900, 3)
    assert await logistics.timers() == ["delivery_missing"]
    await chase(logistics, out_for_delivery)
    assert await logistics.discrepancies() == ["cash_without_delivery"]


async def test_a_parcel_with_both_is_found_by_nobody(logistics: World, out_for_delivery: str) -> None:
    await logistics.collected(12_900, 3)
    await logistics.report("delivered", 4)
    await chase(logistics, out_for_delivery)
    assert await logistics.discrepancies() == []


async def test_a_buyer_who_refuses_and_then_pays_is_counted(logistics: World, handed_over: str) -> None:
    await logistics.report("refused", 1)
    assert (await logistics.seen(handed_over))["cash_state"] == "REFUSED"
    await logistics.collected(12_900, 2)
    assert await logistics.types("logistics.cod") == ["ShipmentCOD"]

"""A supplier hands parcels over."""

from __future__ import annotations

from services.logistics.tests.world import World, confirmed, details, line
from services.logistics.usecases import learn_details
from shared.kernel.ids import new_id


async def test_a_parcel_handed_over_travels(logistics: World) -> None:
    parcel = await logistics.parcel()
    answer = await logistics.hand_over(parcel, "W-7")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["parcel_state"], body["carrier"], body["waybill"]) == ("HANDED_OVER", "sandbox", "W-7")
    assert [step["kind"] for step in body["timeline"]] == ["created", "handed_over"]
    assert (await logistics.types())[-1] == "ShipmentHandedOver"


async def test_the_same_hand_over_again_answers_the_same(logistics: World, handed_over: str) -> None:
    again = await logistics.hand_over(handed_over)
    assert again.status_code == 200
    assert again.json() == await logistics.seen(handed_over)
    assert (await logistics.types()).count("ShipmentHandedOver") == 1


async def test_a_parcel_has_one_waybill(logistics: World, handed_over: str) -> None:
    answer = await logistics.hand_over(handed_over, "W-2")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_handed_over")


async def test_a_waybill_travels_once_with_a_carrier(logistics: World, handed_over: str) -> None:
    answer = await logistics.hand_over(await logistics.parcel())
    assert (answer.status_code, answer.json()["code"]) == (409, "waybill_taken")


async def test_without_an_address_nothing_travels(logistics: World) -> None:
    order = confirmed([line(logistics.supplier_id)])
    (parcel,) = await logistics.plan(order, with_details=False)
    answer = await logistics.hand_over(parcel)
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery_details_missing")
    await logistics.db.run(lambda tx: learn_details(tx, [details(order)]))
    assert (await logistics.hand_over(parcel)).status_code == 200


async def test_a_parcel_of_a_load_test_never_travels(logistics: World) -> None:
    (parcel,) = await logistics.plan(confirmed([line(logistics.supplier_id)], loadtest=True))
    answer = await logistics.hand_over(parcel)
    assert (answer.status_code, answer.json()["code"]) == (409, "loadtest")
    assert (await logistics.told())[0].headers["ce_loadtest"] == "true"


async def test_another_suppliers_parcel_is_not_there(logistics: World) -> None:
    parcel = await logistics.parcel()
    for party in (new_id(), "not-an-id"):
        assert (await logistics.hand_over(parcel, party=party)).status_code == 404
    assert (await logistics.hand_over(new_id())).status_code == 404


async def test_a_carrier_that_cannot_report_gets_no_parcel(logistics: World) -> None:
    answer = await logistics.hand_over(await logistics.parcel(), carrier="unknown")
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_carrier")


async def test_a_hand_over_needs_its_key_and_knows_its_fields(logistics: World) -> None:
    path = f"/shipments/{await logistics.parcel()}/hand-over"
    headers = logistics.bearer("supplier", logistics.supplier_id)
    good = {"carrier": "sandbox", "waybill": "W-1"}
    assert (await logistics.http.post(path, json=good, headers=headers)).status_code == 400
    headers["idempotency-key"] = "k"
    for body in ({**good, "more": 1}, {"carrier": "sandbox"}, {"carrier": "sandbox", "waybill": "a b"}):
        assert (await logistics.http.post(path, json=body, headers=headers)).status_code == 422
    assert await logistics.types() == ["ShipmentCreated"]
    first = await logistics.http.post(path, json=good, headers=headers)
    again = await logistics.http.post(path, json=good, headers=headers)
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"

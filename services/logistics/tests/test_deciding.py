"""A person decides about what does not fit: each kind in its own ways, once, and the event says what it moves."""

from __future__ import annotations

from typing import Any

from services.logistics.tests.bank import CONTRACT, Bank, line
from services.logistics.tests.world import World
from shared.kernel.ids import new_id

FEE = CONTRACT.fee.of(12_900)


async def decided(bank: Bank, decision: str, **facts: Any) -> dict[str, Any]:
    """Decide about the one that is open; the event's body."""
    found = await bank.one()
    answer = await bank.resolve(found["discrepancy_id"], decision, **facts)
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "resolved"
    told = [event for event in await bank.world.told("logistics.discrepancies") if event.key == found["discrepancy_id"]]
    assert [(event.type, event.position) for event in told] == [("DiscrepancyFound", 1), ("DiscrepancyResolved", 2)]
    assert await bank.open() == []
    return told[1].body


def amount(body: dict[str, Any]) -> int | None:
    return body["amount"]["amount"] if body["amount"] else None


async def test_short_at_the_door_is_borne(bank: Bank) -> None:
    parcel = await bank.collected(taken=12_000)
    body = await decided(bank, "bear", bearer="supplier", note="the courier had no change")
    assert (amount(body), body["bearer"], body["resolved_by"], body["note"]) == (
        *(900, "supplier", "op"),
        "the courier had no change",
    )
    assert (body["shipment_id"], bool(body["order_id"]), bool(body["supplier_order_id"])) == (parcel, True, True)
    assert await bank.cash(parcel) == "COLLECTED"


async def test_over_at_the_door_goes_back_to_the_buyer(bank: Bank, logistics: World) -> None:
    await bank.collected(taken=13_000)
    assert amount(await decided(bank, "refund_buyer")) == 100
    await logistics.hand_over(await logistics.parcel(cod=False), "W-2")
    await logistics.collected(500, waybill="W-2")
    assert amount(await decided(bank, "refund_buyer")) == 500


async def test_a_parcel_delivered_without_cash_is_written_off(bank: Bank, logistics: World) -> None:
    parcel = await bank.delivered()
    await bank.skip(2.5)
    assert await bank.cash(parcel) == "OVERDUE"
    body = await decided(bank, "bear", bearer="platform")
    assert (amount(body), await bank.cash(parcel)) == (12_900, "WRITTEN_OFF")
    await logistics.collected(12_900, 9)
    assert (await bank.one())["kind"] == "duplicate"


async def test_cash_without_delivery_goes_back_to_the_buyer(bank: Bank, logistics: World) -> None:
    await logistics.hand_over(await logistics.parcel())
    await logistics.collected(12_900, 1)
    await bank.skip(2.5)
    assert amount(await decided(bank, "refund_buyer")) == 12_900


async def test_a_short_row_is_taken_at_its_gross(bank: Bank, logistics: World) -> None:
    parcel = await bank.collected()
    await bank.state(line("W-1", 12_000))
    body = await decided(bank, "bear", bearer="carrier")
    assert amount(body) == 900
    remitted = (await logistics.told("logistics.cod"))[-1]
    assert (remitted.type, remitted.body["gross"]["amount"], remitted.position) == ("CodRemitted", 12_000, 2)
    assert await bank.cash(parcel) == "REMITTED"


async def test_a_row_over_is_taken_and_the_rest_goes_back(bank: Bank, logistics: World) -> None:
    for waybill, decision in (("A", "refund_buyer"), ("B", "return_to_carrier")):
        parcel = await bank.collected(waybill)
        await bank.state(line(waybill, 13_000), ref=waybill)
        assert amount(await decided(bank, decision)) == 100
        assert await bank.cash(parcel) == "REMITTED"
    await bank.delivered("C", cod=False)
    await bank.state(line("C", 500), ref="C")
    await bank.credit(400, "B-C", ref="C")
    assert amount(await decided(bank, "return_to_carrier")) == 400


async def test_another_fee_is_accepted(bank: Bank, logistics: World) -> None:
    parcel = await bank.collected()
    await bank.state(line("W-1", 12_900, FEE + 1))
    assert amount(await decided(bank, "accept")) is None
    assert (await logistics.told("logistics.cod"))[-1].body["fee"]["amount"] == FEE + 1
    assert await bank.cash(parcel) == "REMITTED"


async def test_a_row_can_be_the_collection_that_nobody_reported(bank: Bank, logistics: World) -> None:
    parcel = await bank.delivered()
    job = await bank.state(line("W-1", 12_900))
    await decided(bank, "accept")
    told = await logistics.told("logistics.cod")
    assert [(event.type, event.position) for event in told] == [("ShipmentCOD", 1), ("CodRemitted", 2)]
    assert told[0].body["collection_id"] == told[1].body["row_id"]
    assert (await bank.cash(parcel), job["matched"]) == ("REMITTED", 0)
    await bank.skip(30)
    assert [each["kind"] for each in await bank.open()] == ["not_credited"]


async def test_a_row_that_is_the_collection_of_another_sum_leaves_the_difference_to_decide(bank: Bank) -> None:
    await bank.delivered()
    await bank.state(line("W-1", 12_000))
    found = await bank.one()
    assert (await bank.resolve(found["discrepancy_id"], "accept")).status_code == 200
    short = await bank.one()
    assert (short["kind"], short["source"]) == ("short", "report")
    assert amount(await decided(bank, "bear", bearer="creator")) == 900


async def test_a_duplicate_row_goes_back_to_the_carrier(bank: Bank) -> None:
    await bank.collected()
    await bank.state(line("W-1", 12_900), line("W-1", 12_900))
    early = await bank.resolve((await bank.one())["discrepancy_id"], "return_to_carrier")
    assert (early.status_code, early.json()["code"]) == (409, "statement_not_banked")
    await bank.credit(2 * (12_900 - FEE))
    assert amount(await decided(bank, "return_to_carrier")) == 12_900 - FEE


async def test_a_retry_matches_as_things_are_now(bank: Bank, logistics: World) -> None:
    await bank.state(line("W-1", 12_900))
    unmatched = (await bank.one())["discrepancy_id"]
    refused = await bank.resolve(unmatched, "retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "still_differs")
    await logistics.hand_over(await logistics.parcel(), "W-1")
    assert (await bank.resolve(unmatched, "retry")).status_code == 200
    assert (await bank.one())["kind"] == "cash_without_delivery"
    await logistics.report("delivered", 3)
    await bank.pass_time()
    assert (await bank.one())["kind"] == "delivered_without_cash"
    await logistics.collected(12_900, 4)
    await bank.pass_time()
    assert await bank.open() == []
    assert (await bank.told())[-1] == "CodRemitted"


async def test_missing_cash_is_borne_by_the_carrier_who_still_owes_it_or_written_off(bank: Bank) -> None:
    carriers, suppliers = await bank.collected("A"), await bank.collected("B")
    await bank.skip(30)
    for found in await bank.open(kind="missing"):
        bearer = "carrier" if found["waybill"] == "A" else "supplier"
        answer = await bank.resolve(found["discrepancy_id"], "bear", bearer=bearer)
        assert answer.json()["amount"] == {"amount": 12_900, "currency": "CNY"}
    assert [await bank.cash(each) for each in (carriers, suppliers)] == ["COLLECTED", "WRITTEN_OFF"]
    job = await bank.state(line("A", 12_900), line("B", 12_900))
    assert [found["kind"] for found in job["discrepancies"]] == ["late", "duplicate"]


async def test_what_a_kind_does_not_allow_is_refused_and_names_what_it_does(bank: Bank) -> None:
    await bank.collected()
    await bank.state(line("W-1", 12_000))
    found = (await bank.one())["discrepancy_id"]
    refused = await bank.resolve(found, "dismiss")
    assert (refused.status_code, refused.json()["code"]) == (409, "decision_not_possible")
    assert refused.json()["possible"] == ["bear", "retry"]
    without = await bank.resolve(found, "bear")
    assert (without.status_code, without.json()["code"]) == (422, "bearer_required")
    for wrong in ({"decision": "eat"}, {"decision": "bear", "bearer": "buyer"}, {}):
        assert (await bank.post(f"/discrepancies/{found}/resolve", wrong)).status_code == 422
    assert (await bank.resolve(new_id(), "dismiss")).status_code == 404


async def test_a_decision_is_made_once(bank: Bank) -> None:
    await bank.state(line("W-1", 12_900))
    path = f"/discrepancies/{(await bank.one())['discrepancy_id']}/resolve"
    first = await bank.post(path, {"decision": "dismiss"}, "k")
    again = await bank.post(path, {"decision": "dismiss"}, "k")
    assert (first.status_code, again.content, again.headers["idempotency-replayed"]) == (200, first.content, "true")
    refused = await bank.post(path, {"decision": "dismiss"})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_resolved")
    assert (await bank.told("logistics.discrepancies")).count("DiscrepancyResolved") == 1


async def test_a_row_whose_cash_came_by_another_row_is_a_duplicate_by_now(bank: Bank) -> None:
    parcel = await bank.collected()
    await bank.state(line("W-1", 12_000))
    await bank.state(line("W-1", 12_900), ref="S-2")
    short = await bank.one()
    refused = await bank.resolve(short["discrepancy_id"], "bear", bearer="carrier")
    assert refused.json()["possible"] == ["return_to_carrier", "retry", "dismiss"]
    await bank.credit(12_000 - 120)
    assert (await bank.resolve(short["discrepancy_id"], "return_to_carrier")).status_code == 200
    assert (await bank.told()).count("CodRemitted") == 1
    assert await bank.cash(parcel) == "REMITTED"


async def test_old_findings_are_told_too(bank: Bank, logistics: World) -> None:
    await logistics.report("scan", 1, "EARLY")
    assert await bank.told("logistics.discrepancies") == ["DiscrepancyFound"]
    await logistics.hand_over(await logistics.parcel(), "EARLY")
    resolved = (await logistics.told("logistics.discrepancies"))[-1]
    assert (resolved.type, resolved.position) == ("DiscrepancyResolved", 2)
    assert (resolved.body["kind"], resolved.body["decision"], resolved.body["resolved_by"]) == (
        *("unmatched", "accept"),
        "rule",
    )
    assert resolved.body["shipment_id"] is not None


async def test_the_work_list_is_paged_narrowed_and_for_operators(bank: Bank, logistics: World) -> None:
    for number in range(5):
        await logistics.report("scan", 1, f"W-{number}")
    await bank.collected("PAID", taken=12_000)
    seen, path = [], "/discrepancies?limit=2"
    while path:
        page = (await logistics.get(path)).json()
        seen += [item["kind"] for item in page["items"]]
        path = f"/discrepancies?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert seen == ["unmatched"] * 5 + ["short"]
    (short,) = (await logistics.get("/discrepancies?kind=short&state=open&carrier=sandbox")).json()["items"]
    assert {"expected", "actual", "age_seconds", "source", "waybill", "shipment_id", "order_id"} <= short.keys()
    assert short["age_seconds"] >= 0
    assert (await logistics.get("/discrepancies?state=resolved")).json()["items"] == []
    assert (await logistics.get("/discrepancies?carrier=other")).json()["items"] == []
    for wrong in ("kind=odd", "state=odd", "cursor=x"):
        assert (await logistics.get(f"/discrepancies?{wrong}")).status_code in (400, 422)
    assert (await logistics.get("/discrepancies", "supplier", logistics.supplier_id)).status_code == 403

"""A carrier's statement: taken once, looked at row by row, and what does not fit is told."""

from __future__ import annotations

from typing import Any

import pytest

from services.logistics.store import statements
from services.logistics.tests.bank import CONTRACT, HEADER, MOMENT, Bank, csv, line
from services.logistics.tests.world import World, timer
from services.logistics.usecases import matching

FEE = CONTRACT.fee.of(12_900)


def kinds(job: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(found["kind"], found["waybill"], found["line"]) for found in job["discrepancies"]]


async def counted(world: World, *tables: str) -> list[int]:
    return [await world.db.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608


async def test_a_row_that_fits_is_remitted(logistics: World, bank: Bank) -> None:
    parcel = await bank.collected()
    job = await bank.state(line("W-1", 12_900))
    assert job == {
        **{"state": "done", "rows": 1, "rows_done": 1, "matched": 1},
        **{"discrepancies": [], "discrepancies_total": 0, "bad_rows": [], "bad_rows_total": 0},
    }
    told = (await logistics.told("logistics.cod"))[-1]
    assert (told.type, told.key, told.position) == ("CodRemitted", parcel, 2)
    assert told.body["net"] == {"amount": 12_900 - FEE, "currency": "CNY"}
    assert (told.body["fee_bearer"], told.body["cash_state"]) == ("supplier", "REMITTED")
    statements = await logistics.told("logistics.statements")
    assert [(event.type, event.position) for event in statements] == [("StatementReceived", 1), ("StatementMatched", 2)]
    assert statements[1].body["state"] == "MATCHED"
    assert (await logistics.seen(parcel))["cash_state"] == "REMITTED"


async def test_the_same_file_again_changes_nothing(logistics: World, bank: Bank) -> None:
    await bank.collected()
    body = csv(line("W-1", 12_900))
    first = (await bank.signed(body)).json()
    await bank.pass_time()
    before = await counted(logistics, "outbox", "statement_rows", "discrepancies")
    for again in (await bank.signed(body), await bank.upload(body)):
        assert (again.status_code, again.json()) == (202, first)
    await bank.pass_time()
    assert await counted(logistics, "outbox", "statement_rows", "discrepancies") == before


async def test_the_same_name_for_other_bytes_is_refused(logistics: World, bank: Bank) -> None:
    await bank.upload(csv(line("W-1", 12_900)))
    refused = await bank.upload(csv(line("W-1", 12_901)))
    assert (refused.status_code, refused.json()["code"]) == (409, "statement_changed")
    assert await counted(logistics, "statements", "statement_rows") == [1, 1]


async def test_bad_rows_are_told_by_line_and_the_others_count(bank: Bank) -> None:
    await bank.collected("W-1")
    await bank.collected("W-2")
    job = await bank.state(
        line("W-1", 12_900), line("W 3", 1), "", line("W-9", -5, 0), line("W-2", 12_900), "x" * 5_000
    )
    assert job["bad_rows"] == [
        {"line": 3, "code": "waybill_invalid"},
        {"line": 5, "code": "amount_negative"},
        {"line": 7, "code": "line_too_long"},
    ]
    assert (job["rows"], job["matched"], job["bad_rows_total"]) == (2, 2, 3)


async def test_every_kind_of_difference_is_found_and_told(logistics: World, bank: Bank) -> None:
    for waybill in ("OK", "SHORT", "OVER", "FEE"):
        await bank.collected(waybill)
    await bank.delivered("NOCASH")
    await bank.delivered("PREPAID", cod=False)
    await logistics.hand_over(await logistics.parcel(), "ROAD")
    job = await bank.state(
        line("OK", 12_900),
        line("SHORT", 12_000),
        line("OVER", 13_000),
        line("FEE", 12_900, FEE + 1),
        line("NOCASH", 12_900),
        line("PREPAID", 500),
        line("ROAD", 12_900),
        line("OK", 12_900),
        line("NOBODYS", 12_900),
    )
    assert kinds(job) == [
        ("short", "SHORT", 3),
        ("over", "OVER", 4),
        ("fee_differs", "FEE", 5),
        ("delivered_without_cash", "NOCASH", 6),
        ("over", "PREPAID", 7),
        ("cash_without_delivery", "ROAD", 8),
        ("duplicate", "OK", 9),
        ("unmatched", "NOBODYS", 10),
    ]
    assert (job["rows"], job["matched"], job["discrepancies_total"]) == (9, 1, 8)
    assert job["discrepancies"][0]["expected"] == {"amount": 12_900, "currency": "CNY"}
    told = await logistics.told("logistics.discrepancies")
    assert {event.type for event in told} == {"DiscrepancyFound"} and {event.position for event in told} == {1}
    assert sorted(event.key for event in told) == sorted(each["discrepancy_id"] for each in job["discrepancies"])
    assert all(event.body["statement_id"] for event in told)


async def test_a_waybill_in_another_statement_is_a_duplicate_too(bank: Bank) -> None:
    await bank.collected()
    await bank.state(line("W-1", 12_900))
    assert kinds(await bank.state(line("W-1", 12_900), ref="S-2")) == [("duplicate", "W-1", 2)]


async def test_a_way_back_is_charged_and_settled_once(logistics: World, bank: Bank) -> None:
    parcel = await bank.came_back()
    (returned,) = [event for event in await logistics.told() if event.type == "ShipmentReturned"]
    assert returned.body["return_charge"] == {"amount": 800, "currency": "CNY"}
    assert returned.body["charge_bearer"] == "supplier"
    job = await bank.state(line("W-1", 0, 800))
    assert (job["matched"], job["discrepancies"]) == (1, [])
    settled = (await logistics.told("logistics.statements"))[1]
    assert (settled.type, settled.position) == ("ReturnChargeSettled", 2)
    assert (settled.body["shipment_id"], settled.body["amount"]["amount"]) == (parcel, 800)
    assert kinds(await bank.state(line("W-1", 0, 800), line("W-1", 0, 800), ref="S-2")) == [
        ("duplicate", "W-1", 2),
        ("duplicate", "W-1", 3),
    ]


async def test_another_charge_than_agreed_is_looked_at(bank: Bank) -> None:
    await bank.came_back()
    job = await bank.state(line("W-1", 0, 900))
    assert kinds(job) == [("fee_differs", "W-1", 2)]
    (accepted,) = [await bank.resolve(job["discrepancies"][0]["discrepancy_id"], "accept")]
    assert accepted.status_code == 200
    assert "ReturnChargeSettled" in await bank.told("logistics.statements")


REFUSED = [
    (b"", 422, "empty_statement"),
    (b"\n\n", 422, "empty_statement"),
    (csv(), 422, "empty_statement"),
    (b"waybill,gross\nW-1,5\n", 422, "wrong_columns"),
    (csv().replace(b"waybill", "运单".encode("gb18030")), 422, "not_utf8"),
    (csv(line("W-1", 100)) + b"\xff\xfe,\n", 422, "not_utf8"),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
async def test_a_file_that_cannot_be_read_leaves_nothing(
    logistics: World, bank: Bank, body: bytes, status: int, code: str
) -> None:
    refused = await bank.upload(body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert await counted(logistics, "statements", "statement_rows", "statement_bad_rows") == [0, 0, 0]
    assert await logistics.timers() == []


async def test_wrong_columns_are_named(bank: Bank) -> None:
    refused = (await bank.upload(b"waybill,collected_at,gross\n")).json()
    assert refused["missing"] == ["fee", "net"]


async def test_a_statement_of_another_carrier_is_refused(logistics: World, bank: Bank) -> None:
    (logistics.settings.secrets_dir / "webhook_carrier_swift").write_text("whsec_c3dpZnQ=")  # type: ignore[operator]
    await bank.collected("W-1")
    await bank.collected("W-2")
    refused = await bank.upload(csv(line("W-1", 12_900), line("W-2", 12_900)), carrier="swift")
    assert (refused.status_code, refused.json()["code"]) == (422, "other_carrier")
    assert await counted(logistics, "statements", "statement_rows") == [0, 0]
    assert (await bank.upload(csv(line("W-1", 12_900), line("NEW", 100)), carrier="swift")).status_code == 202


async def test_who_may_not_send_it_is_refused_and_nothing_is_kept(logistics: World, bank: Bank) -> None:
    body = csv(line("W-1", 100))
    assert (await bank.signed(body, carrier="other")).status_code == 401
    refused = await bank.upload(body, carrier="other")
    assert (refused.status_code, refused.json()["code"]) == (422, "unknown_carrier")
    as_supplier = logistics.bearer("supplier", logistics.supplier_id)
    assert (await bank.upload(body, **as_supplier)).status_code == 403
    assert await counted(logistics, "statements") == [0]


async def test_its_name_is_required_and_printable(logistics: World, bank: Bank) -> None:
    for ref in ("", " ", "x" * 129):
        refused = await bank.upload(csv(line("W-1", 100)), ref=ref)
        assert (refused.status_code, refused.json()["code"]) == (422, "validation_failed")
    assert (await bank.upload(csv(line("W-1", 100)), ref="x" * 128)).status_code == 202


async def test_a_file_over_64_mib_is_refused_and_nothing_is_kept(logistics: World, bank: Bank) -> None:
    chunk = csv(line("W-1", 100)) * 15_000

    async def endless() -> Any:
        for _ in range(1 + (66 << 20) // len(chunk)):
            yield chunk

    for body in (endless(), b"x" * ((64 << 20) + 1)):
        refused = await bank.upload(body)
        assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
    assert await counted(logistics, "statements") == [0]


async def test_a_job_is_seen_by_its_carrier_and_by_operators(bank: Bank, logistics: World) -> None:
    job_id = (await bank.upload(csv(line("W-1", 100)))).json()["job_id"]
    assert (await bank.job(job_id))["state"] == "running"
    assert (await bank.job(job_id, role="carrier", party="sandbox"))["rows"] == 1
    assert (await logistics.get(f"/jobs/{job_id}", "carrier", "other")).status_code == 404
    assert (await logistics.get(f"/jobs/{job_id}", "supplier", logistics.supplier_id)).status_code == 403


async def test_a_crash_between_batches_loses_and_doubles_nothing(
    logistics: World, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "MATCH_ROWS", 2)
    for number in range(5):
        await bank.collected(f"W-{number}")
    job_id = (await bank.upload(csv(*(line(f"W-{number}", 12_900) for number in range(5))))).json()["job_id"]
    rules, seen = logistics.settings.rules, []
    for _ in range(6):  # the reaction of a timer whose worker died after its commit runs once more
        due = [timer("match_statement", job_id)]
        await logistics.db.run(lambda tx, due=due: matching.match_statements(tx, due, rules))  # type: ignore[misc]
        seen.append((await bank.job(job_id))["rows_done"])
    assert seen == [2, 4, 5, 5, 5, 5]
    assert (await bank.told()).count("CodRemitted") == 5
    assert (await bank.told("logistics.statements")) == ["StatementReceived", "StatementMatched"]


async def test_a_batch_that_fails_leaves_no_half(logistics: World, bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    await bank.collected()
    job_id = (await bank.upload(csv(line("W-1", 12_900)))).json()["job_id"]

    async def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as broken:
        broken.setattr(statements, "mark_rows", fail)
        for _ in range(3):
            await bank.pass_time()
            await logistics.db.pool.execute("UPDATE timers SET due_at = now() WHERE kind = 'match_statement'")
    assert "CodRemitted" not in await bank.told()
    assert (await bank.job(job_id))["state"] == "failed"
    await bank.pass_time()
    assert (await bank.job(job_id))["state"] == "done"
    assert (await bank.told()).count("CodRemitted") == 1


async def test_cash_that_no_statement_names_in_time_is_missing_until_one_does(logistics: World, bank: Bank) -> None:
    parcel = await bank.collected()
    await bank.pass_time()
    assert await bank.open() == []
    await bank.skip(30)
    missing = await bank.one(kind="missing")
    assert (missing["source"], missing["expected"]["amount"], missing["actual"]["amount"]) == ("time", 12_900, 0)
    await bank.skip(0)
    assert len(await bank.open()) == 1
    job = await bank.state(line("W-1", 12_900))
    assert (job["matched"], kinds(job)) == (1, [("late", "W-1", 2)])
    assert [each["kind"] for each in await bank.open()] == ["late"]
    healed = [event for event in await logistics.told("logistics.discrepancies") if event.type == "DiscrepancyResolved"]
    assert [(event.position, event.body["kind"], event.body["resolved_by"]) for event in healed] == [
        (2, "missing", "rule")
    ]
    assert await bank.cash(parcel) == "REMITTED"


async def test_what_a_file_names_that_is_still_looked_at_is_not_missing(logistics: World, bank: Bank) -> None:
    await bank.collected()
    await logistics.db.pool.execute("UPDATE cod_cash SET remit_by = now() - interval '1 s'")
    await bank.upload(csv(line("W-1", 12_900)))
    await logistics.db.pool.execute("UPDATE timers SET due_at = now() + interval '1 h' WHERE kind = 'match_statement'")
    await bank.pass_time()
    assert await bank.open() == []


async def test_a_row_that_came_before_its_collection_is_closed_by_rule_when_it_comes(
    logistics: World, bank: Bank
) -> None:
    parcel = await bank.delivered()
    await bank.state(line("W-1", 12_900))
    assert (await bank.one())["kind"] == "delivered_without_cash"
    await logistics.collected(12_900, 5)
    await bank.pass_time()
    assert await bank.open() == []
    assert await bank.cash(parcel) == "REMITTED"
    (resolved,) = (await logistics.get("/discrepancies?state=resolved")).json()["items"]
    assert (resolved["decision"], resolved["resolved_by"]) == ("retry", "rule")


async def test_the_courier_reporting_late_closes_what_was_found_by_time(logistics: World, bank: Bank) -> None:
    await bank.delivered("A")
    await logistics.hand_over(await logistics.parcel(), "B")
    await logistics.collected(12_900, 1, waybill="B")
    await bank.skip(2.5)
    assert {each["kind"] for each in await bank.open()} == {"delivered_without_cash", "cash_without_delivery"}
    await logistics.collected(12_900, 5, waybill="A")
    await logistics.report("delivered", 6, "B")
    assert await bank.open() == []


async def test_a_carrier_has_its_own_columns(logistics: World, bank: Bank) -> None:
    header = HEADER.replace("waybill", "运单号")
    refused = await bank.upload(csv(line("W-1", 100), header=header))
    assert refused.json()["missing"] == ["waybill"]
    assert (
        await bank.upload(b"\xef\xbb\xbf" + csv(f"W-1,{MOMENT},100,100,0").replace(b"\n", b"\r\n"))
    ).status_code == 202

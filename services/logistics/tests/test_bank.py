"""The bank's credits: counted once, whole or in parts, taken back; cash follows its statement."""

from __future__ import annotations

from typing import Any

import pytest

from services.logistics.tests.bank import CONTRACT, Bank, csv, line
from services.logistics.tests.world import World, timer
from services.logistics.usecases import banking, follow_bank
from shared.kernel.ids import new_id

NET = 12_900 - CONTRACT.fee.of(12_900)


@pytest.fixture
async def remitted(bank: Bank) -> str:
    """A parcel whose cash stands in the matched statement S-1."""
    parcel = await bank.collected()
    await bank.state(line("W-1", 12_900))
    return parcel


async def test_a_credit_of_the_whole_net_banks_the_cash(logistics: World, bank: Bank, remitted: str) -> None:
    answer = await bank.credit(NET)
    assert answer.status_code == 201, answer.text
    credited = answer.json()
    assert (credited["statement"]["state"], credited["statement"]["credited"]["amount"]) == ("BANKED", NET)
    await bank.pass_time()
    assert await bank.cash(remitted) == "BANKED"
    banked = (await logistics.told("logistics.cod"))[-1]
    assert (banked.type, banked.position, banked.body["net"]["amount"]) == ("CodBanked", 3, NET)
    received = (await logistics.told("logistics.statements"))[-1]
    assert (received.type, received.position, received.body["complete"]) == ("BankCreditReceived", 3, True)


async def test_parts_add_up(bank: Bank, remitted: str) -> None:
    states = [
        (await bank.credit(amount, ref)).json()["statement"]["state"] for ref, amount in (("B-1", 1), ("B-2", 70))
    ]
    await bank.pass_time()
    assert states == ["PART_BANKED"] * 2 and await bank.cash(remitted) == "REMITTED"
    assert (await bank.credit(NET - 71, "B-3")).json()["statement"]["state"] == "BANKED"
    await bank.pass_time()
    assert await bank.cash(remitted) == "BANKED"


async def test_a_credit_twice_counts_once(logistics: World, bank: Bank, remitted: str) -> None:
    first = await bank.credit(100)
    again = await bank.credit(100)
    assert (again.status_code, again.json()) == (201, first.json())
    for other in ({"amount": {"amount": 101, "currency": "CNY"}}, {"value_date": "2026-11-26"}):
        refused = await bank.credit(100, **other)
        assert (refused.status_code, refused.json()["code"]) == (409, "bank_ref_changed")
    assert (await bank.told("logistics.statements")).count("BankCreditReceived") == 1


async def test_the_same_key_replays_and_a_key_is_required(logistics: World, bank: Bank, remitted: str) -> None:
    body = {
        **{"carrier": "sandbox", "statement_ref": "S-1", "amount": {"amount": 5, "currency": "CNY"}},
        **{"value_date": "2026-11-25", "bank_ref": "B-1"},
    }
    first, again = await bank.post("/bank-credits", body, "k"), await bank.post("/bank-credits", body, "k")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    without = await logistics.http.post("/bank-credits", json=body, headers=logistics.bearer("operator", "op"))
    assert (without.status_code, without.json()["code"]) == (400, "idempotency_key_required")
    refused = await logistics.http.post(
        "/bank-credits", json=body, headers=logistics.bearer("carrier", "sandbox") | {"idempotency-key": "k"}
    )
    assert refused.status_code == 403


async def test_what_no_bank_can_mean_is_refused_and_counts_nothing(bank: Bank, remitted: str) -> None:
    refusals = [
        (await bank.credit(NET + 1), 409, "credit_exceeds_statement"),
        (await bank.credit(5, ref="S-9"), 404, "not_found"),
        (await bank.credit(0), 422, "validation_failed"),
        (await bank.credit(-5), 422, "validation_failed"),
        (await bank.credit(10**30), 422, "validation_failed"),
        (await bank.credit(5, amount={"amount": 5, "currency": "USD"}), 422, "currency_mismatch"),
        (await bank.credit(5, carrier="other"), 422, "unknown_carrier"),
        (await bank.credit(5, bank_ref="a/b"), 422, "validation_failed"),
    ]
    for answer, status, code in refusals:
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "BankCreditReceived" not in await bank.told("logistics.statements")


async def test_a_statement_that_is_still_looked_at_takes_no_credit(bank: Bank) -> None:
    await bank.upload(csv(line("W-1", 12_900)))
    refused = await bank.credit(5)
    assert (refused.status_code, refused.json()["code"]) == (409, "statement_running")
    assert refused.headers["retry-after"] == "1"


async def test_a_credit_taken_back_puts_the_cash_on_its_way_again(logistics: World, bank: Bank, remitted: str) -> None:
    await bank.credit(NET)
    await bank.pass_time()
    answer = await bank.post("/bank-credits/B-1/reverse", {"reason": "recalled"})
    assert (answer.status_code, answer.json()["statement"]["state"]) == (200, "MATCHED")
    await bank.pass_time()
    assert await bank.cash(remitted) == "REMITTED"
    assert (await bank.told())[-1] == "CodBankingReversed"
    assert (await logistics.told("logistics.cod"))[-1].position == 4
    assert (await bank.told("logistics.statements"))[-1] == "BankCreditReversed"
    refused = await bank.post("/bank-credits/B-1/reverse", {"reason": "recalled"})
    assert (refused.status_code, refused.json()["code"]) == (409, "already_reversed")
    assert (await bank.post("/bank-credits/B-7/reverse", {"reason": "?"})).status_code == 404
    await bank.credit(NET, "B-2")
    await bank.pass_time()
    assert await bank.cash(remitted) == "BANKED"


async def test_one_of_two_parts_taken_back_leaves_the_other(bank: Bank, remitted: str) -> None:
    await bank.credit(100, "B-1")
    await bank.credit(NET - 100, "B-2")
    answer = await bank.post("/bank-credits/B-2/reverse", {"reason": "recalled"})
    assert answer.json()["statement"] | {"statement_id": ""} == {
        **{"statement_id": "", "state": "PART_BANKED"},
        **{"net": {"amount": NET, "currency": "CNY"}, "credited": {"amount": 100, "currency": "CNY"}},
    }


async def test_a_crash_half_way_through_the_banking_is_made_good(
    logistics: World, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banking, "FOLLOW_ROWS", 2)
    parcels = [await bank.collected(f"W-{number}") for number in range(5)]
    job = await bank.state(*(line(f"W-{number}", 12_900) for number in range(5)))
    assert job["matched"] == 5
    statement_id = (await bank.credit(5 * NET)).json()["statement"]["statement_id"]
    for banked in (2, 4, 5, 5):  # each reaction commits by itself, and may run again
        await logistics.db.run(lambda tx: follow_bank(tx, [timer("follow_bank", statement_id)]))
        assert (await bank.told()).count("CodBanked") == banked
    assert {await bank.cash(parcel) for parcel in parcels} == {"BANKED"}


async def test_a_reversal_half_way_through_the_banking_turns_it_round(
    logistics: World, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(banking, "FOLLOW_ROWS", 2)
    parcels = [await bank.collected(f"W-{number}") for number in range(3)]
    await bank.state(*(line(f"W-{number}", 12_900) for number in range(3)))
    statement_id = (await bank.credit(3 * NET)).json()["statement"]["statement_id"]
    await logistics.db.run(lambda tx: follow_bank(tx, [timer("follow_bank", statement_id)]))
    await bank.post("/bank-credits/B-1/reverse", {"reason": "recalled"})
    await bank.pass_time()
    assert {await bank.cash(parcel) for parcel in parcels} == {"REMITTED"}
    assert (await bank.told()).count("CodBanked") == (await bank.told()).count("CodBankingReversed") == 2


async def test_a_statement_of_charges_alone_needs_no_credit(bank: Bank) -> None:
    await bank.came_back()
    await bank.state(line("W-1", 0, 800))
    refused = await bank.credit(1)
    assert (refused.status_code, refused.json()["code"]) == (409, "credit_exceeds_statement")
    await bank.skip(30)
    assert await bank.open() == []


async def test_a_row_decided_after_the_credit_is_banked_at_once(bank: Bank) -> None:
    parcel = await bank.collected()
    await bank.state(line("W-1", 12_000))
    await bank.credit(12_000 - CONTRACT.fee.of(12_000))
    found = await bank.one(kind="short")
    assert (await bank.resolve(found["discrepancy_id"], "bear", bearer="carrier")).status_code == 200
    await bank.pass_time()
    assert await bank.cash(parcel) == "BANKED"
    assert (await bank.told())[-2:] == ["CodRemitted", "CodBanked"]


async def test_a_statement_not_credited_in_time_is_found_until_it_is(bank: Bank, remitted: str) -> None:
    await bank.credit(100)
    await bank.skip(10)
    found = await bank.one(kind="not_credited")
    assert (found["source"], found["expected"]["amount"], found["actual"]["amount"]) == ("bank", NET, 100)
    await bank.credit(NET - 100, "B-2")
    assert await bank.open() == []
    await bank.post("/bank-credits/B-2/reverse", {"reason": "recalled"})
    await bank.skip(10)
    assert (await bank.one())["kind"] == "not_credited"


async def test_two_credits_at_once_never_exceed_the_statement(bank: Bank, remitted: str) -> None:
    import asyncio

    answers: list[Any] = await asyncio.gather(*(bank.credit(NET, f"B-{number}") for number in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    (taken,) = [f"B-{number}" for number, answer in enumerate(answers) if answer.status_code == 201]
    same = await asyncio.gather(*(bank.post(f"/bank-credits/{taken}/reverse", {"reason": new_id()}) for _ in range(3)))
    assert sorted(answer.status_code for answer in same) == [200, 409, 409]

from __future__ import annotations

import csv
import io
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.carrier.http import statement_routes
from sandbox.carrier.statements import HABITS, Fault, Row, asked_for, fee_of, write
from sandbox.carrier.till import Till
from sandbox.errands import Errands
from sandbox.process import Party, application
from sandbox.settings import Settings
from sandbox.tests import facts
from sandbox.tests.platform import Platform

FAULTS: tuple[Fault, ...] = get_args(Fault)


class Counter:
    """A carrier's accounts."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        self.till, self.errands = Till(settings, platform.calls(settings)), Errands()
        app = application(Party(statement_routes(self.till, self.errands)))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://carrier")

    def collect(self, count: int, amount: int = 12_900) -> None:
        for number in range(count):
            self.till.hear(facts.collected(f"W{number}", amount, facts.NOON + timedelta(seconds=number)))

    async def state(self, **faults: int) -> Any:
        return (await self.http.post("/control/statements", json={"faults": faults} if faults else {})).json()


@pytest.fixture
async def counter(quiet: Settings, platform: Platform) -> AsyncIterator[Counter]:
    counter = Counter(quiet, platform)
    yield counter
    await counter.errands.finish(10)
    await counter.http.aclose()


def lines(platform: Platform, number: int = -1) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(platform.bodies()[number]["csv"])))


async def test_cash_is_stated_once_and_to_the_cent(counter: Counter, platform: Platform) -> None:
    counter.collect(2)
    answer = await counter.state()
    assert (await counter.state())["waiting"] == 0
    ((path, call_id, said),) = platform.taken
    assert path == "/carriers/sandbox/statements"
    assert call_id.endswith(said["statement_ref"])
    assert said["csv"].startswith("waybill,collected_at,gross,fee,net\nW0,2026-03-02T12:00:00+00:00,12900,129,12771\n")
    (item,) = answer["items"]
    assert (item["status"], item["job_id"], item["rows"], item["faults"]) == (202, "job-1", 2, [])
    assert (item["gross"], item["fee"], item["net"]) == (25_800, 258, 25_542)


@pytest.mark.parametrize(("gross", "fee"), [(2_000, 100), (10_000, 100), (10_049, 100), (10_050, 101), (99_950, 1_000)])
def test_the_fee_is_one_in_a_hundred_rounded_half_up_and_one_yuan_at_least(gross: int, fee: int) -> None:
    assert fee_of(gross) == fee


async def test_a_parcel_that_came_back_is_charged_once(counter: Counter, platform: Platform) -> None:
    counter.till.hear(facts.came_back("W1"))
    counter.till.hear(facts.came_back("W2", charge=None))
    await counter.state()
    counter.till.hear(facts.came_back("W1"))
    await counter.state()
    assert len(platform.taken) == 1
    assert lines(platform) == [
        {"waybill": "W1", "collected_at": facts.NOON.isoformat(), "gross": "0", "fee": "800", "net": "-800"}
    ]


async def test_after_a_restart_what_a_statement_named_is_not_stated_again(counter: Counter, platform: Platform) -> None:
    counter.collect(4)
    counter.till.hear(facts.came_back("W9"))
    counter.till.hear(facts.remitted("W0"))
    counter.till.hear(facts.found("W1", "statement"))
    counter.till.hear(facts.found("W2", "time"))  # missing: it was in none
    counter.till.hear(facts.charge_settled("W9"))
    await counter.state()
    assert [line["waybill"] for line in lines(platform)] == ["W2", "W3"]


async def test_another_carriers_cash_is_none_of_ours(counter: Counter, platform: Platform) -> None:
    counter.till.hear(facts.collected("W1").model_copy(update={"carrier": "other"}))
    await counter.state()
    assert platform.taken == []


async def test_each_fault_asked_for_is_in_the_statement_and_the_rest_is_exact(
    counter: Counter, platform: Platform
) -> None:
    counter.collect(20)
    (item,) = (await counter.state(**dict.fromkeys(FAULTS, 1)))["items"]
    assert sorted(fault["kind"] for fault in item["faults"]) == sorted(FAULTS)
    faults = {fault["waybill"]: fault["kind"] for fault in item["faults"]}
    rows = lines(platform)
    assert len(rows) == 20  # one left out, one twice
    for line in rows:
        gross, fee, net = (int(line[name]) for name in ("gross", "fee", "net"))
        assert net == gross - fee
        kind = faults.get(line["waybill"])
        assert (gross < 12_900) == (kind == "short")
        assert (gross > 12_900) == (kind == "over")
        assert (fee != fee_of(gross)) == (kind == "fee_differs")
    assert [line["waybill"] for line in rows].count("W0") == 0  # what lay there longest is left out


async def test_what_was_left_out_is_stated_the_next_time(counter: Counter, platform: Platform) -> None:
    counter.collect(3)
    assert (await counter.state(missing=1))["waiting"] == 1
    await counter.state(missing=1, short=1)
    assert lines(platform) == [
        {"waybill": "W0", "collected_at": facts.NOON.isoformat(), "gross": "12900", "fee": "129", "net": "12771"}
    ]


async def test_a_statement_that_is_not_taken_keeps_its_name(counter: Counter, platform: Platform) -> None:
    platform.refusals = 2
    counter.collect(1)
    await counter.state()
    assert len(set(platform.tries)) == 1
    assert len(platform.taken) == 1


async def test_in_quiet_no_fault_happens_by_itself(counter: Counter, platform: Platform) -> None:
    counter.collect(300)
    await counter.state()
    (said,) = platform.bodies()
    assert len(lines(platform)) == 300
    assert {line["gross"] for line in csv.DictReader(io.StringIO(said["csv"]))} == {"12900"}


async def test_by_itself_a_carrier_slips_a_few_times_in_a_hundred(settings: Settings, platform: Platform) -> None:
    counter = Counter(settings, platform)
    counter.collect(600)
    await counter.till.state()
    faults = counter.till.sent[0]["faults"]
    assert 0 < len(faults) < 60
    assert sum(HABITS.values()) < 50
    await counter.http.aclose()


async def test_a_fault_that_does_not_exist_is_refused(counter: Counter) -> None:
    answer = await counter.http.post("/control/statements", json={"faults": {"shrot": 1}})
    assert answer.status_code == 422


@given(gross=st.integers(4, 10**9), fault=st.sampled_from(FAULTS), seed=st.integers())
def test_a_slip_is_what_its_name_says(gross: int, fault: Fault, seed: int) -> None:
    row = Row("W", facts.NOON, gross, fee_of(gross))
    written = write([row], {"W": fault}, lambda subject: random.Random(f"{seed}/{subject}")).rows
    assert {
        "short": [each.gross < gross and each.gross > 0 for each in written] == [True],
        "over": [each.gross > gross for each in written] == [True],
        "duplicate": written == (row, row),
        "missing": written == (),
        "fee_differs": [each.gross == gross and each.fee != row.fee for each in written] == [True],
    }[fault]


def test_no_row_has_two_faults_and_charges_have_none() -> None:
    rows = [Row("W1", facts.NOON, 5_000, 100), Row("W2", facts.NOON, 0, 800)]
    assert len(asked_for(rows, dict.fromkeys(FAULTS, 1), random.Random(1))) == 1

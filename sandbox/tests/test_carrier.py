from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from typing import get_args

import httpx
import pytest

from sandbox.carrier.http import routes
from sandbox.carrier.journey import HABITS, STAGE_SECONDS, Behaviour, Step, plan
from sandbox.carrier.rounds import Rounds
from sandbox.process import Party, application
from sandbox.settings import Settings
from sandbox.tests.platform import Platform
from shared.contracts.values import Money

DUE = Money(amount=12900, currency="CNY")
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)


class Counter:
    """A carrier's counter and what it does behind it."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        self.rounds = Rounds(settings, platform.calls(settings))
        self.rounds.caught_up.set()
        app = application(Party(routes(self.rounds)))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://carrier")

    async def take(self, waybill: str = "W1", *, cod: bool = True) -> None:
        body = {"waybill": waybill, "cod_amount": DUE.model_dump() if cod else None}
        assert (await self.http.post("/parcels", json=body)).status_code == 201

    async def let(self, behaviour: str, waybill: str = "W1") -> None:
        answer = await self.http.post(f"/control/parcels/{waybill}", json={"behaviour": behaviour})
        assert answer.status_code == 204

    async def end_of_day(self) -> None:
        await self.rounds.errands.finish(10)


@pytest.fixture
async def counter(quiet: Settings, platform: Platform) -> AsyncIterator[Counter]:
    counter = Counter(quiet, platform)
    yield counter
    await counter.end_of_day()
    await counter.http.aclose()


async def test_a_parcel_is_delivered_and_its_cash_collected(counter: Counter, platform: Platform) -> None:
    await counter.let("deliver")
    await counter.take()
    await counter.end_of_day()
    assert platform.kinds() == ["scan", "out_for_delivery", "cod_collected", "delivered"]
    assert platform.taken[2][2]["amount"] == DUE.model_dump()
    assert platform.taken[2][0] == "/carriers/sandbox/reports"
    known = (await counter.http.get("/parcels")).json()
    assert known["cash_held"] == [DUE.model_dump()]
    assert [report["status"] for report in known["items"][0]["reports"]] == [200] * 4


async def test_a_prepaid_parcel_brings_no_cash(counter: Counter, platform: Platform) -> None:
    await counter.let("deliver")
    await counter.take(cod=False)
    await counter.end_of_day()
    assert platform.kinds() == ["scan", "out_for_delivery", "delivered"]


async def test_a_refused_parcel_goes_home(counter: Counter, platform: Platform) -> None:
    await counter.let("refuse")
    await counter.take()
    await counter.end_of_day()
    assert platform.kinds() == ["scan", "out_for_delivery", "refused", "returned"]
    assert counter.rounds.cash_held() == []


async def test_the_third_failed_attempt_turns_a_parcel_round(counter: Counter, platform: Platform) -> None:
    await counter.let("fail_attempts")
    await counter.take()
    await counter.end_of_day()
    assert platform.kinds().count("attempt_failed") == 3
    assert platform.kinds()[-1] == "returned"


async def test_a_report_that_is_not_taken_is_sent_again_under_its_id(counter: Counter, platform: Platform) -> None:
    platform.refusals = 2
    await counter.let("lose")
    await counter.take()
    await counter.end_of_day()
    assert platform.kinds() == ["scan", "lost"]
    assert len(set(platform.tries[:3])) == 1


async def test_a_duplicating_courier_repeats_ids_and_collects_once(counter: Counter, platform: Platform) -> None:
    await counter.let("duplicate")
    await counter.take()
    await counter.end_of_day()
    ids = [body["report_id"] for _, _, body in platform.taken]
    assert len(ids) == 8
    assert len(set(ids)) == 4
    assert counter.rounds.cash_held() == [DUE]


async def test_in_quiet_nothing_is_reported_but_what_the_caller_asks_for(counter: Counter, platform: Platform) -> None:
    await counter.take()
    await counter.end_of_day()
    assert platform.taken == []
    report = {"kind": "cod_collected", "report_id": "r1", "amount": DUE.model_dump(), "method": "cash"}
    for _ in range(2):
        answer = await counter.http.post("/parcels/W1/reports", json=report)
        assert answer.json()["status"] == 200
    assert [body["report_id"] for _, _, body in platform.taken] == ["r1", "r1"]
    assert counter.rounds.cash_held() == [DUE]


async def test_a_waybill_that_the_carrier_never_had_can_be_reported(counter: Counter, platform: Platform) -> None:
    await counter.http.post("/parcels/UNKNOWN/reports", json={"kind": "delivered"})
    assert platform.taken[0][2]["waybill"] == "UNKNOWN"


async def test_by_itself_the_carrier_finishes_every_parcel(settings: Settings, platform: Platform) -> None:
    counter = Counter(settings, platform)
    for number in range(60):
        await counter.take(f"W{number}")
    await counter.end_of_day()
    ends = {"delivered", "returned", "lost"}
    ended = {body["waybill"] for _, _, body in platform.taken if body["kind"] in ends}
    assert len(ended) == 60
    await counter.http.aclose()


def ways(seeds: int = 40) -> list[tuple[Behaviour, list[Step]]]:
    return [
        (behaviour, plan(f"W{seed}", DUE if seed % 2 else None, behaviour, random.Random(seed)))
        for behaviour in BEHAVIOURS
        for seed in range(seeds)
    ]


def test_every_way_ends_within_a_minute() -> None:
    assert all(step.told <= 60 for _, steps in ways() for step in steps)


def test_every_way_is_told_in_time_order_and_never_before_it_happens() -> None:
    for _, steps in ways():
        assert all(a.told <= b.told for a, b in itertools.pairwise(steps))
        assert all(step.told >= step.happens >= STAGE_SECONDS[0] for step in steps)


def test_a_late_courier_tells_the_way_after_the_end() -> None:
    for behaviour, steps in ways():
        if behaviour == "late":
            assert steps[-1].kind == "out_for_delivery"
            assert steps[-1].happens < steps[0].happens


def test_the_same_dice_give_the_same_report_ids() -> None:
    assert ways() == ways()


def test_habits_are_parts_of_a_hundred() -> None:
    assert sum(HABITS.values()) == 100
    assert set(HABITS) == set(BEHAVIOURS)

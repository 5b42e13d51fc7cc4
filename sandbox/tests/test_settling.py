from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from sandbox.process import Party, application
from sandbox.psp import refunds
from sandbox.psp.http import money_routes
from sandbox.psp.settling import Row, Settling
from sandbox.settings import Settings
from sandbox.tests import facts
from sandbox.tests.platform import Platform
from shared.contracts.event import Event


class Office:
    """The provider's office that deals with the platform's bank."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        calls = platform.calls(settings)
        self.back, self.settling = refunds.refunds(settings, calls), Settling(calls)
        self.back.caught_up.set()
        app = application(Party(money_routes(self.back, self.settling, self.back.errands)))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://psp")

    def hear(self, event: Event, position: int = 1) -> None:
        refunds.hear(self.back, event, facts.at(position))
        self.settling.hear(event, facts.at(position))

    async def settle(self) -> dict[str, object]:
        answer: dict[str, object] = (await self.http.post("/control/settle")).json()
        return answer

    async def end_of_day(self) -> None:
        await self.back.errands.finish(10)


@pytest.fixture
async def office(quiet: Settings, platform: Platform) -> AsyncIterator[Office]:
    office = Office(quiet, platform)
    yield office
    await office.end_of_day()
    await office.http.aclose()


def rows(platform: Platform) -> list[list[tuple[str, int, int]]]:
    """What each settlement said."""
    said = [body["payments"] for body in platform.bodies() if "settlement_id" in body]
    return [[(row["payment_id"], row["gross"], row["fee"]) for row in payments] for payments in said]


async def test_what_was_captured_is_settled_once_less_the_fee(office: Office, platform: Platform) -> None:
    office.hear(facts.captured("pay-1", 12_900))
    office.hear(facts.captured("pay-2", 50))
    assert (await office.settle())["owed"] == 0
    await office.settle()
    assert platform.taken[0][0] == "/payments/settlements/sandbox"
    assert rows(platform) == [[("pay-1", 12_900, 77), ("pay-2", 50, 0)]]
    body = platform.bodies()[0]
    assert set(body) == {"settlement_id", "payments", "bank_ref"}


def test_the_fee_is_rounded_half_up_and_a_refund_costs_nothing() -> None:
    assert [Row("p", gross).fee for gross in (83, 84, 250, 10_000, -12_900)] == [0, 1, 2, 60, 0]


async def test_what_went_back_is_settled_below_zero_after_its_capture(office: Office, platform: Platform) -> None:
    office.hear(facts.captured(), 1)
    office.hear(facts.refunded(amount=1_290), 2)
    await office.settle()
    assert rows(platform) == [[("pay-1", 12_900, 77)], [("pay-1", -1_290, 0)]]


async def test_hearing_it_again_owes_nothing_more(office: Office, platform: Platform) -> None:
    for _ in range(2):
        office.hear(facts.captured(), 1)
        office.hear(facts.refunded(), 2)
        await office.settle()
    assert len(rows(platform)) == 2


async def test_after_a_restart_only_what_was_not_settled_is(office: Office, platform: Platform) -> None:
    office.hear(facts.captured(), 1)
    office.hear(facts.refunded("pay-1", 1_000, "re-1"), 2)
    office.hear(facts.settled(gross=12_900, settlement_id="s-1"), 3)
    office.hear(facts.settled(gross=-1_000, settlement_id="s-2"), 4)
    office.hear(facts.refunded("pay-1", 290, "re-2"), 5)
    office.hear(facts.captured("pay-2", 700), 1)
    await office.settle()
    assert rows(platform) == [[("pay-1", -290, 0), ("pay-2", 700, 4)]]


async def test_a_settlement_that_is_not_taken_keeps_its_name(office: Office, platform: Platform) -> None:
    platform.refusals = 3
    office.hear(facts.captured())
    await office.settle()
    assert len(set(platform.tries)) == 1
    assert len(rows(platform)) == 1


async def test_two_who_ask_at_once_get_one_settlement(office: Office, platform: Platform) -> None:
    office.hear(facts.captured())
    await asyncio.gather(office.settle(), office.settle())
    assert len(rows(platform)) == 1


async def test_a_refund_to_a_card_is_told_like_a_payment_and_names_the_refund(
    office: Office, platform: Platform
) -> None:
    office.hear(facts.refund_submitted("re-1", "card"), 3)
    office.hear(facts.refund_submitted("re-2", "transfer"), 3)
    for refund in ("re-1", "re-2"):
        await office.http.post(f"/control/refunds/{refund}", json={})
    await office.end_of_day()
    ((path, call_id, body),) = platform.taken
    assert (path, call_id) == ("/payments/callbacks/sandbox", "sandbox-refunded-re-1-3")
    assert (body["kind"], body["payment_id"], body["refund_id"]) == ("refunded", "pay-1", "re-1")
    assert (body["amount"], body["currency"]) == (1_290, "CNY")
    assert body["psp_ref"].startswith("psp_")


async def test_in_quiet_a_refund_waits_for_the_caller(office: Office, platform: Platform) -> None:
    office.hear(facts.refund_submitted("re-1", "card"))
    await office.end_of_day()
    assert platform.taken == []
    (item,) = (await office.http.get("/refunds")).json()["items"]
    assert (item["refund_id"], item["told"]) == ("re-1", [])


async def test_by_itself_the_provider_refunds_what_it_is_told_to(settings: Settings, platform: Platform) -> None:
    office = Office(settings, platform)
    for number in range(20):
        office.hear(facts.refund_submitted(f"re-{number}", "card"))
    await office.end_of_day()
    assert {body["refund_id"] for body in platform.bodies()} == {f"re-{number}" for number in range(20)}
    await office.http.aclose()

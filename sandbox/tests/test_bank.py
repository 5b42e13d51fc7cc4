from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from sandbox.bank import paying
from sandbox.bank.crediting import Credits
from sandbox.bank.http import routes
from sandbox.bank.paying import HABITS
from sandbox.process import Party, application
from sandbox.settings import Settings
from sandbox.tests import facts
from sandbox.tests.platform import Platform
from shared.contracts.event import Event


class Branch:
    """A bank's branch and what it does behind its counter."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        self.book = paying.transfers(settings, platform.calls(settings))
        self.incoming = Credits(settings, platform.clerk(settings), self.book.caught_up, self.book.errands)
        self.book.caught_up.set()
        app = application(Party(routes(self.book, self.incoming)))
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bank")

    def hear(self, event: Event, position: int = 3) -> None:
        paying.hear(self.book, event, facts.at(position))
        self.incoming.hear(event)

    async def let(self, what: str, **how: object) -> int:
        return (await self.http.post(f"/control/{what}", json=how)).status_code

    async def end_of_day(self) -> None:
        await self.book.errands.finish(10)


Opened = Callable[[Settings], Branch]


@pytest.fixture
async def opened(platform: Platform) -> AsyncIterator[Opened]:
    branches: list[Branch] = []

    def open_branch(settings: Settings) -> Branch:
        branches.append(Branch(settings, platform))
        return branches[-1]

    yield open_branch
    for branch in branches:
        await branch.end_of_day()
        await branch.http.aclose()


@pytest.fixture
def branch(opened: Opened, quiet: Settings) -> Branch:
    return opened(quiet)


async def test_a_payout_is_paid_and_orders_is_told_in_a_signed_call(branch: Branch, platform: Platform) -> None:
    branch.hear(facts.payout_submitted())
    assert await branch.let("payouts/po-1", behaviour="pay") == 204
    await branch.end_of_day()
    ((path, call_id, body),) = platform.taken
    assert (path, call_id) == ("/banks/callbacks", "sandbox-paid-po-1-3")
    assert (body["bank"], body["kind"], body["payout_id"]) == ("sandbox", "paid", "po-1")
    assert (body["amount"], body["currency"]) == (5_000, "CNY")
    assert "reason" not in body


async def test_what_is_to_happen_may_be_said_before_the_payout_is_known(branch: Branch, platform: Platform) -> None:
    await branch.let("payouts/po-1", behaviour="fail")
    branch.hear(facts.payout_submitted())
    await branch.end_of_day()
    assert platform.kinds() == ["failed"]
    assert platform.bodies()[0]["reason"]


async def test_a_payout_that_comes_back_is_paid_first(branch: Branch, platform: Platform) -> None:
    branch.hear(facts.payout_submitted())
    await branch.let("payouts/po-1", behaviour="return")
    await branch.end_of_day()
    assert platform.kinds() == ["paid", "returned"]
    assert len({body["bank_ref"] for body in platform.bodies()}) == 2


async def test_told_to_duplicate_it_repeats_the_same_call(branch: Branch, platform: Platform) -> None:
    branch.hear(facts.payout_submitted())
    await branch.let("payouts/po-1", behaviour="duplicate")
    await branch.end_of_day()
    assert len(platform.taken) == 2
    assert platform.taken[0] == platform.taken[1]


async def test_a_call_that_is_not_taken_is_made_again(branch: Branch, platform: Platform) -> None:
    platform.refusals = 2
    branch.hear(facts.payout_submitted())
    await branch.let("payouts/po-1", behaviour="pay")
    await branch.end_of_day()
    assert platform.tries == ["sandbox-paid-po-1-3"] * 3


async def test_in_quiet_nothing_is_paid_and_nothing_credited_by_itself(branch: Branch, platform: Platform) -> None:
    branch.hear(facts.payout_submitted())
    branch.hear(facts.refund_submitted())
    branch.hear(facts.matched())
    await branch.end_of_day()
    assert platform.taken == []


async def test_a_restart_repeats_the_same_call(opened: Opened, settings: Settings, platform: Platform) -> None:
    for _ in range(2):
        branch = opened(settings)
        branch.hear(facts.payout_submitted())
        await branch.end_of_day()
    told = [call for call in platform.taken if call[2]["kind"] == platform.kinds()[0]]
    assert len(told) >= 2
    assert all(call == told[0] for call in told)


async def test_what_came_to_its_end_before_a_restart_is_left_alone(
    opened: Opened, settings: Settings, platform: Platform
) -> None:
    branch = opened(settings)
    branch.book.caught_up.clear()
    branch.hear(facts.payout_submitted(), 3)
    branch.hear(facts.payout_failed(), 4)
    branch.book.caught_up.set()
    await branch.end_of_day()
    assert platform.taken == []


async def test_a_refund_by_transfer_is_paid_and_one_by_card_is_not_the_banks(
    branch: Branch, platform: Platform
) -> None:
    branch.hear(facts.refund_submitted())
    branch.hear(facts.refund_submitted("re-2", "card"))
    branch.hear(facts.refund_submitted("re-3", "wallet"))
    for refund in ("re-1", "re-2", "re-3"):
        await branch.let(f"refunds/{refund}", behaviour="pay")
    await branch.end_of_day()
    assert [body["refund_id"] for body in platform.bodies()] == ["re-1"]


async def test_a_refund_that_failed_and_is_sent_again_is_another_act(branch: Branch, platform: Platform) -> None:
    branch.hear(facts.refund_submitted(), 3)
    await branch.let("refunds/re-1", behaviour="fail")
    await branch.end_of_day()
    branch.hear(facts.refund_failed(), 4)
    branch.hear(facts.refund_submitted(), 5)
    branch.hear(facts.refund_submitted(), 3)  # the topic is read again
    await branch.let("refunds/re-1", behaviour="pay")
    await branch.end_of_day()
    assert platform.kinds() == ["failed", "paid"]
    assert [call_id for _, call_id, _ in platform.taken] == ["sandbox-failed-re-1-3", "sandbox-paid-re-1-5"]


async def test_what_a_buyer_was_paid_back_can_not_be_told_to_return(branch: Branch) -> None:
    assert await branch.let("refunds/re-1", behaviour="return") == 422
    assert await branch.let("payouts/po-1", behaviour="pya") == 422


async def test_by_itself_a_bank_pays_most_and_the_same_seed_does_the_same(
    opened: Opened, settings: Settings, platform: Platform
) -> None:
    branch = opened(settings)
    for number in range(120):
        branch.hear(facts.payout_submitted(f"po-{number}"))
    await branch.end_of_day()
    assert platform.kinds().count("paid") > 90
    assert {"paid", "failed", "returned"} == set(platform.kinds())
    assert sum(HABITS.values()) == 100


async def test_a_statement_is_credited_by_an_operators_call_under_its_own_key(
    branch: Branch, platform: Platform
) -> None:
    branch.hear(facts.matched())
    assert await branch.let("statements/SB-1") == 204
    await branch.end_of_day()
    ((path, key, body),) = platform.taken
    assert path == "/bank-credits"
    assert key == body["bank_ref"]
    assert (body["carrier"], body["statement_ref"]) == ("sandbox", "SB-1")
    assert body["amount"] == {"amount": 10_001, "currency": "CNY"}
    assert body["value_date"] == "2026-03-02"


async def test_parts_add_up_to_the_statement(branch: Branch, platform: Platform) -> None:
    await branch.let("statements/SB-1", parts=3)
    branch.hear(facts.matched())
    await branch.end_of_day()
    assert [body["amount"]["amount"] for body in platform.bodies()] == [3_333, 3_334, 3_334]
    assert len({body["bank_ref"] for body in platform.bodies()}) == 3


async def test_a_statement_is_credited_once_however_often_it_is_asked_for(branch: Branch, platform: Platform) -> None:
    branch.hear(facts.matched())
    branch.hear(facts.matched())
    for parts in (1, 2):
        await branch.let("statements/SB-1", parts=parts)
    await branch.end_of_day()
    assert len(platform.taken) == 1


async def test_a_statement_of_nothing_is_not_credited(opened: Opened, settings: Settings, platform: Platform) -> None:
    branch = opened(settings)
    branch.hear(facts.matched(net=0))
    branch.hear(facts.matched("SB-2", net=-800))
    await branch.end_of_day()
    assert platform.taken == []


async def test_after_a_restart_a_part_that_came_in_is_not_credited_again(
    opened: Opened, settings: Settings, platform: Platform
) -> None:
    before = opened(settings)
    before.hear(facts.matched())
    await before.end_of_day()
    after = opened(settings)
    after.book.caught_up.clear()
    after.hear(facts.matched())
    for body in list(platform.bodies()):
        after.hear(facts.credited(body["bank_ref"]))
    after.book.caught_up.set()
    count = len(platform.taken)
    await after.end_of_day()
    assert len(platform.taken) == count >= 1


async def test_the_bank_shows_what_it_did(branch: Branch) -> None:
    branch.hear(facts.payout_submitted())
    branch.hear(facts.matched())
    await branch.let("payouts/po-1", behaviour="pay")
    await branch.let("statements/SB-1", parts=2)
    await branch.end_of_day()
    payout, credit = (await branch.http.get("/transfers")).json()["items"]
    assert (payout["kind"], payout["payout_id"], payout["behaviour"]) == ("payout", "po-1", "pay")
    assert [told["status"] for told in payout["told"]] == [200]
    assert (credit["kind"], credit["statement_ref"], len(credit["told"])) == ("credit", "SB-1", 2)

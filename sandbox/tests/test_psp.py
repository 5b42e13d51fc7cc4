from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from sandbox.process import Party, application
from sandbox.psp.http import routes
from sandbox.psp.payments import Provider
from sandbox.settings import Settings
from sandbox.tests.platform import Platform


class Buyer:
    """A browser in front of a quiet provider."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        self.provider = Provider(settings, platform.calls(settings))
        app = application(Party(routes(self.provider, settings)))
        self.browser = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://psp")

    async def pay(self, url: str, **headers: str) -> httpx.Response:
        answer = await self.browser.post(url, headers=headers)
        await self.provider.errands.finish(10)
        return answer

    async def let(self, behaviour: str, **more: Any) -> httpx.Response:
        return await self.browser.post("/control/payments/p1", json={"behaviour": behaviour, **more})


@pytest.fixture
async def buyer(quiet: Settings, platform: Platform) -> AsyncIterator[Buyer]:
    buyer = Buyer(quiet, platform)
    yield buyer
    await buyer.browser.aclose()
    await buyer.provider.calls.close()


def pay_url(payment_id: str = "p1", amount: int = 12900, *, expires_in: int = 600, key: str = "pay-key") -> str:
    expires = int(time.time()) + expires_in
    sig = hmac.new(key.encode(), f"{payment_id}.{amount}.CNY.{expires}".encode(), hashlib.sha256).hexdigest()
    return f"/pay/{payment_id}?amount={amount}&currency=CNY&expires={expires}&sig={sig}"


async def test_paying_captures_and_tells_orders_in_a_signed_call(buyer: Buyer, platform: Platform) -> None:
    answer = await buyer.pay(pay_url())
    assert answer.json()["state"] == "captured"
    ((path, call_id, body),) = platform.taken
    assert path == "/payments/callbacks/sandbox"
    assert call_id == "sandbox-captured-p1-1"
    assert (body["kind"], body["amount"], body["currency"]) == ("captured", 12900, "CNY")


async def test_paying_twice_captures_once(buyer: Buyer, platform: Platform) -> None:
    url = pay_url()
    await buyer.pay(url)
    await buyer.pay(url)
    assert platform.kinds() == ["captured"]


async def test_a_call_that_is_refused_is_tried_again_under_its_id(buyer: Buyer, platform: Platform) -> None:
    platform.refusals = 3
    await buyer.pay(pay_url())
    assert len(platform.taken) == 1
    assert platform.tries == ["sandbox-captured-p1-1"] * 4


async def test_a_changed_sum_is_refused_and_nothing_is_told(buyer: Buyer, platform: Platform) -> None:
    answer = await buyer.pay(pay_url().replace("amount=12900", "amount=1"))
    assert answer.status_code == 403
    assert platform.taken == []


async def test_a_link_signed_by_another_key_or_incomplete_is_refused(buyer: Buyer) -> None:
    assert (await buyer.pay(pay_url(key="other"))).status_code == 403
    assert (await buyer.pay("/pay/p1?amount=12900")).status_code == 403


async def test_an_expired_link_can_not_be_paid(buyer: Buyer, platform: Platform) -> None:
    assert (await buyer.pay(pay_url(expires_in=-1))).status_code == 410
    assert platform.taken == []


async def test_after_a_failure_the_buyer_can_pay_again(buyer: Buyer, platform: Platform) -> None:
    await buyer.let("fail")
    assert (await buyer.pay(pay_url())).json()["state"] == "failed"
    assert (await buyer.pay(pay_url())).json()["state"] == "captured"
    assert platform.kinds() == ["failed", "captured"]


async def test_told_to_capture_a_wrong_amount_it_reports_one(buyer: Buyer, platform: Platform) -> None:
    await buyer.let("wrong_amount")
    await buyer.pay(pay_url())
    assert platform.taken[0][2]["amount"] == 12899


async def test_told_to_duplicate_it_repeats_the_same_call(buyer: Buyer, platform: Platform) -> None:
    await buyer.let("duplicate")
    await buyer.pay(pay_url())
    assert len(platform.taken) == 2
    assert platform.taken[0] == platform.taken[1]


async def test_the_page_shows_the_sum_and_a_button_that_works_without_scripts(buyer: Buyer) -> None:
    page = await buyer.browser.get(pay_url())
    assert "CNY 129.00" in page.text
    assert '<form method="post">' in page.text
    paid = await buyer.pay(pay_url(), accept="text/html")
    assert "Paid." in paid.text


async def test_a_control_with_a_typing_error_is_refused(buyer: Buyer) -> None:
    assert (await buyer.let("captur")).status_code == 422
    assert (await buyer.let("capture", dealy=1)).status_code == 422


async def test_the_same_seed_gives_the_same_behaviour(settings: Settings, platform: Platform) -> None:
    told = []
    for _ in range(2):
        buyer = Buyer(settings, platform)
        for number in range(80):
            await buyer.browser.post(pay_url(f"p{number}"))
        await buyer.provider.errands.finish(10)
        told.append([(payment.state, payment.told) for payment in buyer.provider.payments.values()])
        await buyer.browser.aclose()
    assert told[0] == told[1]
    assert {state for state, _ in told[0]} == {"captured", "failed"}

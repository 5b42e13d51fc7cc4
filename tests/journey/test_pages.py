"""Buying in a shop's pages as a browser without JavaScript does: links, forms, cookies."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx

from tests.journey.town import ADDRESS, Town, seen


class Forms(HTMLParser):
    """The page's first form as it would be sent: where to, and its fields."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.action:
            self.action = found["action"]
        if tag == "input" and "name" in found and (found.get("type") != "radio" or "checked" in found):
            self.fields[found["name"]] = found.get("value", "")


def browser(town: Town) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=town.platform.urls["storefront"],
        headers={"accept-language": "en", "user-agent": "Mozilla/5.0 (a phone)"},
        follow_redirects=True,
        trust_env=False,
        timeout=15,
    )


async def product_page(town: Town, shopper: httpx.AsyncClient, sku: str) -> str:
    """From the article to the product, by the link in it."""
    article = await shopper.get(f"{town.shop.url}/c/{town.shop.content_id}")
    assert article.status_code == 200, article.text
    pattern = rf'href="([^"]*/p/{town.listing(sku).listing_id}[^"]*)"'
    link = re.search(pattern, article.text) or re.search(pattern, (await shopper.get(town.shop.url)).text)
    assert link, f"no link to {sku} in the article nor in the shop"
    page = await shopper.get(link[1].replace("&amp;", "&"))
    assert page.status_code == 200, page.text
    return page.text


async def buy(town: Town, shopper: httpx.AsyncClient, sku: str, **typed: str) -> httpx.Response:
    form = Forms(await product_page(town, shopper, sku))
    return await shopper.post(form.action, data={**form.fields, **ADDRESS, **typed})


async def order_of(town: Town, page: str) -> str:
    """The order whose page this is, as the operator finds it."""
    found = re.search(r"/orders/([0-9a-f-]{36})", page)
    assert found, page
    return found[1]


async def test_a_shopper_reads_an_article_and_buys_what_is_in_it_without_javascript(town: Town) -> None:
    async with browser(town) as shopper:
        bought = await buy(town, shopper, "honey", payment="cod")
        assert bought.status_code == 200, bought.text
        order = await town.order(await order_of(town, bought.text))
        assert order["state"] == "CONFIRMED"
        assert order["order_no"] in bought.text
        assert order["entry_point"] == "article"
        assert (await town.delivered(order["order_id"]))["storefront_id"] == town.shop.storefront_id


async def test_a_form_sent_twice_orders_once(town: Town) -> None:
    async with browser(town) as shopper:
        form = Forms(await product_page(town, shopper, "honey"))
        typed = {**form.fields, **ADDRESS}
        first, second = [await shopper.post(form.action, data=typed) for _ in range(2)]
        assert await order_of(town, first.text) == await order_of(town, second.text)


async def test_a_shopper_types_the_code_from_the_phone_into_the_orders_page(town: Town) -> None:
    async with browser(town) as shopper:
        bought = await buy(town, shopper, "ham", payment="cod")
        order = await town.order(await order_of(town, bought.text))
        assert order["state"] == "PLACED"

        async def code() -> str | None:
            said = await town.platform.send("GET", "phone", f"/phones/{order['buyer_ref']}/messages")
            codes = [each["code"] for each in said.body["items"] if each["order_id"] == order["order_id"]]
            return codes[-1] if codes else None

        form = Forms(bought.text)
        typed = {**form.fields, "code": await seen("the code is on the phone", code)}
        confirmed = await shopper.post(form.action, data=typed)
        assert confirmed.status_code == 200, confirmed.text
        assert (await town.order(order["order_id"]))["state"] == "CONFIRMED"


async def test_an_order_page_shows_nothing_to_another_browser(town: Town) -> None:
    async with browser(town) as shopper, browser(town) as stranger:
        bought = await buy(town, shopper, "honey")
        link = re.search(r'href="([^"]*/orders/[^"]+)"', bought.text)
        assert link
        address = link[1].replace("&amp;", "&")
        assert (await shopper.get(address)).status_code == 200
        assert (await stranger.get(address)).status_code == 404


async def test_a_wrong_field_is_named_and_nothing_is_ordered(town: Town) -> None:
    async with browser(town) as shopper:
        page = await buy(town, shopper, "honey", phone="call me")
        assert page.status_code == 422
        assert "Give a phone number the courier can call." in page.text

"""Buying by a plain form: what is passed on to orders, and what a shopper reads when it does not work."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from services.storefront.tests.world import BROWSER, Market, Shop, World, cny, hidden, links
from shared.kernel.ids import new_id

ADDRESS = {"name": "王小明", "phone": "13800000000", "region": "CN-ZJ", "address": "文一西路 1 号"}
TYPED = {"qty": "2", "payment": "cod", **ADDRESS}
ORDER_ID = new_id()


def placed(state: str = "CONFIRMED", **changed: Any) -> dict[str, Any]:
    order = {"order_id": ORDER_ID, "order_no": "261122-7K3M9-QXT4A", "state": state}
    return {**order, "payable": cny(25_800).model_dump(), **changed}


@pytest.fixture
async def product(world: World, shop: Shop, stocked: Market) -> str:
    """The path of a product's page."""
    return f"{shop.path}/p/{(await shop.adopt(stocked))['listings'][0]['listing_id']}"


async def send(world: World, path: str, fields: dict[str, str]) -> httpx.Response:
    return await world.http.post(path, data=fields, headers=BROWSER)


async def fill(world: World, product: str, **typed: str) -> dict[str, str]:
    """The product's form, opened and filled in."""
    return hidden(await world.page(product)) | TYPED | typed


async def test_a_form_becomes_an_order_as_any_client_places_it(world: World, shop: Shop, product: str) -> None:
    world.orders.answers = [(201, placed())]
    fields = await fill(world, f"{product}?e=group")
    page = await send(world, f"{product}/buy", fields)
    assert page.status_code == 200
    assert "261122-7K3M9-QXT4A" in page.text
    assert "¥258.00" in page.text
    (asked,), (body,) = world.orders.asked, world.orders.bodies
    assert (asked.url.path, asked.headers["authorization"]) == ("/orders", "Bearer a-service-token")
    assert asked.headers["idempotency-key"].endswith(fields["key"])
    line = {"listing_id": product[-36:], "qty": 2, "unit_price": {"amount": 12_900, "currency": "CNY"}}
    assert body["lines"] == [line]
    assert (body["storefront_id"], body["payment"], body["ship_to"]) == (shop.storefront_id, "cod", ADDRESS)
    assert body["touch"] == fields["touch"]
    assert asked.headers["idempotency-key"].startswith(body["buyer_ref"])


async def test_a_reload_sends_the_same_order_again(world: World, product: str) -> None:
    world.orders.answers = [(201, placed()), (201, placed())]
    fields = await fill(world, product)
    pages = [await send(world, f"{product}/buy", fields) for _ in range(2)]
    first, second = world.orders.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content
    assert "261122-7K3M9-QXT4A" in pages[1].text


async def test_a_buyer_stays_the_same_over_orders_and_differs_from_others(world: World, product: str) -> None:
    world.orders.answers = [(201, placed())] * 3
    for _ in range(2):
        await send(world, f"{product}/buy", await fill(world, product))
    world.http.cookies.clear()
    await send(world, f"{product}/buy", await fill(world, product))
    first, second, other = (body["buyer_ref"] for body in world.orders.bodies)
    assert first == second != other


CANNOT_BE = {
    "qty": ("", "0", "-1", "1.5", "100", "x", "²"),
    "name": ("", "  ", "x" * 81),
    "phone": ("", "call me", "1"),
    "region": ("", "ZZ-1", "<b>"),
    "address": ("", "x" * 301),
    "payment": ("barter",),
}


async def test_a_form_that_cannot_be_right_is_shown_again_and_nothing_is_ordered(world: World, product: str) -> None:
    fields = await fill(world, product)
    for field, typed in ((field, typed) for field, wrong in CANNOT_BE.items() for typed in wrong):
        page = await send(world, f"{product}/buy", fields | {field: typed})
        assert page.status_code == 422
        assert re.findall(r'id="(\w+)-fault"', page.text) == [field]
        assert field == "name" or 'value="王小明"' in page.text
    assert world.orders.asked == []


@pytest.mark.parametrize("changed", [{"key": "x"}, {"amount": "-1"}, {"currency": "yuan"}, {"more": "1"}])
async def test_a_tampered_form_is_refused(world: World, product: str, changed: dict[str, str]) -> None:
    page = await send(world, f"{product}/buy", await fill(world, product) | changed)
    assert page.status_code == 422
    assert "please go back" in page.text
    assert world.orders.asked == []


async def test_a_changed_price_is_shown_and_asked_again(world: World, product: str) -> None:
    lines = [{"listing_id": product[-36:], "price": cny(13_900).model_dump()}]
    world.orders.answers = [(409, {"code": "price_changed", "lines": lines}), (201, placed())]
    fields = await fill(world, product)
    page = await send(world, f"{product}/buy", fields)
    assert page.status_code == 409
    assert "¥139.00" in page.text
    assert "Order at the new price" in page.text
    again = hidden(page)
    assert again["amount"] == "13900"
    assert again["key"] != fields["key"]
    await send(world, f"{product}/buy", again | TYPED)
    assert world.orders.bodies[1]["lines"][0]["unit_price"]["amount"] == 13_900


@pytest.mark.parametrize(
    ("status", "problem", "words", "same_order"),
    [
        (409, {"code": "out_of_stock", "lines": [{"available": 0}]}, "sold out", False),
        (409, {"code": "out_of_stock", "lines": [{"available": 1}]}, "not enough", False),
        (409, {"code": "cod_not_available"}, "choose to pay online", False),
        (409, {"code": "region_not_served"}, "not delivered to that province", False),
        (409, {"code": "limit_exceeded"}, "order fewer", False),
        (422, {"code": "unknown_listing"}, "no longer on sale", False),
        (422, {"code": "something_new"}, "was not accepted", False),
        (409, {"code": "not_ready"}, "wait a second", True),
        (429, {"code": "too_many_requests"}, "busy", True),
        (503, {"code": "unavailable"}, "never placed twice", True),
        (500, {"code": "internal"}, "never placed twice", True),
    ],
)
async def test_a_refusal_is_told_in_the_shoppers_words(
    world: World, product: str, status: int, problem: dict[str, Any], words: str, same_order: bool
) -> None:
    world.orders.answers = [(status, problem)]
    fields = await fill(world, product)
    page = await send(world, f"{product}/buy", fields)
    assert page.status_code == (503 if same_order else 409)
    assert words in page.text
    assert problem["code"] not in page.text
    assert 'value="文一西路 1 号"' in page.text
    assert (hidden(page)["key"] == fields["key"]) is same_order


async def test_when_orders_is_silent_the_same_order_can_be_sent_again(world: World, product: str) -> None:
    world.orders.answers = [httpx.ReadTimeout("silence"), (201, placed())]
    page = await send(world, f"{product}/buy", await fill(world, product))
    assert page.status_code == 503
    await send(world, f"{product}/buy", hidden(page) | TYPED)
    first, second = world.orders.asked
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.content == second.content


async def test_a_touch_that_is_not_ours_is_left_out(world: World, product: str) -> None:
    world.orders.answers = [(201, placed())]
    await send(world, f"{product}/buy", await fill(world, product, touch="v1.k9.e30.forged"))
    assert "touch" not in world.orders.bodies[0]


async def test_a_prepaid_order_leads_to_its_payment(world: World, product: str) -> None:
    payment = {
        "payment_id": new_id(),
        "pay_url": "https://psp.example/pay/1?a=1&b=2",
        "expires_at": "2026-11-22T00:00:00Z",
    }
    world.orders.answers = [(201, placed("PLACED", payment=payment))]
    page = await send(world, f"{product}/buy", await fill(world, product, payment="prepaid"))
    assert links(page, "psp.example") == [payment["pay_url"]]
    assert "one-time-code" not in page.text


async def test_an_order_over_the_limit_is_confirmed_by_the_code_from_the_phone(world: World, product: str) -> None:
    open_order, confirmed = placed("PLACED"), placed("CONFIRMED")
    world.orders.answers = [(201, open_order), (409, {"code": "wrong_code"}), (200, open_order)]
    world.orders.answers += [(422, {"code": "validation_failed"}), (200, open_order), (200, confirmed)]
    page = await send(world, f"{product}/buy", await fill(world, product))
    assert "one-time-code" in page.text
    path = f"{product[: product.index('/p/')]}/orders/{ORDER_ID}/confirm"
    wrong = await send(world, path, hidden(page) | {"code": "000000"})
    assert wrong.status_code == 409
    assert "not right" in wrong.text
    assert "not right" in (await send(world, path, hidden(wrong) | {"code": "六位数"})).text
    right = await send(world, path, hidden(wrong) | {"code": " 123456 "})
    assert right.status_code == 303
    assert world.orders.bodies[-1] == {"code": "123456"}
    world.orders.answers = [(200, confirmed)]
    shown = await world.page(right.headers["location"])
    assert "Confirmed" in shown.text
    assert "one-time-code" not in shown.text


async def test_when_no_tries_are_left_the_page_says_so(world: World, product: str) -> None:
    spent = {"code": "wrong_code", "tries_left": 0}
    world.orders.answers = [(201, placed("PLACED")), (409, spent), (200, placed("PLACED"))]
    page = await send(world, f"{product}/buy", await fill(world, product))
    path = f"{product[: product.index('/p/')]}/orders/{ORDER_ID}/confirm"
    assert "Too many wrong codes" in (await send(world, path, hidden(page) | {"code": "1"})).text


async def test_an_order_is_shown_to_its_own_browser_only(world: World, product: str) -> None:
    world.orders.answers = [(201, placed("PLACED"))]
    page = await send(world, f"{product}/buy", await fill(world, product))
    (address,) = links(page, "/orders/")
    cookies = dict(world.http.cookies)
    world.http.cookies.clear()
    assert (await world.page(address)).status_code == 404
    assert (await send(world, address.split("?")[0] + "/confirm", hidden(page) | {"code": "1"})).status_code == 404
    world.http.cookies.update(cookies)
    assert (await world.page(address[:-2])).status_code == 404
    assert len(world.orders.asked) == 1


async def test_a_forged_cookie_makes_nobody_a_buyer(world: World, product: str) -> None:
    world.orders.answers = [(201, placed())]
    world.http.cookies.set("wanpu_buyer", f"{ORDER_ID}.forged")
    await send(world, f"{product}/buy", await fill(world, product))
    assert world.orders.bodies[0]["buyer_ref"] != ORDER_ID


async def test_what_is_sold_out_or_needs_a_booking_has_no_form(world: World, shop: Shop, market: Market) -> None:
    await world.hear(market.supplier(), market.product(), market.offer(), market.stock(market.tin, "no"))
    tin, _ = (each["listing_id"] for each in (await shop.adopt(market))["listings"])
    assert "<form" not in (await world.page(f"{shop.path}/p/{tin}")).text
    await world.hear(market.stock(market.tin), market.product(kind="service"))
    page = await world.page(f"{shop.path}/p/{tin}")
    assert "<form" not in page.text
    assert "booking" in page.text


async def test_a_supplier_without_cash_on_delivery_offers_none(world: World, shop: Shop, market: Market) -> None:
    await world.hear(*market.all[1:], market.supplier(cod_allowed=False, regions=("CN-ZJ", "US-CA")))
    listing = (await shop.adopt(market))["listings"][0]["listing_id"]
    text = (await world.page(f"{shop.path}/p/{listing}")).text
    assert 'value="cod"' not in text
    assert [part[:5] for part in text.split('<option value="')[1:]] == ['">Cho', "CN-ZJ", "US-CA"]


async def test_buying_what_went_off_sale_meanwhile_says_so(world: World, product: str, stocked: Market) -> None:
    fields = await fill(world, product)
    await world.hear(stocked.offer(state="ended"))
    page = await send(world, f"{product}/buy", fields)
    assert page.status_code == 404
    assert "no longer on sale" in page.text
    assert world.orders.asked == []

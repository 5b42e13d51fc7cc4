"""`POST /orders` and `GET /orders/{id}` to the letter of the API."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import pytest

from services.orders.tests.edge import PAY_URL_KEY, Edge, bearer, order_body, serving
from services.orders.tests.market import Goods, Market, old_id, touch_token
from shared.kernel.ids import new_id


@pytest.fixture
async def edge(market: Market, tmp_path: Path) -> AsyncIterator[Edge]:
    async with serving(market.db, tmp_path) as edge:
        yield edge


async def nothing_written(market: Market, *, keys: int = 0) -> bool:
    tables = ("orders", "lines", "payments", "order_timeline", "idempotency")
    counts = [(await market.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in tables]  # noqa: S608
    told = await market.rows("SELECT 1 FROM outbox WHERE topic <> 'orders.availability'")
    return counts == [0, 0, 0, 0, keys] and not told


async def test_the_answer_has_every_field_of_the_api(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    answer = await edge.post("/orders", order_body(goods, 2, touch=touch_token(goods, by="friend")))
    body = answer.json()
    assert answer.status_code == 201, body
    assert set(body) == {
        *("order_id", "order_no", "state", "payable", "totals", "lines", "supplier_orders", "touch"),
    }
    assert (body["state"], body["touch"]) == ("CONFIRMED", "accepted")
    assert body["payable"] == {"amount": 10_000, "currency": "CNY"} == body["totals"]["goods"]
    assert set(body["totals"]) == {"goods", "fees", "discount", "tax", "payable"}
    (line,) = body["lines"]
    assert set(line) == {"line_id", "listing_id", "variant_id", "qty", "amount", "split"}
    assert [share["party_kind"] for share in line["split"]] == ["supplier", "creator", "referrer", "platform"]
    (part,) = body["supplier_orders"]
    assert part == {
        "supplier_order_id": part["supplier_order_id"],
        "supplier_id": goods.supplier_id,
        "line_ids": [line["line_id"]],
    }


async def test_a_pay_url_is_signed_for_the_amount_and_the_time_to_pay(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    answer = await edge.post("/orders", order_body(goods, payment="prepaid"))
    payment = answer.json()["payment"]
    assert set(payment) == {"payment_id", "pay_url", "expires_at"}
    url = urlsplit(payment["pay_url"])
    given = {name: values[0] for name, values in parse_qs(url.query).items()}
    signed = f"{payment['payment_id']}.{given['amount']}.{given['currency']}.{given['expires']}"
    assert url.path == f"/pay/{payment['payment_id']}"
    assert given["sig"] == hmac.new(PAY_URL_KEY.encode(), signed.encode(), hashlib.sha256).hexdigest()
    shown = (await edge.get(f"/orders/{answer.json()['order_id']}")).json()
    assert shown["payment"]["pay_url"] == payment["pay_url"]


async def test_the_same_key_twice_gives_the_same_bytes_and_one_order(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    first, again = [await edge.post("/orders", order_body(goods), key="k") for _ in range(2)]
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert await market.rows("SELECT count(*) FROM orders") == [(1,)]


async def test_one_key_many_times_at_once_makes_one_order(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    answers = await asyncio.gather(*(edge.post("/orders", order_body(goods), key="k") for _ in range(10)))
    assert len({answer.content for answer in answers}) == 1
    assert await market.stock_of(goods) == (100, 1, 0)


async def test_a_key_belongs_to_one_body_and_one_party(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    await edge.post("/orders", order_body(goods), key="k")
    other = await edge.post("/orders", order_body(goods, 2), key="k")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    somebody = await edge.post("/orders", order_body(goods, buyer_ref="b2"), key="k", party="b2")
    assert somebody.status_code == 201


async def test_a_decided_refusal_is_replayed_even_when_the_stock_has_come(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods(), 1)
    first = await edge.post("/orders", order_body(goods, 2), key="k")
    await market.hear(goods.delivery(10))
    again = await edge.post("/orders", order_body(goods, 2), key="k")
    assert (first.status_code, first.json()["code"]) == (409, "out_of_stock")
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert await nothing_written(market, keys=1)


async def test_what_was_not_ready_is_decided_anew_with_the_same_key(market: Market, edge: Edge) -> None:
    goods = Goods(listing_id=new_id())  # type: ignore[arg-type]
    first = await edge.post("/orders", order_body(goods), key="k")
    assert (first.status_code, first.json()["code"], first.headers["retry-after"]) == (409, "not_ready", "1")
    assert await nothing_written(market)
    await market.sell(goods)
    assert (await edge.post("/orders", order_body(goods), key="k")).status_code == 201


async def test_a_changed_price_is_named(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    body = order_body(goods)
    body["lines"][0]["unit_price"]["amount"] = 1
    refusal = (await edge.post("/orders", body)).json()
    assert refusal["code"] == "price_changed"
    assert refusal["lines"] == [{"listing_id": goods.listing_id, "price": {"amount": 5_000, "currency": "CNY"}}]
    assert await nothing_written(market, keys=1)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"coupon": "x"}, 422, "validation_failed"),
        ({"lines": []}, 422, "validation_failed"),
        ({"payment": "barter"}, 422, "validation_failed"),
        ({"buyer_ref": "somebody-else"}, 403, "forbidden"),
        ({"touch": "v1.k1.e30.forged"}, 422, "touch_invalid"),
        ({"storefront_id": old_id()}, 422, "unknown_listing"),
        ({"line": {"qty": 0}}, 422, "validation_failed"),
        ({"line": {"qty": -1}}, 422, "validation_failed"),
        ({"line": {"qty": "1"}}, 422, "validation_failed"),
        ({"line": {"qty": 1.0}}, 422, "validation_failed"),
        ({"line": {"slot_id": old_id()}}, 422, "slot_invalid"),
        ({"line": {"slot_id": "noon"}}, 422, "validation_failed"),
        ({"line": {"listing_id": "tea"}}, 422, "validation_failed"),
        ({"line": {"unit_price": {"amount": 5_000, "currency": "USD"}}}, 422, "currency_mismatch"),
        ({"line": {"unit_price": {"amount": 5_000, "currency": "CNY", "tax": 1}}}, 422, "validation_failed"),
        ({"ship_to": {"name": "A", "phone": "1", "region": "Zhejiang", "address": "x"}}, 422, "validation_failed"),
    ],
)
async def test_bad_input_is_refused_and_leaves_no_trace(
    market: Market, edge: Edge, change: dict[str, Any], status: int, code: str
) -> None:
    goods = await market.sell(Goods())
    body = order_body(goods)
    body["lines"][0] |= change.get("line", {})
    body |= {name: value for name, value in change.items() if name != "line"}
    answer = await edge.post("/orders", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await nothing_written(market)


async def test_without_a_key_nothing_is_ordered(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    answer = await edge.post("/orders", order_body(goods), key=" ")
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert await nothing_written(market)


async def test_a_supplier_may_not_order_and_a_service_may_for_anyone(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    assert (await edge.post("/orders", order_body(goods), role="supplier")).status_code == 403
    assert (await edge.post("/orders", order_body(goods), role="service", party="channel")).status_code == 201


async def test_an_order_is_shown_with_its_lines_cash_and_timeline(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    placed = (await edge.post("/orders", order_body(goods))).json()
    shown = (await edge.get(f"/orders/{placed['order_id']}")).json()
    assert shown["state"] == "CONFIRMED"
    assert shown["lines"][0]["split"] == placed["lines"][0]["split"]
    assert shown["lines"][0]["title"] == "Longjing"
    part = placed["supplier_orders"][0]["supplier_order_id"]
    assert shown["cash"] == [{"supplier_order_id": part, "due": {"amount": 5_000, "currency": "CNY"}}]
    assert [row["what"] for row in shown["timeline"]] == ["OrderPlaced", "OrderConfirmed"]
    assert "Li Lei" not in str(shown)


@pytest.mark.parametrize(
    ("role", "party", "status"),
    [
        ("buyer", "buyer-1", 200),
        ("buyer", "buyer-2", 404),
        ("service", "any", 200),
        ("operator", "any", 200),
        ("creator", "the creator", 200),
        ("creator", "another", 404),
        ("supplier", "any", 403),
    ],
)
async def test_who_may_see_an_order(market: Market, edge: Edge, role: Any, party: str, status: int) -> None:
    goods = await market.sell(Goods())
    placed = (await edge.post("/orders", order_body(goods))).json()
    who = goods.creator_id if party == "the creator" else party
    assert (await edge.get(f"/orders/{placed['order_id']}", role=role, party=who)).status_code == status


async def test_a_buyer_lists_their_own_orders_newest_first(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    mine = [(await edge.post("/orders", order_body(goods))).json()["order_id"] for _ in range(3)]
    await edge.post("/orders", order_body(goods, buyer_ref="b2"), party="b2")
    first = (await edge.get("/orders?limit=2")).json()
    rest = (await edge.get(f"/orders?limit=2&cursor={first['next_cursor']}")).json()
    assert [order["order_id"] for order in first["items"] + rest["items"]] == mine[::-1]
    assert rest["next_cursor"] is None


@pytest.mark.parametrize(
    ("path", "role", "raw"),
    [
        ("/orders", "buyer", b'{"ship_to": {"name": "Li \xff"}}'),
        ("/orders/batch", "service", b'[{"idempotency_key": "k\xff"}]'),
        ("/orders/batch", "service", b"[" * 5_000 + b"]" * 5_000),
    ],
)
async def test_bytes_that_no_json_is_made_of_are_the_callers_fault(
    edge: Edge, path: str, role: Literal["buyer", "service"], raw: bytes
) -> None:
    headers = bearer(role, "buyer-1") | {"idempotency-key": new_id(), "content-type": "application/json"}
    answer = await edge.client.post(path, content=raw, headers=headers)
    said = answer.json()[0]["body"] if answer.status_code == 200 else answer.json()
    assert said["code"] in ("malformed_json", "validation_failed")

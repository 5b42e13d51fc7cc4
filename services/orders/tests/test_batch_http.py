"""`POST /orders/batch`: many orders in one call, each for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.orders.tests.edge import Edge, order_body, serving
from services.orders.tests.market import Goods, Market
from shared.kernel.ids import new_id


@pytest.fixture
async def edge(market: Market, tmp_path: Path) -> AsyncIterator[Edge]:
    async with serving(market.db, tmp_path) as opened:
        yield opened


def keyed(goods: Goods, key: str | None = None, **changes: Any) -> dict[str, Any]:
    return order_body(goods, **changes) | {"idempotency_key": key or new_id()}


async def ask(edge: Edge, orders: Any, **claims: Any) -> httpx.Response:
    given = {"role": "service", "party": "channel"} | claims
    return await edge.post("/orders/batch", orders, **given)


async def test_each_order_gets_its_own_answer_in_order(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods(), 3)
    dear = keyed(goods)
    dear["lines"] = [dear["lines"][0] | {"unit_price": {"amount": 1, "currency": "CNY"}}]
    orders = [keyed(goods), {"idempotency_key": "k"}, keyed(goods, qty=3), dear, keyed(goods, payment="prepaid")]
    answer = await ask(edge, orders)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [(each["status"], each["body"].get("code")) for each in said] == [
        *((201, None), (422, "validation_failed"), (409, "out_of_stock"), (409, "price_changed"), (201, None)),
    ]
    assert [each.get("idempotency_key") for each in said[2:]] == [each["idempotency_key"] for each in orders[2:]]
    assert said[4]["body"]["payment"]["pay_url"]
    assert await market.stock_of(goods) == (3, 2, 0)


async def test_a_batch_sent_again_is_answered_as_before(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods(), 2)
    orders = [keyed(goods), keyed(goods), keyed(goods)]
    first, again = [(await ask(edge, orders)).json() for _ in range(2)]
    assert [each["status"] for each in first] == [201, 201, 409]
    assert [each["body"] for each in again] == [each["body"] for each in first]
    assert all(each["replayed"] for each in again)
    assert await market.rows("SELECT count(*) FROM orders") == [(2,)]


async def test_what_may_pass_says_when_to_try_again(market: Market, edge: Edge) -> None:
    late, ready = Goods(listing_id=new_id()), await market.sell(Goods())  # type: ignore[arg-type]
    fails, stands = (await ask(edge, [keyed(late), keyed(ready)])).json()
    assert (fails["status"], fails["body"]["code"], fails["retry_after"]) == (409, "not_ready", 1)
    assert (stands["status"], stands.get("retry_after")) == (201, None)


async def test_one_key_twice_in_a_batch_makes_one_order(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    one, other = keyed(goods, "k"), keyed(goods, "k", qty=2)
    same, again, reused = (await ask(edge, [one, one, other])).json()
    assert (same["status"], again["status"], again["body"]) == (201, 201, same["body"])
    assert reused["body"]["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("sent", [[], {}, "x", 3, [{}] * 101])
async def test_what_is_no_list_of_orders_is_refused_whole(market: Market, edge: Edge, sent: Any) -> None:
    answer = await ask(edge, sent)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_only_a_channel_orders_for_many(market: Market, edge: Edge) -> None:
    goods = await market.sell(Goods())
    answer = await ask(edge, [keyed(goods)], role="buyer", party="buyer-1")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

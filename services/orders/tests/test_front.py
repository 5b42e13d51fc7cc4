"""The swift edge on a real port: the same answers as the application behind it, and everything else behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from granian.constants import Interfaces
from granian.server.embed import Server

from services.orders.http import intake
from services.orders.tests.edge import Edge, bearer, order_body, wired
from services.orders.tests.market import Goods, Market
from shared.embedded.process import free_port
from shared.kernel.http import Front
from shared.kernel.http.bodies import MAX_BODY_BYTES
from shared.kernel.ids import new_id


@asynccontextmanager
async def serving(market: Market, secrets: Path, **changes: Any) -> AsyncIterator[Edge]:
    app, desk = wired(market.db, secrets, **changes)
    front = Front(app, {intake.PLACE: desk.place, intake.PLACE_MANY: desk.place_many}, desk.admit)
    port = free_port()
    server = Server(front, port=port, interface=Interfaces.RSGI, websockets=False, log_enabled=False)
    running = asyncio.create_task(server.serve())
    try:
        async with desk.running(), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            await _until_up(client)
            yield Edge(client)
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await running


async def _until_up(client: httpx.AsyncClient) -> None:
    for _ in range(200):
        try:
            await client.get("/health/live")
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("the server did not come up in 10 s")


@pytest.fixture
async def front(market: Market, tmp_path: Path) -> AsyncIterator[Edge]:
    async with serving(market, tmp_path) as edge:
        yield edge


async def test_orders_that_come_at_once_are_all_taken(market: Market, front: Edge) -> None:
    goods = await market.sell(Goods(), 20)
    answers = await asyncio.gather(*(front.post("/orders", order_body(goods)) for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [201] * 20 + [409] * 10
    assert await market.stock_of(goods) == (20, 20, 0)
    assert {answer.headers["content-type"] for answer in answers} == {"application/json", "application/problem+json"}
    assert all(answer.headers["traceparent"] for answer in answers)


async def test_a_key_sent_again_gets_the_same_bytes(market: Market, front: Edge) -> None:
    goods = await market.sell(Goods(), 1)
    for qty, status in ((1, 201), (2, 409)):
        key = new_id()
        first, again = [await front.post("/orders", order_body(goods, qty), key=key) for _ in range(2)]
        assert (first.status_code, first.content) == (status, again.content)
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"authorization": ""}, 401, "unauthenticated"),
        ({"authorization": "Bearer x.y.z"}, 401, "unauthenticated"),
        (bearer("supplier", "s"), 403, "forbidden"),
        ({"idempotency-key": ""}, 400, "idempotency_key_required"),
        ({"content-type": "text/plain"}, 415, "unsupported_media_type"),
    ],
    ids=["no token", "a forged one", "a supplier", "no key", "no JSON"],
)
async def test_who_may_not_order_is_told_so(
    market: Market, front: Edge, headers: dict[str, str], status: int, code: str
) -> None:
    goods = await market.sell(Goods())
    given = bearer("buyer", "buyer-1") | {"idempotency-key": new_id()} | headers
    answer = await front.client.post("/orders", json=order_body(goods), headers=given)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await market.rows("SELECT count(*) FROM orders") == [(0,)]


async def test_a_body_over_the_limit_is_refused_however_it_is_sent(market: Market, front: Edge) -> None:
    headers = bearer("buyer", "buyer-1") | {"idempotency-key": new_id(), "content-type": "application/json"}
    whole = b"[" + b"1," * MAX_BODY_BYTES + b"1]"

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(whole), 65_536):
            yield whole[start : start + 65_536]

    bodies: list[Any] = [whole, pieces()]
    for body in bodies:
        answer = await front.client.post("/orders", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_body_in_pieces_is_an_order_like_any_other(market: Market, front: Edge) -> None:
    goods = await market.sell(Goods())
    whole = httpx.Request("POST", "http://x", json=order_body(goods)).content

    async def pieces() -> AsyncIterator[bytes]:
        yield whole[:100]
        yield whole[100:]

    headers = bearer("buyer", "buyer-1") | {"idempotency-key": new_id(), "content-type": "application/json"}
    assert (await front.client.post("/orders", content=pieces(), headers=headers)).status_code == 201


async def test_a_call_too_many_is_turned_away_unseen_and_its_connection_stays(market: Market, tmp_path: Path) -> None:
    async with serving(market, tmp_path, intake_rate=1e-9) as front:
        headers = bearer("supplier", "s") | {"content-type": "text/plain"}  # whatever is wrong with it besides
        answers = [await front.client.post("/orders", content=b"[" * 50_000, headers=headers) for _ in range(3)]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
        assert (answer.headers["retry-after"], answer.headers.get("connection")) == ("1", None)


async def test_everything_else_is_answered_by_the_application_behind(market: Market, front: Edge) -> None:
    goods = await market.sell(Goods())
    made = (await front.post("/orders", order_body(goods))).json()
    shown = await front.get(f"/orders/{made['order_id']}")
    assert (shown.status_code, shown.json()["order_no"]) == (200, made["order_no"])
    cancelled = await front.post(f"/orders/{made['order_id']}/cancel", {"reason": "second thoughts"})
    assert cancelled.status_code == 202
    assert (await front.client.get("/nowhere")).json()["code"] == "not_found"
    assert (await front.client.put("/orders")).json()["code"] == "method_not_allowed"
    metrics = (await front.client.get("/metrics")).text
    assert 'wanpu_http_requests_total{method="POST",route="/orders",status="201"}' in metrics
    assert set((await front.client.get("/openapi.json")).json()["paths"]) >= {"/orders", "/orders/batch"}


async def test_an_answer_that_streams_comes_to_its_end(front: Edge) -> None:
    for accepted in ("text/csv", "text/html"):
        headers = bearer("creator", "creator-1") | {"accept": accepted}
        answer = await front.client.get("/statements/creator-1?period=2026-11", headers=headers)  # httpx waits 5 s
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, accepted)
        assert answer.content

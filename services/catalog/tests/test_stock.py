"""Stock deliveries, through the edge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.catalog.tests.world import Caller, Shop, World
from shared.contracts.catalog import StockAdjusted


def lines(*pieces: tuple[str, int]) -> dict[str, Any]:
    return {"lines": [{"variant_id": variant, "delta": delta, "reason": "harvest"} for variant, delta in pieces]}


async def stream(world: World, variant_id: str) -> list[tuple[int, int]]:
    """(position, delta) of each event of a variant's stock."""
    told = [event for event in await world.told() if isinstance(event, StockAdjusted) and event.key == variant_id]
    return [(event.position, event.delta) for event in told]


async def test_a_delivery_tells_of_each_line(world: World, shop: Shop) -> None:
    tea, gift = shop.variants
    answer = await shop.owner.post("/stock-deliveries", lines((gift, 5), (tea, 40)))
    assert answer.status_code == 201
    told = [event for event in await world.told() if isinstance(event, StockAdjusted)]
    assert [(event.variant_id, event.delta, event.position) for event in told] == [(gift, 5, 1), (tea, 40, 1)]
    assert {event.delivery_id for event in told} == {answer.json()["delivery_id"]}
    assert {event.supplier_id for event in told} == {shop.supplier_id}


async def test_each_variants_stream_counts_its_own_deliveries(world: World, shop: Shop) -> None:
    tea, gift = shop.variants
    await shop.owner.made("/stock-deliveries", lines((tea, 40), (gift, 5)))
    await shop.owner.made("/stock-deliveries", lines((tea, 10)))
    await shop.owner.made("/stock-deliveries", lines((gift, 1), (tea, -3)))
    assert await stream(world, tea) == [(1, 40), (2, 10), (3, -3)]
    assert await stream(world, gift) == [(1, 5), (2, 1)]


async def test_one_variant_on_two_lines_is_told_of_twice(world: World, shop: Shop) -> None:
    tea, gift = shop.variants
    await shop.owner.made("/stock-deliveries", lines((tea, 40), (gift, 2), (tea, -1)))
    assert await stream(world, tea) == [(1, 40), (2, -1)]


async def test_deliveries_at_the_same_time_leave_no_hole(world: World, shop: Shop) -> None:
    tea, gift = shop.variants
    orders = [((tea, 1), (gift, 1)), ((gift, 1), (tea, 1))]
    await asyncio.gather(*(shop.owner.made("/stock-deliveries", lines(*orders[n % 2])) for n in range(20)))
    assert await stream(world, tea) == await stream(world, gift) == [(n, 1) for n in range(1, 21)]


async def test_more_may_leave_than_ever_came(world: World, shop: Shop) -> None:
    await shop.owner.made("/stock-deliveries", lines((shop.variants[0], -7)))
    assert await stream(world, shop.variants[0]) == [(1, -7)]


async def test_goods_off_sale_are_still_delivered(world: World, shop: Shop) -> None:
    await shop.owner.made(f"/products/{shop.product_id}/publish")
    await shop.owner.made(f"/products/{shop.product_id}/withdraw")
    await shop.owner.made("/stock-deliveries", lines((shop.variants[0], -7)))
    assert await stream(world, shop.variants[0]) == [(1, -7)]


async def test_the_same_key_delivers_once(world: World, shop: Shop) -> None:
    body = lines((shop.variants[0], 40))
    first, second = [await shop.owner.post("/stock-deliveries", body, key="van-7") for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
    assert await stream(world, shop.variants[0]) == [(1, 40)]


async def test_the_same_key_at_the_same_time_delivers_once(world: World, shop: Shop) -> None:
    body = lines((shop.variants[0], 40))
    answers = await asyncio.gather(*(shop.owner.post("/stock-deliveries", body, key="van-7") for _ in range(8)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert await stream(world, shop.variants[0]) == [(1, 40)]


async def test_a_delivery_without_a_key_is_refused(world: World, shop: Shop) -> None:
    answer = await shop.owner.post("/stock-deliveries", lines((shop.variants[0], 40)), key=None)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
    assert await stream(world, shop.variants[0]) == []


async def test_a_service_has_no_stock(world: World, open_shop: Callable[..., Awaitable[Shop]]) -> None:
    shop = await open_shop(kinds=["service"])
    before = await world.rows()
    answer = await shop.owner.post("/stock-deliveries", lines((shop.variants[0], 5)))
    assert (answer.status_code, answer.json()["code"]) == (422, "service_without_stock")
    assert await world.rows() == before


@pytest.mark.parametrize("delta", [0, 10_000_001, -10_000_001, 2**70, 1.5, "5", True])
async def test_a_delta_that_is_no_number_of_pieces_is_refused(world: World, shop: Shop, delta: Any) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/stock-deliveries", lines((shop.variants[1], 4), (shop.variants[0], delta)))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert await world.rows() == before


async def test_a_delivery_of_nothing_is_refused(world: World, shop: Shop) -> None:
    before = await world.rows()
    assert (await shop.owner.post("/stock-deliveries", {"lines": []})).status_code == 422
    assert await world.rows() == before


async def test_one_line_of_someone_elses_refuses_the_whole_delivery(
    world: World, shop: Shop, open_shop: Callable[..., Awaitable[Shop]]
) -> None:
    other = await open_shop(name="另一家")
    before = await world.rows()
    answer = await shop.owner.post("/stock-deliveries", lines((shop.variants[0], 4), (other.variants[0], 4)))
    assert answer.status_code == 404
    assert await world.rows() == before


async def test_an_unknown_variant_is_not_found(world: World, operator: Caller, shop: Shop) -> None:
    before = await world.rows()
    assert (await operator.post("/stock-deliveries", lines((shop.product_id, 4)))).status_code == 404
    assert await world.rows() == before

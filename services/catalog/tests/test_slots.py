"""Slots of services, through the edge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.catalog.tests.world import Caller, Shop, World
from shared.contracts.catalog import SlotOpened

NOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=7)


@pytest.fixture
async def spa(open_shop: Callable[..., Awaitable[Shop]]) -> Shop:
    """A supplier of a service."""
    return await open_shop(kinds=["service"])


def slot(shop: Shop, **changed: Any) -> dict[str, Any]:
    hours = {"starts_at": NOON.isoformat(), "ends_at": (NOON + timedelta(hours=1)).isoformat()}
    return {"variant_id": shop.variants[0], "capacity": 4, "provider": "Room 2"} | hours | changed


async def told(world: World) -> list[SlotOpened]:
    return [event for event in await world.told() if isinstance(event, SlotOpened)]


async def test_a_slot_is_told_as_it_was_opened(world: World, spa: Shop) -> None:
    answer = await spa.owner.post("/slots", slot(spa))
    assert answer.status_code == 201
    (event,) = await told(world)
    assert (event.slot_id, event.position) == (answer.json()["slot_id"], 1)
    assert (event.variant_id, event.supplier_id) == (spa.variants[0], spa.supplier_id)
    assert (event.starts_at, event.ends_at - event.starts_at) == (NOON, timedelta(hours=1))
    assert (event.capacity, event.provider) == (4, "Room 2")


async def test_its_supplier_sees_it_and_nobody_else(spa: Shop, operator: Caller, stranger: Caller) -> None:
    path = f"/slots/{(await spa.owner.made('/slots', slot(spa)))['slot_id']}"
    seen = (await spa.owner.get(path)).json()
    assert (seen["capacity"], seen["provider"], datetime.fromisoformat(seen["starts_at"])) == (4, "Room 2", NOON)
    assert (await operator.get(path)).json() == seen
    assert (await stranger.get(path)).status_code == 404


async def test_the_same_key_opens_one(world: World, spa: Shop) -> None:
    answers = await asyncio.gather(*(spa.owner.post("/slots", slot(spa), key="monday") for _ in range(8)))
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert len(await told(world)) == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"capacity": 0}, "validation_failed"),
        ({"capacity": 100_001}, "validation_failed"),
        ({"capacity": "4"}, "validation_failed"),
        ({"provider": " "}, "validation_failed"),
        ({"starts_at": "monday"}, "validation_failed"),
        ({"starts_at": "2026-12-01T12:00:00"}, "validation_failed"),
        ({"seats": 4}, "validation_failed"),
        ({"ends_at": NOON.isoformat()}, "slot_invalid"),
        ({"ends_at": (NOON - timedelta(minutes=1)).isoformat()}, "slot_invalid"),
        ({"starts_at": (NOON - timedelta(days=8)).isoformat()}, "slot_invalid"),
    ],
)
async def test_what_is_no_window_is_refused(world: World, spa: Shop, changed: dict[str, Any], code: str) -> None:
    before = await world.rows()
    answer = await spa.owner.post("/slots", slot(spa, **changed))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.rows() == before


async def test_a_good_has_no_slots(world: World, shop: Shop) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/slots", slot(shop))
    assert (answer.status_code, answer.json()["code"]) == (422, "good_without_slots")
    assert await world.rows() == before


async def test_a_service_off_sale_opens_none(spa: Shop) -> None:
    await spa.owner.made(f"/products/{spa.product_id}/publish")
    await spa.owner.made(f"/products/{spa.product_id}/withdraw")
    answer = await spa.owner.post("/slots", slot(spa))
    assert (answer.status_code, answer.json()["code"]) == (409, "product_withdrawn")


async def test_someone_elses_service_is_not_found(world: World, spa: Shop, stranger: Caller) -> None:
    before = await world.rows()
    assert (await stranger.post("/slots", slot(spa))).status_code == 404
    assert await world.rows() == before

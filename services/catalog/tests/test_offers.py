"""Offers to creators, through the edge and by time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.catalog import consumers
from services.catalog.tests.world import NOTICE_SECONDS, Caller, Shop, World, cny, commission, wholesale
from shared.contracts.catalog import OfferEnded, OfferPublished, OfferState, OfferTermsChanged
from shared.contracts.event import Event
from shared.kernel import timers
from shared.kernel.ids import new_id

WORSE, BETTER = commission(creator=100_000), commission(creator=200_000)


async def told_of(world: World, offer_id: str) -> list[Event]:
    return [event for event in await world.told() if event.key == offer_id]


async def made(shop: Shop, **changed: Any) -> str:
    offer: dict[str, Any] = await shop.owner.made("/offers", shop.offer_body(**changed))
    assert offer["version"] == 1
    return str(offer["offer_id"])


async def age(world: World, seconds: float) -> None:
    """Let time pass for all terms and timers, without waiting for it."""
    pause = timedelta(seconds=seconds)
    await world.db.pool.execute("UPDATE offer_versions SET effective_from = effective_from - $1::interval", pause)
    await world.db.pool.execute("UPDATE timers SET due_at = due_at - $1::interval", pause)


async def test_an_offer_is_told_whole(world: World, shop: Shop) -> None:
    creator = new_id()
    offer_id = await made(shop, adoption="invited", invited=[creator])
    (event,) = await told_of(world, offer_id)
    assert isinstance(event, OfferPublished)
    assert (event.position, event.version, event.state, event.notice_days) == (1, 1, "active", 0)
    assert (event.supplier_id, event.variant_ids) == (shop.supplier_id, shop.variants)
    assert (event.adoption, event.invited, event.valid_from, event.valid_until) == ("invited", (creator,), None, None)
    (version,) = event.versions
    assert version.terms.model_dump() == commission()


async def test_a_wholesale_offer_keeps_its_floors(world: World, shop: Shop) -> None:
    tea, gift = shop.variants
    offer_id = await made(shop, terms=wholesale({gift: 20_000, tea: 9_000}))
    shown = (await shop.owner.get(f"/offers/{offer_id}")).json()
    assert shown["versions"][0]["terms"] == wholesale({tea: 9_000, gift: 20_000})


async def test_better_terms_count_at_once(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    answer = await shop.owner.post(f"/offers/{offer_id}/terms", {"terms": BETTER})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    event = (await told_of(world, offer_id))[-1]
    assert isinstance(event, OfferTermsChanged)
    assert (event.position, event.version, event.new_version) == (2, 2, 2)
    assert [version.version for version in event.versions] == [2]


async def test_worse_terms_wait_for_their_notice(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    answer = await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": WORSE})
    event = (await told_of(world, offer_id))[-1]
    assert isinstance(event, OfferTermsChanged)
    assert (event.version, event.new_version) == (1, 2)
    assert [version.version for version in event.versions] == [1, 2]
    announced_at = await world.db.pool.fetchval("SELECT max(occurred_at) FROM outbox")
    wait = (event.versions[1].effective_from - announced_at).total_seconds()
    assert NOTICE_SECONDS <= wait < NOTICE_SECONDS + 10
    assert datetime.fromisoformat(answer["effective_from"]) == event.versions[1].effective_from


async def test_scheduled_terms_come_into_force_by_themselves(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": WORSE})
    await age(world, NOTICE_SECONDS)
    shown = (await shop.owner.get(f"/offers/{offer_id}")).json()
    assert [version["version"] for version in shown["versions"]] == [2]
    assert len(await told_of(world, offer_id)) == 2


async def test_a_new_change_replaces_the_scheduled_one_for_ever(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": WORSE})
    await age(world, NOTICE_SECONDS / 2)
    third = await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": commission(creator=90_000)})
    assert third["version"] == 3
    event = (await told_of(world, offer_id))[-1]
    assert isinstance(event, OfferState)
    assert [version.version for version in event.versions] == [1, 3]
    await age(world, NOTICE_SECONDS / 2)
    shown = (await shop.owner.get(f"/offers/{offer_id}")).json()
    assert [version["version"] for version in shown["versions"]] == [1, 3]


async def test_terms_changed_at_the_same_time_get_a_version_each(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    rates = range(160_000, 170_000, 1_000)
    wanted = [{"terms": commission(creator=rate)} for rate in rates]
    await asyncio.gather(*(shop.owner.made(f"/offers/{offer_id}/terms", body) for body in wanted))
    told = [event for event in await told_of(world, offer_id) if isinstance(event, OfferTermsChanged)]
    assert [(event.position, event.new_version) for event in told] == [(n, n) for n in range(2, 12)]
    assert all(len(event.versions) <= 2 for event in told)


async def test_the_terms_may_be_sent_without_their_name(shop: Shop) -> None:
    offer_id = await made(shop)
    assert (await shop.owner.made(f"/offers/{offer_id}/terms", BETTER))["version"] == 2


async def test_the_same_terms_again_are_not_announced(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    answer = await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": commission()})
    assert answer["version"] == 1
    assert len(await told_of(world, offer_id)) == 1


async def test_a_change_with_the_same_key_happens_once(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    for _ in range(2):
        await shop.owner.post(f"/offers/{offer_id}/terms", {"terms": WORSE}, key="spring")
    assert len(await told_of(world, offer_id)) == 2


async def test_ending_twice_is_told_once(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    answers = [await shop.owner.post(f"/offers/{offer_id}/end", key=None) for _ in range(2)]
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "ended")] * 2
    assert answers[0].json()["ended_at"] == answers[1].json()["ended_at"]
    assert [(type(event), event.position) for event in await told_of(world, offer_id)] == [
        (OfferPublished, 1),
        (OfferEnded, 2),
    ]


async def test_an_ended_offer_takes_no_new_terms(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    await shop.owner.made(f"/offers/{offer_id}/end")
    before = await world.rows()
    answer = await shop.owner.post(f"/offers/{offer_id}/terms", {"terms": BETTER})
    assert (answer.status_code, answer.json()["code"]) == (409, "offer_ended")
    assert await world.rows() == before


async def test_an_offer_ends_by_itself_when_its_time_is_over(world: World, shop: Shop) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    limited = await made(shop, valid_until=until.isoformat())
    unlimited = await made(shop)
    assert await timers.fire_due(world.db, consumers.reactions().timers) == 0
    await age(world, 3_601)
    assert await timers.fire_due(world.db, consumers.reactions().timers) == 1
    event = (await told_of(world, limited))[-1]
    assert isinstance(event, OfferEnded)
    assert (event.position, event.state, event.valid_until) == (2, "ended", until)
    assert len(await told_of(world, unlimited)) == 1
    assert (await shop.owner.get(f"/offers/{limited}")).json()["state"] == "ended"


async def test_an_offer_ended_by_hand_is_not_ended_again_by_time(world: World, shop: Shop) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    offer_id = await made(shop, valid_until=until.isoformat())
    await shop.owner.made(f"/offers/{offer_id}/end")
    await age(world, 3_601)
    await timers.fire_due(world.db, consumers.reactions().timers)
    assert [event.position for event in await told_of(world, offer_id)] == [1, 2]


async def test_a_withdrawn_product_is_not_offered(world: World, shop: Shop) -> None:
    await shop.owner.made(f"/products/{shop.product_id}/publish")
    await made(shop)
    await shop.owner.made(f"/products/{shop.product_id}/withdraw")
    before = await world.rows()
    answer = await shop.owner.post("/offers", shop.offer_body())
    assert (answer.status_code, answer.json()["code"]) == (409, "product_withdrawn")
    assert await world.rows() == before


FLOOR = {"price": cny(100), "variant_id": new_id()}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"terms": commission(900_000, 90_000, 10_001)}, "split_exceeds_line"),
        ({"terms": commission(-1)}, "validation_failed"),
        ({"terms": commission(1_000_001)}, "validation_failed"),
        ({"terms": commission() | {"bonus_ppm": 1}}, "validation_failed"),
        ({"terms": {"kind": "barter"}}, "validation_failed"),
        ({"terms": {"kind": "wholesale", "platform_ppm": 0, "floors": []}}, "validation_failed"),
        ({"terms": {"kind": "wholesale", "platform_ppm": 0, "floors": [FLOOR]}}, "floors_incomplete"),
        (
            {"terms": {"kind": "wholesale", "platform_ppm": 0, "floors": [FLOOR | {"price": cny(0)}]}},
            "validation_failed",
        ),
        (
            {
                "terms": {
                    "kind": "wholesale",
                    "platform_ppm": 0,
                    "floors": [FLOOR | {"price": cny(1) | {"currency": "USD"}}],
                }
            },
            "currency_mismatch",
        ),
        ({"variant_ids": []}, "validation_failed"),
        ({"adoption": "invited"}, "validation_failed"),
        ({"invited": [new_id()]}, "validation_failed"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "validity_invalid"),
        ({"valid_until": "2030-01-01T00:00:00"}, "validation_failed"),
        ({"valid_from": "2130-01-02T00:00:00Z", "valid_until": "2130-01-01T00:00:00Z"}, "validity_invalid"),
        ({"valid_from": "0001-01-01T00:00:00+14:00"}, "validation_failed"),
        ({"valid_until": "9999-12-31T23:59:59-12:00"}, "validation_failed"),
        ({"discount": 5}, "validation_failed"),
    ],
)
async def test_a_malformed_offer_is_refused(world: World, shop: Shop, change: dict[str, Any], code: str) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/offers", shop.offer_body(**change))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.rows() == before


async def test_a_variant_is_offered_once_an_offer(world: World, shop: Shop) -> None:
    before = await world.rows()
    twice = [shop.variants[0], shop.variants[0].upper()]
    assert (await shop.owner.post("/offers", shop.offer_body(variant_ids=twice))).status_code == 422
    assert await world.rows() == before


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (commission(900_000, 90_000, 10_001), "split_exceeds_line"),
        ({"kind": "wholesale", "platform_ppm": 0, "floors": [FLOOR]}, "floors_incomplete"),
        ({"kind": "commission"}, "validation_failed"),
        (BETTER | {"floors": []}, "validation_failed"),
    ],
)
async def test_malformed_terms_are_refused(world: World, shop: Shop, terms: dict[str, Any], code: str) -> None:
    offer_id = await made(shop)
    before = await world.rows()
    for body in (terms, {"terms": terms}):
        answer = await shop.owner.post(f"/offers/{offer_id}/terms", body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.rows() == before


async def test_an_offer_keeps_its_kind(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    before = await world.rows()
    terms = wholesale(dict.fromkeys(shop.variants, 100))
    answer = await shop.owner.post(f"/offers/{offer_id}/terms", {"terms": terms})
    assert (answer.status_code, answer.json()["code"]) == (422, "terms_kind_fixed")
    assert await world.rows() == before


async def test_someone_elses_offer_is_not_found(world: World, shop: Shop, stranger: Caller) -> None:
    offer_id = await made(shop)
    before = await world.rows()
    for path, body in [
        (f"/offers/{offer_id}/terms", {"terms": WORSE}),
        (f"/offers/{offer_id}/end", None),
        ("/offers", shop.offer_body()),
    ]:
        assert (await stranger.post(path, body)).status_code == 404
    assert (await stranger.get(f"/offers/{offer_id}")).status_code == 404
    assert await world.rows() == before


@pytest.mark.parametrize("by", ["the other supplier", "an operator"])
async def test_an_offer_is_made_on_its_suppliers_variants_only(
    by: str, world: World, operator: Caller, shop: Shop, open_shop: Callable[..., Awaitable[Shop]]
) -> None:
    other = await open_shop(name="另一家")
    caller = operator if by == "an operator" else other.owner
    before = await world.rows()
    answer = await caller.post("/offers", other.offer_body(variant_ids=[other.variants[0], shop.variants[0]]))
    assert answer.status_code == 404
    assert await world.rows() == before


async def test_an_operator_changes_and_ends_any_offer(operator: Caller, shop: Shop) -> None:
    offer_id = await made(shop)
    assert (await operator.made(f"/offers/{offer_id}/terms", {"terms": BETTER}))["version"] == 2
    assert (await operator.made(f"/offers/{offer_id}/end"))["state"] == "ended"

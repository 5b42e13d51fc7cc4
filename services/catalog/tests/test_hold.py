"""How long an offer holds a commission back: told with its terms, and longer is worse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import HoldWanted, Rules, is_no_longer
from services.catalog.tests.pure import NOON, NOTICE, commission, offer
from services.catalog.tests.world import Shop, World, wholesale
from services.catalog.tests.world import commission as commission_body
from shared.contracts.catalog import OfferState, OfferTermsChanged
from shared.contracts.values import CommissionTerms

DAY = 86_400
RULES = Rules(hold_seconds=7 * DAY)
SAME = commission(100_000)

holds = st.none() | st.integers(1, 90 * DAY)


def changed(*wanted: HoldWanted, terms: CommissionTerms = SAME) -> list[tuple[int, int | None, bool]]:
    """After an offer with the usual hold was put on these: version, hold, and whether it counts at once."""
    current = offer(SAME)
    for hold in wanted:
        current = current.with_terms(terms, hold, RULES)
    return [(each.version, each.hold_seconds, each.effective_from <= NOON) for each in current.versions]


def test_a_longer_hold_waits_for_the_notice_and_a_shorter_one_counts_at_once() -> None:
    assert changed(8 * DAY) == [(1, None, True), (2, 8 * DAY, False)]
    assert changed(6 * DAY) == [(2, 6 * DAY, True)]


def test_the_usual_hold_named_is_no_longer_than_the_usual_hold() -> None:
    assert changed(7 * DAY) == [(2, 7 * DAY, True)]
    assert changed(6 * DAY, None) == [(2, 6 * DAY, True), (3, None, False)]


def test_a_hold_that_is_not_named_stays_as_announced() -> None:
    better = commission(120_000)
    assert changed(3 * DAY, "unchanged") == [(2, 3 * DAY, True)]
    assert changed(30 * DAY, "unchanged", terms=better) == [(1, None, True), (2, 30 * DAY, False)]


def test_the_same_hold_again_changes_nothing() -> None:
    held = offer(SAME).with_terms(SAME, 30 * DAY, RULES)
    assert held.with_terms(SAME, 30 * DAY, RULES) is held
    assert held.announced.effective_from == NOON + NOTICE


def test_better_rates_do_not_bring_a_longer_hold_in_at_once() -> None:
    assert changed(8 * DAY, terms=commission(900_000)) == [(1, None, True), (2, 8 * DAY, False)]


@given(holds, holds)
def test_of_two_holds_one_is_no_longer_than_the_other(one: int | None, other: int | None) -> None:
    assert is_no_longer(one, other, RULES) or is_no_longer(other, one, RULES)
    assert is_no_longer(one, one, RULES)
    if is_no_longer(one, other, RULES):
        assert (one or 7 * DAY) <= (other or 7 * DAY)


# Through the edge ---------------------------------------------------------------------------------------------------


async def made(shop: Shop, **changes: Any) -> str:
    return str((await shop.owner.made("/offers", shop.offer_body(**changes)))["offer_id"])


async def told_holds(world: World, offer_id: str) -> list[list[int | None]]:
    offers = [event for event in await world.told() if isinstance(event, OfferState) and event.key == offer_id]
    return [[version.hold_seconds for version in event.versions] for event in offers]


async def test_an_offer_tells_its_hold_with_its_terms(world: World, shop: Shop) -> None:
    offer_id = await made(shop, hold_seconds=3 * DAY)
    assert await told_holds(world, offer_id) == [[3 * DAY]]
    (version,) = (await shop.owner.get(f"/offers/{offer_id}")).json()["versions"]
    assert version["hold_seconds"] == 3 * DAY


async def test_an_offer_without_a_hold_has_the_usual_one(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    named_null = await made(shop, hold_seconds=None)
    assert await told_holds(world, offer_id) == await told_holds(world, named_null) == [[None]]


async def test_a_longer_hold_is_announced_and_takes_effect_after_the_notice(world: World, shop: Shop) -> None:
    offer_id = await made(shop)
    answer = await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": commission_body(), "hold_seconds": 30 * DAY})
    event = (await world.told())[-1]
    assert isinstance(event, OfferTermsChanged)
    assert (answer["version"], event.version, event.new_version) == (2, 1, 2)
    assert await told_holds(world, offer_id) == [[None], [None, 30 * DAY]]


async def test_new_terms_keep_the_hold_unless_they_name_one_and_null_is_named(world: World, shop: Shop) -> None:
    offer_id = await made(shop, hold_seconds=30 * DAY)
    better = commission_body(creator=200_000)
    await shop.owner.made(f"/offers/{offer_id}/terms", {"terms": better})
    await shop.owner.made(f"/offers/{offer_id}/terms", commission_body(creator=210_000))
    await shop.owner.made(
        f"/offers/{offer_id}/terms", {"terms": commission_body(creator=210_000), "hold_seconds": None}
    )
    assert await told_holds(world, offer_id) == [[30 * DAY], [30 * DAY], [30 * DAY], [None]]


@pytest.mark.parametrize("hold", [0, -1, 90 * DAY + 1, 1.5, "1", True])
async def test_an_absurd_hold_is_refused_by_field_and_changes_nothing(world: World, shop: Shop, hold: Any) -> None:
    offer_id = await made(shop)
    before = await world.rows()
    tea, cup = shop.variants
    bodies = {
        "/offers": shop.offer_body(hold_seconds=hold),
        f"/offers/{offer_id}/terms": {"terms": wholesale({tea: 1, cup: 1}), "hold_seconds": hold},
    }
    for path, body in bodies.items():
        answer = await shop.owner.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
        assert "hold_seconds" in str(answer.json()["errors"])
    assert await world.rows() == before

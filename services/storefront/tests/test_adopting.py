"""Creators, shops, adoptions, prices: what is told, what is refused and then leaves no trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.storefront.domain import is_covered
from services.storefront.tests.world import COMMISSION, Caller, Market, Shop, World, ago, cny
from shared.contracts.catalog import OfferEnded, OfferTermsChanged, ProductWithdrawn
from shared.contracts.values import WholesaleTerms
from shared.kernel.ids import derived_id, new_id

OLD_ID = "01900000-0000-7000-8000-000000000000"  # of June 2024: whatever it names would have arrived long ago


def change(market: Market, *terms: Any, **changed: Any) -> Any:
    return market.offer(*terms, event=OfferTermsChanged, new_version=len(terms), **changed)


def end(market: Market, **changed: Any) -> Any:
    return market.offer(event=OfferEnded, state="ended", ended_at=ago(seconds=1), **changed)


async def test_a_creator_and_a_shop_are_told(world: World, shop: Shop) -> None:
    (creator,) = await world.told("CreatorRegistered")
    (opened,) = await world.told("StorefrontOpened")
    assert (creator["creator_id"], creator["channel"]) == (shop.creator_id, "account")
    assert (opened["storefront_id"], opened["slug"]) == (shop.storefront_id, "acha")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"slug": "acha"}, (409, "slug_taken")),
        ({"slug": "Acha"}, (422, "validation_failed")),
        ({"slug": "-a"}, (422, "validation_failed")),
        ({"slug": "a"}, (422, "validation_failed")),
        ({"slug": "a/b"}, (422, "validation_failed")),
        ({"name": " "}, (422, "validation_failed")),
        ({"name": 7}, (422, "validation_failed")),
        ({"more": 1}, (422, "validation_failed")),
        ({"creator_id": OLD_ID}, (404, "not_found")),
    ],
)
async def test_a_shop_that_cannot_be_opened(shop: Shop, changed: dict[str, Any], expected: tuple[int, str]) -> None:
    body = {"creator_id": shop.creator_id, "slug": "other", "name": "Other"}
    assert await shop.owner.refused("/storefronts", body | changed) == expected


async def test_only_the_operator_admits_creators_and_only_creators_open_shops(
    world: World, operator: Caller, shop: Shop
) -> None:
    assert await shop.owner.refused("/creators", {"name": "x", "channel": "person"}) == (403, "forbidden")
    body = {"creator_id": shop.creator_id, "slug": "other", "name": "Other"}
    assert await operator.refused("/storefronts", body) == (403, "forbidden")
    stranger = Caller(world, {"authorization": "Bearer forged.forged.forged"})
    assert await stranger.refused("/storefronts", body) == (401, "unauthenticated")


async def test_adopting_a_commission_offer_lists_each_variant_at_its_list_price(
    world: World, shop: Shop, stocked: Market
) -> None:
    adopted = await shop.adopt(stocked)
    assert [each["price"]["amount"] for each in adopted["listings"]] == [12_900, 49_900]
    (told,) = await world.told("OfferAdopted")
    assert [each["price"] for each in told["listings"]] == [None, None]
    assert (told["offer_version"], told["supplier_id"], told["state"]) == (1, stocked.supplier_id, "active")
    (tin, box) = await world.listings(shop.storefront_id)
    assert (tin["title"], tin["price"]["amount"], tin["available"]) == ("明前龙井 Longjing", 12_900, "yes")
    assert (box["offer_id"], box["offer_version"], box["available"]) == (stocked.offer_id, 1, "few")


async def test_adopting_a_wholesale_offer_sells_at_the_creators_prices(
    world: World, shop: Shop, market: Market
) -> None:
    await world.hear(market.supplier(), market.product(), market.offer(market.wholesale()), market.stock(market.tin))
    adopted = await shop.adopt(market, prices=market.own_prices())
    assert [each["price"]["amount"] for each in adopted["listings"]] == [12_000, 45_000]
    (told,) = await world.told("OfferAdopted")
    assert [each["price"]["amount"] for each in told["listings"]] == [12_000, 45_000]
    assert [each["price"]["amount"] for each in await world.listings(shop.storefront_id)] == [12_000, 45_000]


async def test_an_offer_that_has_not_arrived_is_not_ready_and_an_old_unknown_one_is_not_there(
    world: World, shop: Shop
) -> None:
    assert await shop.owner.refused(shop.adoptions, {"offer_id": new_id()}) == (409, "not_ready")
    assert await shop.owner.refused(shop.adoptions, {"offer_id": OLD_ID}) == (404, "not_found")
    assert await shop.owner.refused(shop.adoptions, {"offer_id": derived_id("a", "b")}) == (404, "not_found")
    answer = await shop.owner.post(shop.adoptions, {"offer_id": new_id()})
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"state": "ended"}, (409, "offer_ended")),
        ({"valid_until": ago(seconds=5)}, (409, "offer_ended")),
        ({"adoption": "invited", "invited": (OLD_ID,)}, (409, "not_invited")),
        ({"since": [datetime.now(UTC) + timedelta(days=1)]}, (409, "offer_not_started")),
    ],
)
async def test_an_offer_that_cannot_be_adopted(
    world: World, shop: Shop, market: Market, changed: dict[str, Any], expected: tuple[int, str]
) -> None:
    await world.hear(market.offer(**changed))
    assert await shop.owner.refused(shop.adoptions, {"offer_id": market.offer_id}) == expected


async def test_an_invited_creator_may_adopt(world: World, shop: Shop, market: Market) -> None:
    await world.hear(market.offer(adoption="invited", invited=(shop.creator_id,)))
    assert (await shop.adopt(market))["state"] == "active"


async def test_a_shop_adopts_an_offer_once_until_it_ends_that(
    world: World, shop: Shop, stocked: Market, open_shop: Callable[[str], Awaitable[Shop]]
) -> None:
    adopted = await shop.adopt(stocked)
    again = {"offer_id": stocked.offer_id}
    assert await shop.owner.refused(shop.adoptions, again) == (409, "already_adopted")
    other = await open_shop("other")
    await other.adopt(stocked)
    await shop.owner.made(f"/adoptions/{adopted['adoption_id']}/end")
    assert (await shop.adopt(stocked))["adoption_id"] != adopted["adoption_id"]


async def test_two_adoptions_at_once_make_one(world: World, shop: Shop, stocked: Market) -> None:
    body = {"offer_id": stocked.offer_id}
    answers = await asyncio.gather(*(shop.owner.post(shop.adoptions, body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert len(await world.told("OfferAdopted")) == 1


@pytest.mark.parametrize(
    ("prices", "expected"),
    [
        (lambda m: m.own_prices(tin=7_999), (422, "price_below_floor")),
        (lambda m: m.own_prices(tin=8_080), (422, "price_below_floor")),
        (lambda m: m.own_prices(tin=0), (422, "validation_failed")),
        (lambda m: m.own_prices(tin=10**13), (422, "validation_failed")),
        (lambda m: m.own_prices()[:1], (422, "validation_failed")),
        (lambda m: m.own_prices() + m.own_prices()[:1], (422, "validation_failed")),
        (lambda m: [{"variant_id": OLD_ID, "price": cny(9_000).model_dump()}], (422, "validation_failed")),
        (
            lambda m: [each | {"price": {"amount": 90_000, "currency": "USD"}} for each in m.own_prices()],
            (422, "currency_mismatch"),
        ),
        (lambda m: [], (422, "validation_failed")),
        (lambda m: [each | {"price": "90.00"} for each in m.own_prices()], (422, "validation_failed")),
    ],
)
async def test_prices_under_wholesale_terms_that_are_refused(
    world: World, shop: Shop, market: Market, prices: Callable[[Market], Any], expected: tuple[int, str]
) -> None:
    await world.hear(market.offer(market.wholesale()))
    body = {"offer_id": market.offer_id, "prices": prices(market)}
    assert await shop.owner.refused(shop.adoptions, body) == expected


@pytest.mark.parametrize(("price", "covered"), [(8_080, False), (8_081, True), (8_000, False), (12_000, True)])
def test_the_creators_rest_is_never_below_zero(price: int, covered: bool) -> None:
    market = Market()
    assert is_covered(market.wholesale(tin=8_000, platform_ppm=10_000), market.tin, cny(price)) is covered


async def test_a_commission_offer_leaves_the_price_to_the_supplier(shop: Shop, stocked: Market) -> None:
    body = {"offer_id": stocked.offer_id, "prices": stocked.own_prices()}
    assert await shop.owner.refused(shop.adoptions, body) == (422, "price_not_yours")
    listing = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    price = {"price": cny(20_000).model_dump()}
    assert await shop.owner.refused(f"/listings/{listing}/price", price) == (422, "price_not_yours")


async def test_another_creators_things_are_not_there(
    world: World, shop: Shop, stocked: Market, open_shop: Callable[[str], Awaitable[Shop]]
) -> None:
    adopted = await shop.adopt(stocked)
    stranger = (await open_shop("stranger")).owner
    listing, adoption = adopted["listings"][0]["listing_id"], adopted["adoption_id"]
    content = {"kind": "post", "title": "t", "body": "b"}
    for path, body in (
        (shop.adoptions, {"offer_id": stocked.offer_id}),
        (f"/adoptions/{adoption}/pause", None),
        (f"/adoptions/{adoption}/resume", None),
        (f"/adoptions/{adoption}/end", None),
        (f"/listings/{listing}/price", {"price": cny(20_000).model_dump()}),
        (f"/storefronts/{shop.storefront_id}/contents", content),
    ):
        assert await stranger.refused(path, body) == (404, "not_found")


async def test_an_adoption_pauses_resumes_and_ends(world: World, shop: Shop, stocked: Market) -> None:
    path = f"/adoptions/{(await shop.adopt(stocked))['adoption_id']}"
    assert (await shop.owner.made(f"{path}/pause"))["state"] == "paused"
    assert await world.listings(shop.storefront_id) == []
    assert await shop.owner.refused(f"{path}/pause") == (409, "illegal_transition")
    assert (await shop.owner.made(f"{path}/resume"))["state"] == "active"
    assert len(await world.listings(shop.storefront_id)) == 2
    assert await shop.owner.refused(f"{path}/resume") == (409, "illegal_transition")
    assert (await shop.owner.made(f"{path}/end"))["state"] == "ended"
    assert await shop.owner.refused(f"{path}/end") == (409, "illegal_transition")
    assert await shop.owner.refused(f"{path}/resume") == (409, "illegal_transition")
    told = await world.told("Adoption")
    assert [(each["state"], each["version"]) for each in told] == [("paused", 2), ("active", 3), ("ended", 4)]


async def test_a_listing_is_priced_anew(world: World, shop: Shop, market: Market) -> None:
    await world.hear(market.supplier(), market.product(), market.offer(market.wholesale()))
    listing = (await shop.adopt(market, prices=market.own_prices()))["listings"][0]["listing_id"]
    path = f"/listings/{listing}/price"
    assert await shop.owner.refused(path, {"price": cny(8_000).model_dump()}) == (422, "price_below_floor")
    for _ in range(2):  # the second time nothing changes, so nothing is told
        assert (await shop.owner.made(path, {"price": cny(13_000).model_dump()}))["price"]["amount"] == 13_000
    (told,) = await world.told("ListingPriced")
    assert (told["price_before"]["amount"], told["price_after"]["amount"]) == (12_000, 13_000)
    assert (await world.listings(shop.storefront_id))[0]["price"]["amount"] == 13_000


async def test_the_end_of_an_offer_ends_its_adoptions(
    world: World, shop: Shop, stocked: Market, open_shop: Callable[[str], Awaitable[Shop]]
) -> None:
    adopted = await shop.adopt(stocked)
    await (await open_shop("other")).adopt(stocked)
    await world.hear(end(stocked))
    told = await world.told("AdoptionEnded")
    assert [each["state"] for each in told] == ["ended", "ended"]
    assert await world.listings(shop.storefront_id) == []
    assert await shop.owner.refused(f"/adoptions/{adopted['adoption_id']}/resume") == (409, "offer_ended")
    await world.hear(end(stocked))
    assert len(await world.told("AdoptionEnded")) == 2


async def test_an_end_says_what_caused_it(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    await world.hear(end(stocked))
    headers = await world.db.pool.fetchval("SELECT headers FROM outbox WHERE type LIKE '%AdoptionEnded%'")
    assert headers["ce_causationid"]


async def test_an_end_and_an_adoption_at_once_leave_no_adoption_open(world: World, shop: Shop, stocked: Market) -> None:
    body = {"offer_id": stocked.offer_id}
    answer, _ = await asyncio.gather(shop.owner.post(shop.adoptions, body), world.hear(end(stocked)))
    assert answer.status_code in (201, 409)
    open_ones = "SELECT count(*) FROM adoptions WHERE state <> 'ended'"
    assert await world.db.pool.fetchval(open_ones) == 0


async def test_terms_that_leave_nothing_pause_the_listing_until_it_is_priced_again(
    world: World, shop: Shop, market: Market
) -> None:
    await world.hear(market.supplier(), market.product(), market.offer(market.wholesale()))
    listing = (await shop.adopt(market, prices=market.own_prices()))["listings"][0]["listing_id"]
    await world.hear(change(market, market.wholesale(), market.wholesale(tin=12_000)))
    (told,) = await world.told("ListingPaused")
    assert (told["listing_id"], told["reason"]) == (listing, "price_below_floor")
    assert [each["state"] for each in told["listings"]] == ["paused", "active"]
    assert [each["variant_id"] for each in await world.listings(shop.storefront_id)] == [market.box]
    await shop.owner.made(f"/listings/{listing}/price", {"price": cny(14_000).model_dump()})
    (tin, _) = await world.listings(shop.storefront_id)
    assert (tin["price"]["amount"], tin["offer_version"]) == (14_000, 2)


async def test_two_listings_paused_at_once_are_two_positions_of_the_stream(
    world: World, shop: Shop, market: Market
) -> None:
    await world.hear(market.offer(market.wholesale()))
    await shop.adopt(market, prices=market.own_prices())
    await world.hear(change(market, market.wholesale(), market.wholesale(tin=12_000, box=45_000)))
    rows = await world.db.pool.fetch(
        "SELECT aggregate_version FROM outbox WHERE topic = 'storefront.adoptions' ORDER BY id"
    )
    assert [row["aggregate_version"] for row in rows] == [1, 2, 3]
    last = (await world.told("ListingPaused"))[-1]
    assert [each["state"] for each in last["listings"]] == ["paused", "paused"]
    assert await world.db.pool.fetchval("SELECT events FROM adoptions") == 3


async def test_announced_terms_pause_nothing_before_their_time(world: World, shop: Shop, market: Market) -> None:
    await world.hear(market.supplier(), market.product(), market.offer(market.wholesale()))
    await shop.adopt(market, prices=market.own_prices())
    soon = datetime.now(UTC) + timedelta(hours=1)
    worse = change(market, market.wholesale(), market.wholesale(tin=12_000), since=[ago(hours=1), soon])
    await world.hear(worse)
    assert await world.told("ListingPaused") == []
    assert await world.fire() == 0
    due = await world.db.pool.fetchval("SELECT due_at FROM timers WHERE subject = $1", market.offer_id)
    assert abs((due - soon).total_seconds()) < 0.001
    # The hour passes: for the terms and for the timer, which are both kept in the database.
    await world.db.pool.execute("UPDATE offer_versions SET effective_from = effective_from - interval '2 hours'")
    await world.db.pool.execute("UPDATE timers SET due_at = due_at - interval '2 hours'")
    assert await world.fire() == 1
    assert len(await world.told("ListingPaused")) == 1
    assert await world.fire() == 0


@pytest.mark.parametrize("first", ["offer", "adoption"])
async def test_terms_and_adoption_give_the_same_shelf_in_either_order(
    world: World, shop: Shop, market: Market, first: str
) -> None:
    await world.hear(market.supplier(), market.product(), market.offer(market.wholesale()), market.stock(market.tin))
    better = change(market, market.wholesale(), market.wholesale(tin=7_000))
    if first == "offer":
        await world.hear(better)
        await shop.adopt(market, prices=market.own_prices())
    else:
        await shop.adopt(market, prices=market.own_prices())
        await world.hear(better)
    shelf = await world.listings(shop.storefront_id)
    assert [(each["price"]["amount"], each["offer_version"]) for each in shelf] == [(12_000, 2), (45_000, 2)]


async def test_an_offer_that_many_shops_adopted_is_settled_in_turns(
    world: World,
    shop: Shop,
    stocked: Market,
    monkeypatch: pytest.MonkeyPatch,
    open_shop: Callable[[str], Awaitable[Shop]],
) -> None:
    monkeypatch.setattr("services.storefront.usecases.settling.BATCH", 2)
    for slug in ("s-1", "s-2", "s-3", "s-4"):
        await (await open_shop(slug)).adopt(stocked)
    await shop.adopt(stocked)
    await world.hear(end(stocked))
    assert len(await world.told("AdoptionEnded")) == 2
    while await world.fire():
        pass
    assert len(await world.told("AdoptionEnded")) == 5


async def test_a_withdrawn_product_leaves_the_shelf(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    said = stocked.product(state="withdrawn").model_dump()
    await world.hear(ProductWithdrawn.model_validate(said))
    assert await world.listings(shop.storefront_id) == []


async def test_listings_come_in_pages(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    path = f"/storefronts/{shop.storefront_id}/listings"
    first = (await world.http.get(path, params={"limit": 1})).json()
    second = (await world.http.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).json()
    assert [each["variant_id"] for each in first["items"] + second["items"]] == [stocked.tin, stocked.box]
    assert second["next_cursor"] is None
    assert (await world.http.get(path, params={"cursor": "x"})).json()["code"] == "cursor_invalid"
    assert (await world.http.get(f"/storefronts/{OLD_ID}/listings")).status_code == 404


async def test_an_article_is_told_with_its_listings(world: World, shop: Shop, stocked: Market) -> None:
    listing = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    url = await shop.write("# Tea\n\nSlowly.", p2=listing)
    (told,) = await world.told("ContentPublished")
    assert url == f"/s/acha/c/{told['content_id']}"
    assert told["embeds"] == [{"position": 2, "listing_id": listing}]
    assert told["body"] == "# Tea\n\nSlowly."


async def test_an_article_embeds_only_listings_of_its_own_shop_each_position_once(
    world: World, shop: Shop, stocked: Market, open_shop: Callable[[str], Awaitable[Shop]]
) -> None:
    other = await open_shop("other")
    foreign = (await other.adopt(stocked))["listings"][0]["listing_id"]
    own = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    path = f"/storefronts/{shop.storefront_id}/contents"
    body = {"kind": "article", "title": "t", "body": "b"}
    for embeds, expected in (
        ([{"position": 1, "listing_id": foreign}], (422, "unknown_listing")),
        ([{"position": 1, "listing_id": OLD_ID}], (422, "unknown_listing")),
        ([{"position": 1, "listing_id": own}, {"position": 1, "listing_id": own}], (422, "validation_failed")),
        ([{"position": -1, "listing_id": own}], (422, "validation_failed")),
    ):
        assert await shop.owner.refused(path, body | {"embeds": embeds}) == expected
    assert await shop.owner.refused(path, body | {"kind": "poem"}) == (422, "validation_failed")
    assert await shop.owner.refused(path, body | {"body": "x" * 100_001}) == (422, "validation_failed")


def test_commission_terms_cover_any_price() -> None:
    assert is_covered(COMMISSION, Market().tin, None)
    bare = WholesaleTerms(kind="wholesale", platform_ppm=0, floors=())
    assert not is_covered(bare, Market().tin, cny(1))

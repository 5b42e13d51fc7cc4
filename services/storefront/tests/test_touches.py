"""Touches: signed by us, checked by others from the written format alone."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.storefront.domain import Touch, TouchKeys
from services.storefront.tests.world import BROWSER, KEYS, TOUCH_KEYS, Market, Shop, World, hidden, links
from shared.contracts.values import ContentId, CreatorId, GroupId, StorefrontId, TouchId
from shared.kernel.ids import new_id

A_TOUCH = Touch(
    touch_id=TouchId(new_id()),
    storefront_id=StorefrontId(new_id()),
    creator_id=CreatorId(new_id()),
    entry_point="article",
    viewer_ref="viewer-1",
    issued_at=1_700_000_000,
    expires_at=1_701_296_000,
)


def claims_of(token: str) -> dict[str, Any]:
    """What another service does with a token: nothing of ours is used."""
    version, key_id, payload, mac = token.split(".")
    secrets = dict(line.split(":") for line in TOUCH_KEYS.split())
    secret = base64.urlsafe_b64decode(secrets[key_id] + "=" * (-len(secrets[key_id]) % 4))
    expected = hmac.new(secret, f"{version}.{key_id}.{payload}".encode(), hashlib.sha256).digest()
    assert version == "v1"
    assert base64.urlsafe_b64encode(expected).decode().rstrip("=") == mac
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


@given(
    position=st.none() | st.integers(0, 10_000),
    viewer=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128),
    content=st.none() | st.uuids().map(lambda value: ContentId(str(value))),
    group=st.none() | st.uuids().map(lambda value: GroupId(str(value))),
    sharer=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
)
def test_what_is_signed_is_read_again(
    position: int | None, viewer: str, content: ContentId | None, group: GroupId | None, sharer: str | None
) -> None:
    touch = replace(A_TOUCH, position=position, viewer_ref=viewer, content_id=content, group_id=group, shared_by=sharer)
    assert KEYS.read(KEYS.sign(touch)) == touch


def test_a_token_holds_the_documented_claims_and_no_others() -> None:
    touch = replace(A_TOUCH, content_id=ContentId(new_id()), position=2, shared_by="friend")
    assert claims_of(KEYS.sign(touch)) == {
        "tid": touch.touch_id,
        "sf": touch.storefront_id,
        "cr": touch.creator_id,
        "ep": "article",
        "ct": touch.content_id,
        "pos": 2,
        "by": "friend",
        "vw": "viewer-1",
        "iat": touch.issued_at,
        "exp": touch.expires_at,
    }


@pytest.mark.parametrize("part", [0, 1, 2, 3])
def test_a_token_changed_anywhere_is_refused(part: int) -> None:
    parts = KEYS.sign(A_TOUCH).split(".")
    changed = [*parts]
    changed[part] = ("A" if parts[part][0] != "A" else "B") + parts[part][1:]
    assert KEYS.read(".".join(changed)) is None


@pytest.mark.parametrize("token", ["", "v1", "v1.k2.e30", "....", "v1.k2.e30.", "é.é.é.é", "v1.k2." + "A" * 4_000])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert KEYS.read(token) is None


def test_a_seal_is_no_touch_and_fits_one_purpose_only() -> None:
    seal = KEYS.seal("wanpu_buyer", "ref")
    assert KEYS.is_sealed("wanpu_buyer", "ref", seal)
    assert not KEYS.is_sealed("wanpu_viewer", "ref", seal)
    assert not KEYS.is_sealed("wanpu_buyer", "other", seal)


def test_a_touch_signed_before_a_rotation_still_counts() -> None:
    before = TouchKeys.parse(TOUCH_KEYS.split()[1])
    assert KEYS.read(before.sign(A_TOUCH)) == A_TOUCH
    assert before.read(KEYS.sign(A_TOUCH)) is None


@pytest.mark.parametrize("text", ["", "nonsense", "k1:", "k1:***"])
def test_a_file_without_keys_is_refused_at_start(text: str) -> None:
    with pytest.raises(ValueError, match="wanpu keys init"):
        TouchKeys.parse(text)


async def test_anyone_may_ask_for_a_touch_of_a_shop(world: World, shop: Shop) -> None:
    body = {"storefront_id": shop.storefront_id, "entry_point": "search", "viewer_ref": "v-1", "shared_by": "friend"}
    answer = await world.http.post("/touches", json=body)
    assert answer.status_code == 201
    claims = claims_of(answer.json()["touch"])
    assert claims | {"sf": shop.storefront_id, "cr": shop.creator_id, "ep": "search", "by": "friend"} == claims
    assert claims["exp"] - claims["iat"] == 15 * 86_400
    assert "ct" not in claims


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"storefront_id": new_id()}, "not_found"),
        ({"content_id": new_id()}, "not_found"),
        ({"entry_point": "billboard"}, "validation_failed"),
        ({"viewer_ref": ""}, "validation_failed"),
        ({"position": -1}, "validation_failed"),
        ({"more": 1}, "validation_failed"),
    ],
)
async def test_a_touch_of_nothing_is_refused(world: World, shop: Shop, changed: dict[str, Any], code: str) -> None:
    body = {"storefront_id": shop.storefront_id, "entry_point": "direct", "viewer_ref": "v-1"}
    answer = await world.http.post("/touches", json=body | changed)
    assert answer.json()["code"] == code


async def test_buying_from_an_article_says_which_article_and_where(world: World, shop: Shop, stocked: Market) -> None:
    listing = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    article = await shop.write("One.\n\n{{listing:3}}\n\nTwo.", p3=listing)
    opened = await world.page(article)
    (link,) = links(opened, "/p/")
    claims = claims_of(hidden(await world.page(link))["touch"])
    assert claims["ct"] == article.rsplit("/", 1)[1]
    assert (claims["ep"], claims["pos"]) == ("article", 3)


async def test_one_visitor_walking_through_the_shop_arrives_once(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    opened = await world.page(f"{shop.path}?e=account")
    first, second = [hidden(await world.page(link))["touch"] for link in links(opened, "/p/")]
    assert claims_of(first) == claims_of(second)
    assert claims_of(first)["ep"] == "account"


async def test_a_link_passed_on_to_another_person_is_an_arrival_of_its_own(
    world: World, shop: Shop, stocked: Market
) -> None:
    await shop.adopt(stocked)
    link = links(await world.page(f"{shop.path}?e=group"), "/p/")[0]
    mine = claims_of(hidden(await world.page(link))["touch"])
    world.http.cookies.clear()
    theirs = claims_of(hidden(await world.page(link))["touch"])
    assert theirs["tid"] != mine["tid"]
    assert theirs["vw"] != mine["vw"]
    assert theirs["ep"] == "group"


@pytest.mark.parametrize(
    ("query", "referer", "entry_point"),
    [
        ("", "", "direct"),
        ("?e=account", "", "account"),
        ("?by=friend-7", "", "share"),
        ("?e=nonsense", "", "direct"),
        ("", "https://www.baidu.com/s?wd=tea", "search"),
        ("", "https://mp.weixin.qq.com/s/abc", "account"),
        ("", "https://shop/s/acha", "direct"),
        (f"?g={new_id()}", "", "group"),
    ],
)
async def test_the_link_or_the_page_before_says_how_a_visitor_came(
    world: World, shop: Shop, stocked: Market, query: str, referer: str, entry_point: str
) -> None:
    listing = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    page = await world.page(f"{shop.path}/p/{listing}{query}", referer=referer)
    claims = claims_of(hidden(page)["touch"])
    assert claims["ep"] == entry_point
    assert claims.get("by") == ("friend-7" if "by=" in query else None)


async def test_a_forged_or_foreign_touch_in_a_link_counts_for_nothing(
    world: World, shop: Shop, stocked: Market
) -> None:
    listing = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    foreign = KEYS.sign(replace(A_TOUCH, expires_at=2**33))
    for token in (foreign, foreign[:-2] + "xx", "é"):
        page = await world.page(f"{shop.path}/p/{listing}?t={token}")
        assert claims_of(hidden(page)["touch"])["ep"] == "direct"


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"x-moz": "prefetch"},
        {"user-agent": "Mozilla/5.0 (compatible; Baiduspider/2.0)"},
        {"user-agent": "facebookexternalhit/1.1"},
    ],
)
async def test_who_only_looks_ahead_has_not_arrived(
    world: World, shop: Shop, stocked: Market, headers: dict[str, str]
) -> None:
    listing = (await shop.adopt(stocked))["listings"][0]["listing_id"]
    page = await world.http.get(f"{shop.path}/p/{listing}", headers=BROWSER | headers)
    assert page.status_code == 200
    assert hidden(page)["touch"] == ""
    assert "?t=" not in page.text
    assert "set-cookie" not in page.headers


async def test_asking_for_the_headers_is_no_arrival(world: World, shop: Shop) -> None:
    answer = await world.http.head(shop.path, headers=BROWSER)
    assert answer.status_code == 200
    assert answer.content == b""
    assert "set-cookie" not in answer.headers

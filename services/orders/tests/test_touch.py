"""A touch is believed when a storefront signed it, and counts while it is young."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.orders.domain.touch import Origin, origin_of, parse_keys
from services.orders.tests.market import KEY, KEY_ID, Goods, old_id, touch_token
from shared.contracts.values import ContentId, StorefrontId, TouchId
from shared.kernel.errors import Rejected

KEYS = {KEY_ID: KEY}
SHOP = Goods()


def origin(token: str | None) -> Origin:
    return origin_of(token, SHOP.storefront_id, KEYS, datetime.now(UTC))


def test_a_touch_says_where_the_buyer_came_from() -> None:
    found = origin(touch_token(SHOP, tid="t", ct="c", pos=3, grp="g", by="friend"))
    assert found == Origin("article", ContentId("c"), 3, "g", TouchId("t"), "friend", "accepted")  # type: ignore[arg-type]


def test_no_touch_is_a_direct_visit() -> None:
    assert origin(None) == Origin("direct")


def test_an_expired_touch_counts_as_direct_and_says_so() -> None:
    assert origin(touch_token(SHOP, age_seconds=1_296_001, by="friend")) == Origin("direct", touch="expired")


def test_a_creator_who_shares_is_not_their_own_referrer() -> None:
    assert origin(touch_token(SHOP, by=SHOP.creator_id)).referrer is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "v1",
        "....",
        touch_token(SHOP, key=b"another"),
        touch_token(SHOP)[:-2],
        touch_token(SHOP) + "=",
        touch_token(SHOP).replace("v1.", "v2.", 1),
        touch_token(SHOP).replace(f".{KEY_ID}.", ".k2.", 1),
        touch_token(SHOP, exp="soon"),
        touch_token(SHOP, sf=StorefrontId(old_id())),
    ],
)
def test_a_forged_touch_or_another_storefronts_is_refused(token: str) -> None:
    with pytest.raises(Rejected, match="touch_invalid"):
        origin(token)


def test_while_a_key_rotates_both_are_believed() -> None:
    keys = parse_keys("new:bmV3\nold:b2xk\n")
    assert keys == {"new": b"new", "old": b"old"}

"""A line's money is divided to the minor unit, and taken back to zero."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.split import Parties, Split, divide, reverse
from services.orders.tests.market import cny
from shared.contracts.values import CommissionTerms, Floor, Money, VariantId, WholesaleTerms
from shared.kernel.errors import Rejected

TEA = VariantId("tea")
AMOUNTS = st.integers(0, 10**12)
PPM = st.integers(0, 333_333)
REFERRERS = st.sampled_from([None, "friend"])


def amounts(split: Split) -> dict[str, int]:
    return {share.party_kind: share.amount.amount for share in split}


def taken(before: Split, after: Split) -> dict[str, int]:
    return {kind: amount - amounts(after)[kind] for kind, amount in amounts(before).items()}


def commission(amount: int, creator: int, referrer: int, platform: int, *, friend: str | None = "friend") -> Split:
    terms = CommissionTerms(kind="commission", creator_ppm=creator, referrer_ppm=referrer, platform_ppm=platform)
    return divide(terms, Parties("farm", "writer", friend), cny(amount), variant_id=TEA, qty=1)


def wholesale(amount: int, floor: int, platform: int, qty: int = 1) -> Split:
    floors = (Floor(variant_id=TEA, price=cny(floor)),)
    terms = WholesaleTerms(kind="wholesale", platform_ppm=platform, floors=floors)
    return divide(terms, Parties("farm", "writer"), cny(amount), variant_id=TEA, qty=qty)


@st.composite
def splits(draw: st.DrawFn) -> Split:
    if draw(st.booleans()):
        rates = [draw(PPM) for _ in range(3)]
        return commission(draw(AMOUNTS), *rates, friend=draw(REFERRERS))
    floor, over = draw(AMOUNTS), draw(AMOUNTS)
    return wholesale(floor + over, floor, draw(st.integers(0, over * 1_000_000 // max(1, floor + over))))


@given(splits())
def test_shares_sum_to_the_line_and_none_is_negative(split: Split) -> None:
    total = sum(amounts(split).values())
    assert all(amount >= 0 for amount in amounts(split).values())
    assert sum(amounts(reverse(split, total)).values()) == 0


@given(AMOUNTS, PPM, PPM, PPM, REFERRERS)
def test_a_commission_line_is_divided_exactly(
    amount: int, creator: int, referrer: int, platform: int, friend: str
) -> None:
    split = commission(amount, creator, referrer, platform, friend=friend)
    assert sum(amounts(split).values()) == amount
    assert all(abs(share.amount.amount * 10**6 - amount * (share.rate_ppm or 0)) < 10**6 for share in split)


@given(AMOUNTS, AMOUNTS, PPM, st.integers(1, 50))
def test_a_wholesale_line_is_divided_exactly_or_refused(floor: int, over: int, platform: int, qty: int) -> None:
    amount = floor * qty + over
    if over * 10**6 < amount * platform:
        with pytest.raises(Rejected, match="price_below_floor"):
            wholesale(amount, floor, platform, qty)
        return
    split = wholesale(amount, floor, platform, qty)
    assert sum(amounts(split).values()) == amount
    assert amounts(split)["supplier"] == floor * qty
    assert amounts(split)["creator"] >= 0


@given(splits(), st.data())
def test_a_refund_in_steps_never_pays_a_party_and_ends_at_zero(split: Split, data: st.DataObject) -> None:
    remaining = split
    while left := sum(amounts(remaining).values()):
        step = data.draw(st.integers(max(1, left // 8), left))
        after = reverse(remaining, step)
        assert sum(taken(remaining, after).values()) == step
        assert all(amount >= 0 for amount in taken(remaining, after).values())
        assert all(amount >= 0 for amount in amounts(after).values())
        remaining = after
    assert set(amounts(remaining).values()) == {0}


def test_a_line_refunded_cent_by_cent_pays_nobody() -> None:
    remaining = commission(997, 150_000, 20_000, 10_000)
    for left in range(996, -1, -1):
        after = reverse(remaining, 1)
        assert sum(amounts(after).values()) == left
        assert min(taken(remaining, after).values()) == 0
        remaining = after
    assert set(amounts(remaining).values()) == {0}


def test_more_than_is_left_cannot_be_taken_back() -> None:
    with pytest.raises(Rejected, match="refund_exceeds_line"):
        reverse(commission(100, 150_000, 20_000, 10_000), 101)


def test_without_a_referrer_their_share_stays_with_the_supplier() -> None:
    alone = amounts(commission(10_000, 150_000, 20_000, 10_000, friend=None))
    brought = amounts(commission(10_000, 150_000, 20_000, 10_000))
    assert alone == {"supplier": 8_400, "creator": 1_500, "platform": 100}
    assert brought == {"supplier": 8_200, "creator": 1_500, "referrer": 200, "platform": 100}


def test_the_last_cents_go_to_the_largest_remainders_and_ties_to_the_first_in_order() -> None:
    assert amounts(commission(1, 250_000, 250_000, 250_000)) == {
        "supplier": 1,
        "creator": 0,
        "referrer": 0,
        "platform": 0,
    }
    assert amounts(commission(99, 150_000, 0, 9_999, friend=None)) == {"supplier": 83, "creator": 15, "platform": 1}


def test_rates_beyond_the_whole_line_are_refused() -> None:
    with pytest.raises(Rejected, match="split_exceeds_line"):
        commission(100, 900_000, 90_000, 20_000)


def test_a_floor_in_another_currency_is_refused() -> None:
    floors = (Floor(variant_id=TEA, price=Money(amount=1, currency="USD")),)
    terms = WholesaleTerms(kind="wholesale", platform_ppm=0, floors=floors)
    with pytest.raises(Rejected, match="currency_mismatch"):
        divide(terms, Parties("farm", "writer"), cny(100), variant_id=TEA, qty=1)

"""Terms compared, and what a change of them does to an offer: no database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import (
    Rules,
    Terms,
    is_no_worse,
)
from services.catalog.tests.pure import NOON, NOTICE, SAME_HOLD, commission, offer, refusal, wholesale
from shared.contracts.values import (
    CommissionTerms,
)
from shared.kernel.errors import Rejected

ppm = st.integers(0, 1_000_000)
price = st.integers(1, 10_000)
commissions = st.builds(commission, ppm, ppm, ppm)
wholesales = st.builds(wholesale, price, price, ppm)
pairs = st.tuples(commissions, commissions) | st.tuples(wholesales, wholesales)


def creator_gets(terms: Terms, tea_price: int, cup_price: int) -> tuple[int, ...]:
    """What a creator earns of a tea, of a cup, and as a referrer, in millionths of a minor unit."""
    sold = (tea_price, cup_price)
    if isinstance(terms, CommissionTerms):
        return *(amount * terms.creator_ppm for amount in sold), *(amount * terms.referrer_ppm for amount in sold)
    floors = (floor.price.amount for floor in terms.floors)
    return tuple(
        amount * (1_000_000 - terms.platform_ppm) - floor * 1_000_000
        for amount, floor in zip(sold, floors, strict=True)
    )


@given(pairs, price, price)
def test_terms_that_are_no_worse_never_pay_a_creator_less(
    pair: tuple[Terms, Terms], tea_price: int, cup_price: int
) -> None:
    new, old = pair
    if is_no_worse(new, old):
        before, after = creator_gets(old, tea_price, cup_price), creator_gets(new, tea_price, cup_price)
        assert all(now >= then for now, then in zip(after, before, strict=True))


@given(pairs)
def test_terms_that_are_worse_pay_a_creator_less_of_some_sale(pair: tuple[Terms, Terms]) -> None:
    new, old = pair
    if not is_no_worse(new, old):
        cheap, dear = 1, 10**12  # a floor weighs most on a cheap sale, a rate on a dear one
        pays_less = [
            now < then
            for sale in (cheap, dear)
            for now, then in zip(creator_gets(new, sale, sale), creator_gets(old, sale, sale), strict=True)
        ]
        assert any(pays_less)


@given(pairs)
def test_of_two_different_terms_both_no_worse_only_the_suppliers_part_differs(pair: tuple[Terms, Terms]) -> None:
    new, old = pair
    if is_no_worse(new, old) and is_no_worse(old, new):
        assert creator_gets(new, 5_000, 5_000) == creator_gets(old, 5_000, 5_000)


@given(pairs, st.sampled_from([0, 1]))
def test_terms_are_no_worse_than_themselves(pair: tuple[Terms, Terms], which: int) -> None:
    assert is_no_worse(pair[which], pair[which])


@given(st.lists(commissions, min_size=1, max_size=6), st.lists(st.timedeltas(timedelta(0), 2 * NOTICE), min_size=6))
def test_a_creator_is_never_paid_less_within_the_notice(terms: list[CommissionTerms], pauses: list[timedelta]) -> None:
    """Whatever is announced in whatever order, what counts now counts for the whole notice, or better."""
    current = offer(commission(100_000, 10_000))
    for new, pause in zip(terms, pauses, strict=False):
        as_of = current.as_of + pause
        due = tuple(version for version in current.versions if version.effective_from <= as_of)
        waiting = tuple(version for version in current.versions if version.effective_from > as_of)
        before = replace(current, versions=(*due[-1:], *waiting), as_of=as_of)
        current = before.with_terms(new, *SAME_HOLD)
        assert len(current.versions) <= 2
        for version in current.versions:
            early = version.effective_from < as_of + NOTICE
            assert not early or version in before.versions or is_no_worse(version.terms, before.in_force.terms)


def test_better_terms_count_at_once() -> None:
    changed = offer(commission(100_000)).with_terms(commission(120_000), *SAME_HOLD)
    assert [(each.version, each.effective_from) for each in changed.versions] == [(2, NOON)]


def test_terms_worse_in_one_part_wait_for_the_notice() -> None:
    changed = offer(wholesale(100, 200)).with_terms(wholesale(90, 201), *SAME_HOLD)
    assert [each.version for each in changed.versions] == [1, 2]
    assert changed.announced.effective_from == NOON + NOTICE
    assert changed.in_force.version == 1


def test_the_platforms_rate_is_the_suppliers_business_under_commission() -> None:
    assert is_no_worse(commission(100_000, platform=90_000), commission(100_000, platform=0))


def test_a_new_change_replaces_the_scheduled_one() -> None:
    changed = (
        offer(commission(100_000)).with_terms(commission(50_000), *SAME_HOLD).with_terms(commission(70_000), *SAME_HOLD)
    )
    assert [each.version for each in changed.versions] == [1, 3]


def test_going_back_to_what_is_in_force_takes_the_scheduled_change_back() -> None:
    changed = (
        offer(commission(100_000))
        .with_terms(commission(50_000), *SAME_HOLD)
        .with_terms(commission(100_000), *SAME_HOLD)
    )
    assert [(each.version, each.effective_from) for each in changed.versions] == [(3, NOON)]


def test_announcing_the_same_again_changes_nothing() -> None:
    changed = offer(commission(100_000)).with_terms(commission(50_000), *SAME_HOLD)
    assert changed.with_terms(commission(50_000), *SAME_HOLD) is changed


def test_an_offer_keeps_its_kind() -> None:
    with pytest.raises(Rejected) as error:
        offer(commission(100_000)).with_terms(wholesale(1, 1), *SAME_HOLD)
    assert refusal(error) == "terms_kind_fixed"


def test_an_ended_offer_has_no_new_terms() -> None:
    with pytest.raises(Rejected) as error:
        offer(commission(100_000)).ended().with_terms(commission(120_000), *SAME_HOLD)
    assert refusal(error) == "offer_ended"


def test_days_of_notice_are_whole_and_never_more_than_kept() -> None:
    assert offer(commission(1)).notice_days == 7
    assert Rules().notice_seconds == NOTICE.total_seconds()

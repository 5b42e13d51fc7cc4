"""The rules alone, without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain import (
    Actor,
    Offer,
    Offered,
    Product,
    Rules,
    Supplier,
    Terms,
    Variant,
    check_offerable,
    check_stocked,
    check_terms,
    check_validity,
    is_no_worse,
)
from shared.contracts.values import (
    CommissionTerms,
    Floor,
    Money,
    OfferId,
    OfferVersion,
    ProductId,
    SupplierId,
    VariantId,
    WholesaleTerms,
)
from shared.kernel.errors import Rejected

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOTICE = timedelta(days=7)
TEA, CUP = VariantId("tea"), VariantId("cup")


def cny(amount: int) -> Money:
    return Money(amount=amount, currency="CNY")


def commission(creator: int, referrer: int = 0, platform: int = 0) -> CommissionTerms:
    return CommissionTerms(kind="commission", creator_ppm=creator, referrer_ppm=referrer, platform_ppm=platform)


def wholesale(tea: int, cup: int, platform: int = 0) -> WholesaleTerms:
    floors = (Floor(variant_id=TEA, price=cny(tea)), Floor(variant_id=CUP, price=cny(cup)))
    return WholesaleTerms(kind="wholesale", platform_ppm=platform, floors=floors)


def offer(terms: Terms, as_of: datetime = NOON) -> Offer:
    return Offer(
        offer_id=OfferId("offer"),
        supplier_id=SupplierId("s"),
        variant_ids=(TEA, CUP),
        versions=(OfferVersion(version=1, terms=terms, effective_from=NOON - NOTICE),),
        last_version=1,
        adoption="open",
        invited=(),
        valid_from=None,
        valid_until=None,
        notice_seconds=NOTICE.total_seconds(),
        as_of=as_of,
    )


@pytest.fixture
def product() -> Product:
    variants = (Variant(TEA, "tea", {}, cny(100)), Variant(CUP, "cup", {}, cny(200)))
    return Product(ProductId("p"), SupplierId("s"), "Tea", "", "good", "tea", (), variants)


def refusal(error: pytest.ExceptionInfo[Rejected]) -> str:
    return error.value.code


def test_a_draft_is_published_withdrawn_and_published_again(product: Product) -> None:
    states = [product.published(), product.published().withdrawn(), product.published().withdrawn().published()]
    assert [(each.state, each.version) for each in states] == [("published", 2), ("withdrawn", 3), ("published", 4)]


def test_publishing_what_is_published_changes_nothing(product: Product) -> None:
    published = product.published()
    assert published.published() is published


def test_withdrawing_twice_changes_nothing(product: Product) -> None:
    withdrawn = product.published().withdrawn()
    assert withdrawn.withdrawn() is withdrawn


def test_a_draft_cannot_be_withdrawn(product: Product) -> None:
    with pytest.raises(Rejected) as error:
        product.withdrawn()
    assert refusal(error) == "illegal_transition"


def test_a_price_changes_one_variant_only(product: Product) -> None:
    changed = product.priced(CUP, cny(250))
    assert [variant.list_price.amount for variant in changed.variants] == [100, 250]
    assert changed.version == product.version + 1


def test_the_same_price_changes_nothing(product: Product) -> None:
    assert product.priced(CUP, cny(200)) is product


def test_what_is_withdrawn_is_not_priced(product: Product) -> None:
    with pytest.raises(Rejected) as error:
        product.published().withdrawn().priced(CUP, cny(250))
    assert refusal(error) == "product_withdrawn"


def test_a_supplier_of_goods_sells_no_services() -> None:
    with pytest.raises(Rejected) as error:
        Supplier(SupplierId("s"), "Tea", ("good",), (), True).check_kind("service")
    assert refusal(error) == "kind_not_supplied"


def test_a_load_test_stays_among_suppliers_made_for_it() -> None:
    with pytest.raises(Rejected) as error:
        Actor("s", loadtest=True).check_acts_for(Supplier(SupplierId("s"), "Tea", ("good",), (), True))
    assert refusal(error) == "loadtest_only"


def test_a_service_has_no_stock() -> None:
    with pytest.raises(Rejected) as error:
        check_stocked([Offered(TEA, SupplierId("s"), "service", "published")])
    assert refusal(error) == "service_without_stock"


def test_goods_off_sale_still_have_stock() -> None:
    check_stocked([Offered(TEA, SupplierId("s"), "good", "withdrawn")])


def test_an_offer_on_what_is_off_sale_is_refused() -> None:
    with pytest.raises(Rejected) as error:
        check_offerable(
            [Offered(TEA, SupplierId("s"), "good", "draft"), Offered(CUP, SupplierId("s"), "good", "withdrawn")]
        )
    assert refusal(error) == "product_withdrawn"
    assert error.value.extra["variant_ids"] == [CUP]


def test_rates_that_take_the_whole_line_are_allowed_and_one_more_is_not() -> None:
    check_terms(commission(900_000, 50_000, 50_000), (TEA,), Rules())
    with pytest.raises(Rejected) as error:
        check_terms(commission(900_000, 50_000, 50_001), (TEA,), Rules())
    assert refusal(error) == "split_exceeds_line"


@pytest.mark.parametrize("variant_ids", [(TEA,), (TEA, CUP, VariantId("pot")), (TEA, VariantId("pot"))])
def test_floors_are_given_for_exactly_the_variants_of_the_offer(variant_ids: tuple[VariantId, ...]) -> None:
    with pytest.raises(Rejected) as error:
        check_terms(wholesale(100, 200), variant_ids, Rules())
    assert refusal(error) == "floors_incomplete"


def test_a_floor_given_twice_is_refused() -> None:
    twice = wholesale(100, 200).model_copy(update={"floors": (Floor(variant_id=TEA, price=cny(1)),) * 2})
    with pytest.raises(Rejected) as error:
        check_terms(twice, (TEA,), Rules())
    assert refusal(error) == "floors_incomplete"


def test_floors_in_another_order_are_the_same_terms() -> None:
    assert check_terms(wholesale(100, 200), (CUP, TEA), Rules()) == check_terms(
        wholesale(100, 200).model_copy(update={"floors": tuple(reversed(wholesale(100, 200).floors))}),
        (CUP, TEA),
        Rules(),
    )


def test_a_floor_in_another_currency_is_refused() -> None:
    with pytest.raises(Rejected) as error:
        check_terms(wholesale(100, 200), (TEA, CUP), Rules(currency="EUR"))
    assert refusal(error) == "currency_mismatch"


def test_an_offer_that_would_be_over_before_it_begins_is_refused() -> None:
    for valid_from, valid_until in [(None, NOON), (NOON + NOTICE, NOON + NOTICE), (NOON + NOTICE, NOON + NOTICE / 2)]:
        with pytest.raises(Rejected) as error:
            check_validity(valid_from, valid_until, NOON)
        assert refusal(error) == "validity_invalid"


# Terms compared ------------------------------------------------------------------------------------------------------

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
        current = before.with_terms(new)
        assert len(current.versions) <= 2
        for version in current.versions:
            early = version.effective_from < as_of + NOTICE
            assert not early or version in before.versions or is_no_worse(version.terms, before.in_force.terms)


def test_better_terms_count_at_once() -> None:
    changed = offer(commission(100_000)).with_terms(commission(120_000))
    assert [(each.version, each.effective_from) for each in changed.versions] == [(2, NOON)]


def test_terms_worse_in_one_part_wait_for_the_notice() -> None:
    changed = offer(wholesale(100, 200)).with_terms(wholesale(90, 201))
    assert [each.version for each in changed.versions] == [1, 2]
    assert changed.announced.effective_from == NOON + NOTICE
    assert changed.in_force.version == 1


def test_the_platforms_rate_is_the_suppliers_business_under_commission() -> None:
    assert is_no_worse(commission(100_000, platform=90_000), commission(100_000, platform=0))


def test_a_new_change_replaces_the_scheduled_one() -> None:
    changed = offer(commission(100_000)).with_terms(commission(50_000)).with_terms(commission(70_000))
    assert [each.version for each in changed.versions] == [1, 3]


def test_going_back_to_what_is_in_force_takes_the_scheduled_change_back() -> None:
    changed = offer(commission(100_000)).with_terms(commission(50_000)).with_terms(commission(100_000))
    assert [(each.version, each.effective_from) for each in changed.versions] == [(3, NOON)]


def test_announcing_the_same_again_changes_nothing() -> None:
    changed = offer(commission(100_000)).with_terms(commission(50_000))
    assert changed.with_terms(commission(50_000)) is changed


def test_an_offer_keeps_its_kind() -> None:
    with pytest.raises(Rejected) as error:
        offer(commission(100_000)).with_terms(wholesale(1, 1))
    assert refusal(error) == "terms_kind_fixed"


def test_an_ended_offer_has_no_new_terms() -> None:
    with pytest.raises(Rejected) as error:
        offer(commission(100_000)).ended().with_terms(commission(120_000))
    assert refusal(error) == "offer_ended"


def test_days_of_notice_are_whole_and_never_more_than_kept() -> None:
    assert offer(commission(1)).notice_days == 7
    assert Rules().notice_seconds == NOTICE.total_seconds()

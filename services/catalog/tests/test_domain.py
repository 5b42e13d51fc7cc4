"""The rules alone, without a database."""

from __future__ import annotations

import pytest

from services.catalog.domain import (
    Actor,
    Offered,
    Product,
    Rules,
    Supplier,
    Variant,
    check_offerable,
    check_stocked,
    check_terms,
    check_validity,
)
from services.catalog.tests.pure import CUP, NOON, NOTICE, TEA, cny, commission, refusal, wholesale
from shared.contracts.values import (
    Floor,
    ProductId,
    SupplierId,
    VariantId,
)
from shared.kernel.errors import Rejected


@pytest.fixture
def product() -> Product:
    variants = (Variant(TEA, "tea", {}, cny(100)), Variant(CUP, "cup", {}, cny(200)))
    return Product(ProductId("p"), SupplierId("s"), "Tea", "", "good", "tea", (), variants)


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

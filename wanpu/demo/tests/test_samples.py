"""The demo's sample data keeps what its story promises."""

from __future__ import annotations

import random

import pytest

from wanpu.demo import samples
from wanpu.demo.market import ADOPTIONS, Listing, Shop, Variant, retail
from wanpu.demo.shopping import COD_LIMIT, ENTRY_POINTS, FATES, Fate, fill

SKUS = {item.sku: item for supplier in samples.SUPPLIERS for item in supplier.items}


def test_there_are_three_suppliers_five_creators_and_twenty_products() -> None:
    assert (len(samples.SUPPLIERS), len(samples.CREATORS), len(SKUS)) == (3, 5, 20)
    assert {creator.channel for creator in samples.CREATORS} == {"account", "group", "person"}


def test_sixty_orders_come_by_every_way() -> None:
    assert sum(fate.orders for fate in FATES) == 60
    assert len(set(ENTRY_POINTS)) == 6


def test_every_supplier_offers_both_kinds_of_terms_on_all_it_has() -> None:
    for supplier in samples.SUPPLIERS:
        assert {deal.kind for deal in supplier.deals} == {"commission", "wholesale"}
        assert sorted(sku for deal in supplier.deals for sku in deal.skus) == sorted(i.sku for i in supplier.items)


def test_every_creator_adopts_from_several_suppliers() -> None:
    offers = [place for place, supplier in enumerate(samples.SUPPLIERS) for _ in supplier.deals]
    for creator in range(len(samples.CREATORS)):
        assert len({offers[(creator + step) % len(offers)] for step in range(ADOPTIONS)}) > 1


@pytest.mark.parametrize("markup", [0, 8])
def test_a_wholesale_price_leaves_the_creator_something(markup: int) -> None:
    for supplier in samples.SUPPLIERS:
        for deal in (deal for deal in supplier.deals if deal.kind == "wholesale"):
            for _, price in (variant for sku in deal.skus for variant in SKUS[sku].variants):
                assert retail(price, markup) > price * deal.floor_percent // 100 * 1.05


@pytest.mark.parametrize("fate", FATES, ids=lambda fate: fate.name)
def test_a_basket_has_the_size_its_fate_wants(fate: Fate) -> None:
    baskets = [fill(fate, shop(), random.Random(seed)) for seed in range(20)]
    sizes = {basket.payable < COD_LIMIT for basket in baskets}
    assert fate.size == "any" or sizes == {fate.size == "small"}
    assert all(listing.variant.sku != samples.SCARCE for basket in baskets for listing, _ in basket.lines)


def shop() -> Shop:
    """One that sells all there is."""
    listings = tuple(
        Listing(f"l-{sku}", Variant(f"v-{sku}", sku, item.title, "s", price), price)
        for sku, item in SKUS.items()
        for _, price in item.variants
    )
    return Shop("c", "a shop", "f", "/s/a", listings, "a", listings[:3])

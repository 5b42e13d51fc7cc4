"""Products are made as drafts, put on sale and off it, and priced."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from services.catalog import store
from services.catalog.domain import Actor, Product, Rules, not_found
from services.catalog.usecases.suppliers import acting_for
from shared.contracts import catalog as told
from shared.contracts.event import Cause
from shared.contracts.values import Money
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected


async def draft_product(tx: Tx, actor: Actor, product: Product, rules: Rules) -> Product:
    """Keep a new product that nobody is told of yet.

    Raises:
        Rejected: `not_found`, `loadtest_only`, `kind_not_supplied`, `currency_mismatch`, `sku_taken`.
    """
    supplier = await acting_for(tx, actor, product.supplier_id)
    supplier.check_kind(product.kind)
    rules.check_currency(variant.list_price for variant in product.variants)
    await store.products.insert(tx, product)
    _check_all_written(product, await store.products.insert_variants(tx, product))
    return product


def _check_all_written(product: Product, written: set[str]) -> None:
    skus = [variant.sku for variant in product.variants]
    taken = {sku for sku in skus if sku not in written or skus.count(sku) > 1}
    if taken:
        raise Rejected(
            "sku_taken", "Each sku names one variant of a supplier for ever: choose others.", skus=sorted(taken)
        )


async def publish_product(tx: Tx, actor: Actor, product_id: str, because: Cause) -> Product:
    """Put a product on sale; one that is on sale already stays so and nobody is told again."""
    before = await _lock(tx, actor, product_id)
    after = before.published()
    if after is not before:
        await _announce(tx, after, told.ProductPublished, because)
    return after


async def withdraw_product(tx: Tx, actor: Actor, product_id: str, because: Cause) -> Product:
    """Take a product off sale, once. Raises `illegal_transition` for a draft."""
    before = await _lock(tx, actor, product_id)
    after = before.withdrawn()
    if after is not before:
        await _announce(tx, after, told.ProductWithdrawn, because)
    return after


@dataclass(frozen=True, slots=True)
class NewPrice:
    """The list price that a supplier wants for a variant."""

    variant_id: str
    price: Money


async def change_price(tx: Tx, actor: Actor, wanted: NewPrice, rules: Rules, because: Cause) -> Product:
    """Set a variant's list price; the same price again changes nothing.

    Raises:
        Rejected: `not_found`, `currency_mismatch`, `product_withdrawn`.
    """
    rules.check_currency([wanted.price])
    product_id = await store.products.product_of(tx, wanted.variant_id)
    if product_id is None:
        raise not_found()
    before = await _lock(tx, actor, product_id)
    after = before.priced(wanted.variant_id, wanted.price)
    if after is not before:
        position = await store.products.update_price(tx, after, wanted.variant_id)
        await outbox.append(tx, [_price_changed(before, after, wanted.variant_id).at(position, because)])
    return after


def _price_changed(before: Product, after: Product, variant_id: str) -> told.PriceChanged:
    old, new = before.variant(variant_id), after.variant(variant_id)
    return told.PriceChanged(
        **_state(after), variant_id=new.variant_id, price_before=old.list_price, price_after=new.list_price
    )


async def see_product(tx: Tx, actor: Actor, product_id: str) -> Product:
    """A product as it is, for its supplier or an operator."""
    return _owned(actor, await store.products.select(tx, product_id))


async def _lock(tx: Tx, actor: Actor, product_id: str) -> Product:
    product = _owned(actor, await store.products.lock(tx, product_id))
    await acting_for(tx, actor, product.supplier_id)
    return product


def _owned(actor: Actor, product: Product | None) -> Product:
    if product is None:
        raise not_found()
    actor.check_owns(product.supplier_id)
    return product


async def _announce(
    tx: Tx, product: Product, event: type[told.ProductPublished | told.ProductWithdrawn], because: Cause
) -> None:
    position = await store.products.update_state(tx, product)
    await outbox.append(tx, [event(**_state(product)).at(position, because)])


def _state(product: Product) -> dict[str, Any]:
    """The whole state that each event about a product carries."""
    same = ("product_id", "supplier_id", "version", "state", "title", "description", "kind", "category", "media")
    return {name: getattr(product, name) for name in same} | {"variants": tuple(_variants(product))}


def _variants(product: Product) -> Iterable[told.Variant]:
    for each in product.variants:
        yield told.Variant(
            variant_id=each.variant_id,
            sku=each.sku,
            spec=each.spec,
            list_price=each.list_price,
            weight_g=each.weight_g,
        )

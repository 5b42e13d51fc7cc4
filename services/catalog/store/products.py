"""Products and their variants. Whoever changes one holds the product's row first, then its variants'."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalog.domain import Offered, Product, Variant
from shared.contracts.values import Money, ProductId, SupplierId, VariantId
from shared.kernel.database import Row, Tx, columns

_INSERT = """
    INSERT INTO products (product_id, supplier_id, state, title, description, kind, category, media)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


async def insert(tx: Tx, product: Product) -> None:
    """Write a new product without its variants."""
    await tx.execute(
        _INSERT,
        product.product_id,
        product.supplier_id,
        product.state,
        product.title,
        product.description,
        product.kind,
        product.category,
        product.media,
    )


# In the order of skus, so that two products with the same ones meet at the same row instead of in a deadlock.
_INSERT_VARIANTS = """
    INSERT INTO variants (variant_id, product_id, supplier_id, place, sku, spec, list_price, currency, weight_g)
    SELECT variant_id, $1, $2, place, sku, spec, list_price, currency, weight_g
      FROM unnest($3::uuid[], $4::smallint[], $5::text[], $6::jsonb[], $7::bigint[], $8::text[], $9::int[])
           AS v (variant_id, place, sku, spec, list_price, currency, weight_g)
     ORDER BY sku
    ON CONFLICT (supplier_id, sku) DO NOTHING
    RETURNING sku
"""


async def insert_variants(tx: Tx, product: Product) -> set[str]:
    """Write the product's variants and return the skus that were free; the others are left out."""
    rows = [
        (each.variant_id, place, each.sku, each.spec, each.list_price.amount, each.list_price.currency, each.weight_g)
        for place, each in enumerate(product.variants)
    ]
    written = await tx.fetch(_INSERT_VARIANTS, product.product_id, product.supplier_id, *columns(rows, 7))
    return {row["sku"] for row in written}


_SELECT = """
    SELECT product_id, supplier_id, version, state, title, description, kind, category, media
      FROM products WHERE product_id = $1
"""
_LOCK = _SELECT + "FOR UPDATE"
_SELECT_VARIANTS = """
    SELECT variant_id, sku, spec, list_price, currency, weight_g FROM variants WHERE product_id = $1 ORDER BY place
"""


async def select(tx: Tx, product_id: str) -> Product | None:
    """The product as it is."""
    return await _read(tx, _SELECT, product_id)


async def lock(tx: Tx, product_id: str) -> Product | None:
    """The product, held until the transaction ends; its variants are read when it is held."""
    return await _read(tx, _LOCK, product_id)


async def _read(tx: Tx, query: str, product_id: str) -> Product | None:
    row = await tx.fetchrow(query, product_id)
    return None if row is None else _product(row, await tx.fetch(_SELECT_VARIANTS, product_id))


def _product(row: Row, variants: Sequence[Row]) -> Product:
    return Product(
        product_id=ProductId(row["product_id"]),
        supplier_id=SupplierId(row["supplier_id"]),
        title=row["title"],
        description=row["description"],
        kind=row["kind"],
        category=row["category"],
        media=tuple(row["media"]),
        variants=tuple(map(_variant, variants)),
        state=row["state"],
        version=row["version"],
    )


def _variant(row: Row) -> Variant:
    return Variant(
        variant_id=VariantId(row["variant_id"]),
        sku=row["sku"],
        spec=row["spec"],
        list_price=Money(amount=row["list_price"], currency=row["currency"]),
        weight_g=row["weight_g"],
    )


_PRODUCT_OF = "SELECT product_id FROM variants WHERE variant_id = $1"


async def product_of(tx: Tx, variant_id: str) -> str | None:
    """The id of the product that a variant belongs to for ever."""
    product_id: str | None = await tx.fetchval(_PRODUCT_OF, variant_id)
    return product_id


_UPDATE_STATE = """
    UPDATE products SET state = $3, version = version + 1, events = events + 1
     WHERE product_id = $1 AND version = $2 - 1
    RETURNING events
"""


async def update_state(tx: Tx, changed: Product) -> int:
    """Write the state of a changed product over the version before it and return the next position of its stream."""
    events: int = await tx.fetchval(_UPDATE_STATE, changed.product_id, changed.version, changed.state)
    return events


_UPDATE_PRICE = "UPDATE variants SET list_price = $2 WHERE variant_id = $1"


async def update_price(tx: Tx, changed: Product, variant_id: str) -> int:
    """Write one variant's price and the product's next version; returns the next position of the product's stream."""
    await tx.execute(_UPDATE_PRICE, variant_id, changed.variant(variant_id).list_price.amount)
    return await update_state(tx, changed)


_SELECT_OFFERED = """
    SELECT v.variant_id, v.supplier_id, p.kind, p.state
      FROM variants v JOIN products p USING (product_id) WHERE v.variant_id = ANY ($1::uuid[])
"""


async def select_offered(tx: Tx, variant_ids: Sequence[str]) -> list[Offered]:
    """What is known of these variants; unknown ones are left out."""
    rows = await tx.fetch(_SELECT_OFFERED, variant_ids)
    return [
        Offered(VariantId(row["variant_id"]), SupplierId(row["supplier_id"]), row["kind"], row["state"]) for row in rows
    ]

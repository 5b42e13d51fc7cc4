"""Mirrors of what others own: one topic a group of tables, replaced by each newer event, never asked to match another.

A parent's parts (variants, versions, listings) are those of its newest event: what it no longer names goes away.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.catalog import OfferState, ProductState, SupplierState
from shared.contracts.storefront import AdoptionState, StorefrontState
from shared.kernel.database import Tx, columns

_CHANGED = "UPDATE shelf_changes SET changes = changes + 1 WHERE mirror = $1"  # last: it is held until the commit
_SUPPLIERS = """
    INSERT INTO suppliers (supplier_id, name, regions, cod_allowed, loadtest)
    SELECT supplier_id, name, string_to_array(regions, ' '), cod_allowed, loadtest
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::bool[])
           AS n (supplier_id, name, regions, cod_allowed, loadtest)
    ON CONFLICT (supplier_id) DO UPDATE SET name = excluded.name, regions = excluded.regions,
        cod_allowed = excluded.cod_allowed, loadtest = excluded.loadtest
"""


async def save_suppliers(tx: Tx, told: Sequence[SupplierState]) -> None:
    """Regions go as one text each: arrays of different lengths make no array of arrays."""
    rows = [(each.supplier_id, each.name, " ".join(each.regions), each.cod_allowed, each.loadtest) for each in told]
    await tx.execute(_SUPPLIERS, *columns(rows, 5))
    await tx.execute(_CHANGED, "suppliers")


_PRODUCTS = """
    INSERT INTO products (product_id, supplier_id, version, state, title, kind)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT (product_id) DO UPDATE SET supplier_id = excluded.supplier_id, version = excluded.version,
        state = excluded.state, title = excluded.title, kind = excluded.kind
"""
_DROP_VARIANTS = "DELETE FROM variants WHERE product_id = ANY($1::uuid[]) AND variant_id <> ALL($2::uuid[])"
_VARIANTS = """
    INSERT INTO variants (variant_id, product_id, sku, spec, list_price, currency)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::bigint[], $6::text[])
    ON CONFLICT (variant_id) DO UPDATE SET product_id = excluded.product_id, sku = excluded.sku, spec = excluded.spec,
        list_price = excluded.list_price, currency = excluded.currency
"""


async def save_products(tx: Tx, told: Sequence[ProductState]) -> None:
    """Products with their variants and list prices."""
    products = [(p.product_id, p.supplier_id, p.version, p.state, p.title, p.kind) for p in told]
    variants = [
        (v.variant_id, p.product_id, v.sku, v.spec, v.list_price.amount, v.list_price.currency)
        for p in told
        for v in p.variants
    ]
    await tx.execute(_PRODUCTS, *columns(products, 6))
    await tx.execute(_DROP_VARIANTS, [row[0] for row in products], [row[0] for row in variants])
    await tx.execute(_VARIANTS, *columns(variants, 6))
    await tx.execute(_CHANGED, "products")


_OFFERS = """
    INSERT INTO offers (offer_id, supplier_id, state, valid_from, valid_until)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[])
    ON CONFLICT (offer_id) DO UPDATE SET supplier_id = excluded.supplier_id, state = excluded.state,
        valid_from = excluded.valid_from, valid_until = excluded.valid_until
"""
_DROP_VERSIONS = "DELETE FROM offer_versions WHERE offer_id = ANY($1::uuid[])"
_VERSIONS = """
    INSERT INTO offer_versions (offer_id, version, terms, effective_from, hold_seconds)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::jsonb[], $4::timestamptz[], $5::int[])
"""


async def save_offers(tx: Tx, told: Sequence[OfferState]) -> None:
    """Offers with the terms in force and those announced."""
    offers = [(o.offer_id, o.supplier_id, o.state, o.valid_from, o.valid_until) for o in told]
    versions = [
        (o.offer_id, each.version, each.terms.model_dump(mode="json"), each.effective_from, each.hold_seconds)
        for o in told
        for each in o.versions
    ]
    await tx.execute(_OFFERS, *columns(offers, 5))
    await tx.execute(_DROP_VERSIONS, [row[0] for row in offers])
    await tx.execute(_VERSIONS, *columns(versions, 5))
    await tx.execute(_CHANGED, "offers")


_STOREFRONTS = """
    INSERT INTO storefronts (storefront_id, creator_id, slug)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[])
    ON CONFLICT (storefront_id) DO UPDATE SET creator_id = excluded.creator_id, slug = excluded.slug
"""


async def save_storefronts(tx: Tx, told: Sequence[StorefrontState]) -> None:
    """Storefronts and whose they are."""
    await tx.execute(_STOREFRONTS, *columns([(s.storefront_id, s.creator_id, s.slug) for s in told], 3))
    await tx.execute(_CHANGED, "storefronts")


_ADOPTIONS = """
    INSERT INTO adoptions (adoption_id, storefront_id, creator_id, offer_id, state)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[])
    ON CONFLICT (adoption_id) DO UPDATE SET storefront_id = excluded.storefront_id, creator_id = excluded.creator_id,
        offer_id = excluded.offer_id, state = excluded.state
"""
_DROP_LISTINGS = "DELETE FROM listings WHERE adoption_id = ANY($1::uuid[]) AND listing_id <> ALL($2::uuid[])"
_LISTINGS = """
    INSERT INTO listings (listing_id, adoption_id, variant_id, price, currency, state)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[])
    ON CONFLICT (listing_id) DO UPDATE SET adoption_id = excluded.adoption_id, variant_id = excluded.variant_id,
        price = excluded.price, currency = excluded.currency, state = excluded.state
"""


async def save_adoptions(tx: Tx, told: Sequence[AdoptionState]) -> None:
    """Adoptions with their listings."""
    adoptions = [(a.adoption_id, a.storefront_id, a.creator_id, a.offer_id, a.state) for a in told]
    listings = [
        (
            *(each.listing_id, a.adoption_id, each.variant_id),
            *((each.price.amount, each.price.currency) if each.price else (None, None)),
            each.state,
        )
        for a in told
        for each in a.listings
    ]
    await tx.execute(_ADOPTIONS, *columns(adoptions, 5))
    await tx.execute(_DROP_LISTINGS, [row[0] for row in adoptions], [row[0] for row in listings])
    await tx.execute(_LISTINGS, *columns(listings, 6))
    await tx.execute(_CHANGED, "adoptions")

"""What other services told: each function mirrors one topic and touches no other topic's table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from services.storefront.domain import Offer
from shared.contracts.catalog import OfferState, ProductState, SupplierState
from shared.contracts.orders.availability import AvailabilityState
from shared.contracts.values import OfferId, OfferVersion
from shared.kernel.database import Tx, columns


def _listed(values: Sequence[str]) -> str:
    """A list as JSON text: in an array of arrays the driver would see one array of two dimensions."""
    return json.dumps(values)


_UPSERT_SUPPLIERS = """
    INSERT INTO suppliers (supplier_id, name, regions, cod_allowed)
    SELECT id, name, regions::jsonb, cod
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[]) AS s (id, name, regions, cod)
     ORDER BY id
    ON CONFLICT (supplier_id) DO UPDATE
       SET name = excluded.name, regions = excluded.regions, cod_allowed = excluded.cod_allowed
"""


async def upsert_suppliers(tx: Tx, told: Sequence[SupplierState]) -> None:
    rows = [(each.supplier_id, each.name, _listed(each.regions), each.cod_allowed) for each in told]
    await tx.execute(_UPSERT_SUPPLIERS, *columns(rows, 4))


_UPSERT_PRODUCTS = """
    INSERT INTO products (product_id, supplier_id, state, title, description, kind, media)
    SELECT id, supplier_id, state, title, description, kind, media::jsonb
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
             AS p (id, supplier_id, state, title, description, kind, media)
     ORDER BY id
    ON CONFLICT (product_id) DO UPDATE
       SET supplier_id = excluded.supplier_id, state = excluded.state, title = excluded.title,
           description = excluded.description, kind = excluded.kind, media = excluded.media
"""
_DELETE_VARIANTS = """
    DELETE FROM variants WHERE product_id = ANY ($1::uuid[]) AND NOT variant_id = ANY ($2::uuid[])
"""
_UPSERT_VARIANTS = """
    INSERT INTO variants (variant_id, product_id, spec, list_price, currency)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::jsonb[], $4::bigint[], $5::text[])
             AS v (id, product_id, spec, list_price, currency)
     ORDER BY id
    ON CONFLICT (variant_id) DO UPDATE
       SET product_id = excluded.product_id, spec = excluded.spec, list_price = excluded.list_price,
           currency = excluded.currency
"""


async def upsert_products(tx: Tx, told: Sequence[ProductState]) -> None:
    rows: list[tuple[Any, ...]] = [
        (p.product_id, p.supplier_id, p.state, p.title, p.description, p.kind, _listed(p.media)) for p in told
    ]
    variants: list[tuple[Any, ...]] = [
        (v.variant_id, p.product_id, v.spec, v.list_price.amount, v.list_price.currency)
        for p in told
        for v in p.variants
    ]
    await tx.execute(_UPSERT_PRODUCTS, *columns(rows, 7))
    await tx.execute(_DELETE_VARIANTS, [row[0] for row in rows], [row[0] for row in variants])
    await tx.execute(_UPSERT_VARIANTS, *columns(variants, 5))


_UPSERT_OFFERS = """
    INSERT INTO offers (offer_id, supplier_id, state, variant_ids, adoption, invited, valid_from, valid_until)
    SELECT id, supplier_id, state, variant_ids::jsonb, adoption, invited::jsonb, valid_from, valid_until
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                  $8::timestamptz[])
             AS o (id, supplier_id, state, variant_ids, adoption, invited, valid_from, valid_until)
     ORDER BY id
    ON CONFLICT (offer_id) DO UPDATE
       SET supplier_id = excluded.supplier_id, state = excluded.state, variant_ids = excluded.variant_ids,
           adoption = excluded.adoption, invited = excluded.invited, valid_from = excluded.valid_from,
           valid_until = excluded.valid_until
"""
_DELETE_VERSIONS = "DELETE FROM offer_versions WHERE offer_id = ANY ($1::uuid[])"
_INSERT_VERSIONS = """
    INSERT INTO offer_versions (offer_id, version, terms, effective_from)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::jsonb[], $4::timestamptz[])
"""


async def upsert_offers(tx: Tx, told: Sequence[OfferState]) -> None:
    """Mirror the offers; their rows stay locked, so that an adoption under way ends before or starts after."""
    rows: list[tuple[Any, ...]] = [
        (
            *(o.offer_id, o.supplier_id, o.state, _listed(o.variant_ids), o.adoption, _listed(o.invited)),
            *(o.valid_from, o.valid_until),
        )
        for o in told
    ]
    versions: list[tuple[Any, ...]] = [
        (o.offer_id, v.version, v.terms.model_dump(mode="json"), v.effective_from) for o in told for v in o.versions
    ]
    await tx.execute(_UPSERT_OFFERS, *columns(rows, 8))
    await tx.execute(_DELETE_VERSIONS, [row[0] for row in rows])
    await tx.execute(_INSERT_VERSIONS, *columns(versions, 4))


_UPSERT_AVAILABILITY = """
    INSERT INTO availability (variant_id, available)
    SELECT * FROM unnest($1::uuid[], $2::text[]) AS a (id, available) ORDER BY id
    ON CONFLICT (variant_id) DO UPDATE SET available = excluded.available
"""


async def upsert_availability(tx: Tx, told: Sequence[AvailabilityState]) -> None:
    await tx.execute(_UPSERT_AVAILABILITY, *columns([(each.variant_id, each.available) for each in told], 2))


_SELECT_OFFER = """
    SELECT offer_id, supplier_id, state, variant_ids, adoption, invited, valid_until FROM offers
     WHERE offer_id = $1 FOR SHARE
"""
_SELECT_VERSIONS = """
    SELECT version, terms, effective_from FROM offer_versions WHERE offer_id = $1 ORDER BY version
"""


async def select_offer_for_share(tx: Tx, offer_id: OfferId) -> Offer | None:
    """The offer as it stands; the reaction that would change it waits until this transaction is over."""
    row = await tx.fetchrow(_SELECT_OFFER, offer_id)
    if row is None:
        return None
    versions = tuple(OfferVersion(**version) for version in await tx.fetch(_SELECT_VERSIONS, offer_id))
    listed = {name: tuple(row[name]) for name in ("variant_ids", "invited")}
    return Offer(**{**row, **listed}, versions=versions)

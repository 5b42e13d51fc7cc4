"""Creators and storefronts."""

from __future__ import annotations

from services.storefront.domain import Creator, Storefront
from shared.contracts.values import CreatorId, StorefrontId
from shared.kernel.database import Row, Tx

_INSERT_CREATOR = "INSERT INTO creators (creator_id, name, channel) VALUES ($1, $2, $3)"


async def insert_creator(tx: Tx, creator: Creator) -> None:
    await tx.execute(_INSERT_CREATOR, creator.creator_id, creator.name, creator.channel)


_SELECT_CREATOR = "SELECT creator_id, name, channel FROM creators WHERE creator_id = $1"


async def select_creator(tx: Tx, creator_id: CreatorId) -> Creator | None:
    row = await tx.fetchrow(_SELECT_CREATOR, creator_id)
    return None if row is None else Creator(**row)


# A slug in use inserts nothing, so that the transaction is not aborted and the refusal can say why.
_INSERT_STOREFRONT = """
    INSERT INTO storefronts (storefront_id, creator_id, slug, name) VALUES ($1, $2, $3, $4)
    ON CONFLICT (slug) DO NOTHING RETURNING storefront_id
"""


async def insert_storefront(tx: Tx, shop: Storefront) -> bool:
    """False when the slug is taken."""
    row = (shop.storefront_id, shop.creator_id, shop.slug, shop.name)
    return await tx.fetchval(_INSERT_STOREFRONT, *row) is not None


_SELECT_STOREFRONT = "SELECT storefront_id, creator_id, slug, name FROM storefronts WHERE storefront_id = $1"


async def select_storefront(tx: Tx, storefront_id: StorefrontId) -> Storefront | None:
    return _storefront(await tx.fetchrow(_SELECT_STOREFRONT, storefront_id))


_SELECT_BY_SLUG = "SELECT storefront_id, creator_id, slug, name FROM storefronts WHERE slug = $1"


async def select_storefront_by_slug(tx: Tx, slug: str) -> Storefront | None:
    return _storefront(await tx.fetchrow(_SELECT_BY_SLUG, slug))


def _storefront(row: Row | None) -> Storefront | None:
    return None if row is None else Storefront(**row)

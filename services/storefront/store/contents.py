"""Articles and the listings in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.storefront.domain import Content, Placed
from shared.contracts.values import ContentId, ContentKind, ListingId, StorefrontId
from shared.kernel.database import Tx, columns

_INSERT_CONTENT = """
    INSERT INTO contents (content_id, storefront_id, creator_id, kind, title, body) VALUES ($1, $2, $3, $4, $5, $6)
"""
_INSERT_EMBEDS = """
    INSERT INTO embeds (content_id, position, listing_id)
    SELECT $1, position, listing_id FROM unnest($2::int[], $3::uuid[]) AS e (position, listing_id)
"""


async def insert_content(tx: Tx, new: Content) -> None:
    row = (new.content_id, new.storefront_id, new.creator_id, new.kind, new.title, new.body)
    await tx.execute(_INSERT_CONTENT, *row)
    rows = [(embed.position, embed.listing_id) for embed in new.embeds]
    await tx.execute(_INSERT_EMBEDS, new.content_id, *columns(rows, 2))


_SELECT_CONTENT = """
    SELECT content_id, storefront_id, creator_id, kind, title, body FROM contents
     WHERE storefront_id = $1 AND content_id = $2
"""
_SELECT_EMBEDS = "SELECT position, listing_id FROM embeds WHERE content_id = $1 ORDER BY position"


async def select_content(tx: Tx, storefront_id: StorefrontId, content_id: ContentId) -> Content | None:
    row = await tx.fetchrow(_SELECT_CONTENT, storefront_id, content_id)
    if row is None:
        return None
    embeds = await tx.fetch(_SELECT_EMBEDS, content_id)
    return Content(**row, embeds=tuple(Placed(**embed) for embed in embeds))


@dataclass(frozen=True, slots=True)
class Headline:
    """A piece of content as a shop's page lists it."""

    content_id: ContentId
    kind: ContentKind
    title: str


_SELECT_HEADLINES = """
    SELECT content_id, kind, title FROM contents WHERE storefront_id = $1 ORDER BY content_id DESC LIMIT $2
"""


async def select_contents(tx: Tx, storefront_id: StorefrontId, limit: int) -> list[Headline]:
    """The newest pieces of a storefront."""
    return [Headline(**row) for row in await tx.fetch(_SELECT_HEADLINES, storefront_id, limit)]


_SELECT_OWN = "SELECT listing_id FROM listings WHERE storefront_id = $1 AND listing_id = ANY ($2::uuid[])"


async def select_own_listings(tx: Tx, storefront_id: StorefrontId, listing_ids: Sequence[ListingId]) -> set[ListingId]:
    """Which of these listings belong to the storefront."""
    return {row["listing_id"] for row in await tx.fetch(_SELECT_OWN, storefront_id, list(listing_ids))}

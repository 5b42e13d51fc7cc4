"""What creators write, and where a listing stands in it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from shared.contracts.values import ContentId, ContentKind, CreatorId, ListingId, StorefrontId
from shared.kernel.errors import Rejected


@dataclass(frozen=True, slots=True)
class Placed:
    """A listing at a position of a piece of content."""

    position: int
    listing_id: ListingId


@dataclass(frozen=True, slots=True)
class Content:
    """An article, post, live show or video; `body` is Markdown, as written."""

    content_id: ContentId
    storefront_id: StorefrontId
    creator_id: CreatorId
    kind: ContentKind
    title: str
    body: str
    embeds: tuple[Placed, ...]

    def require_own(self, listings: Collection[ListingId]) -> None:
        """Raise unless every position is used once, and for a listing of the same shop.

        Raises:
            Rejected: `validation_failed`, `unknown_listing`.
        """
        positions = [embed.position for embed in self.embeds]
        if len(set(positions)) < len(positions):
            errors = [{"field": "embeds", "detail": "Each position holds one listing."}]
            raise Rejected("validation_failed", "Correct the fields named in `errors`.", errors=errors)
        for embed in self.embeds:
            if embed.listing_id not in listings:
                raise Rejected(
                    "unknown_listing", "Embed listings of this storefront only.", listing_id=embed.listing_id
                )

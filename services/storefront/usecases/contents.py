"""Creators publish content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.storefront import store
from services.storefront.domain import Content, Placed, Storefront
from services.storefront.usecases.shops import own_storefront
from shared.contracts.event import Cause
from shared.contracts.storefront import ContentPublished, Embed
from shared.contracts.values import ContentId, ContentKind, StorefrontId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class WriteContent:
    """A piece as `party` wrote it for a shop; `body` is Markdown."""

    party: str
    storefront_id: StorefrontId
    kind: ContentKind
    title: str
    body: str
    embeds: Sequence[Placed] = ()


async def publish_content(tx: Tx, command: WriteContent, cause: Cause) -> tuple[Storefront, Content]:
    """Publish a piece with listings in it; gives the shop it stands in, too.

    Raises:
        Rejected: `not_found`, `validation_failed`, `unknown_listing`.
    """
    shop = await own_storefront(tx, command.party, command.storefront_id)
    content = Content(
        ContentId(new_id()),
        shop.storefront_id,
        shop.creator_id,
        command.kind,
        command.title,
        command.body,
        tuple(command.embeds),
    )
    wanted = [embed.listing_id for embed in content.embeds]
    content.require_own(await store.select_own_listings(tx, shop.storefront_id, wanted))
    await store.insert_content(tx, content)
    embeds = tuple(Embed(position=each.position, listing_id=each.listing_id) for each in content.embeds)
    told = {name: getattr(content, name) for name in ("content_id", "kind", "title", "body")}
    owner = {"storefront_id": shop.storefront_id, "creator_id": shop.creator_id}
    await outbox.append(tx, [ContentPublished(**told, **owner, embeds=embeds, version=1).at(1, cause)])
    return shop, content

"""Creators join and open shops."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from services.storefront import store
from services.storefront.domain import Creator, Storefront
from shared.contracts.event import Cause
from shared.contracts.storefront import CreatorRegistered, StorefrontOpened
from shared.contracts.values import Channel, CreatorId, StorefrontId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Register:
    """A creator as the operator admits them."""

    name: str
    channel: Channel


async def register_creator(tx: Tx, command: Register, cause: Cause) -> Creator:
    creator = Creator(CreatorId(new_id()), command.name, command.channel)
    await store.insert_creator(tx, creator)
    await outbox.append(tx, [CreatorRegistered(**asdict(creator), version=1).at(1, cause)])
    return creator


@dataclass(frozen=True, slots=True)
class Open:
    """A shop as `party` wants to open it for the creator they are."""

    party: str
    creator_id: CreatorId
    slug: str
    name: str


async def open_storefront(tx: Tx, command: Open, cause: Cause) -> Storefront:
    """Open a creator's shop.

    Raises:
        Rejected: `not_found` for a creator that is unknown or somebody else, `slug_taken`.
    """
    if command.party != command.creator_id or await store.select_creator(tx, command.creator_id) is None:
        raise Rejected("not_found", "There is no such creator; open storefronts with the creator's own token.")
    shop = Storefront(StorefrontId(new_id()), command.creator_id, command.slug, command.name)
    if not await store.insert_storefront(tx, shop):
        raise Rejected("slug_taken", f"{command.slug!r} belongs to another storefront; choose another slug.")
    await outbox.append(tx, [StorefrontOpened(**asdict(shop), version=1).at(1, cause)])
    return shop


async def own_storefront(tx: Tx, party: str, storefront_id: StorefrontId) -> Storefront:
    """The party's own shop. Raises `not_found` for an unknown one and for somebody else's."""
    shop = await store.select_storefront(tx, storefront_id)
    if shop is None or shop.creator_id != party:
        raise Rejected("not_found", "You have no such storefront.")
    return shop

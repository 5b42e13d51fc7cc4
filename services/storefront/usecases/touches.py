"""Arrivals: signed, handed to the visitor's browser, stored nowhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from services.storefront import store
from services.storefront.domain import Storefront, Touch
from shared.contracts.values import ContentId, EntryPoint, GroupId, StorefrontId, TouchId
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Arrive:
    """How a viewer came, and in front of what they stand."""

    entry_point: EntryPoint
    viewer_ref: str
    content_id: ContentId | None = None
    position: int | None = None
    group_id: GroupId | None = None
    shared_by: str | None = None


def issue_touch(shop: Storefront, arrival: Arrive, valid_seconds: float) -> Touch:
    """A new arrival at a shop, now."""
    now = int(time.time())
    return Touch(
        touch_id=TouchId(new_id()),
        storefront_id=shop.storefront_id,
        creator_id=shop.creator_id,
        issued_at=now,
        expires_at=now + int(valid_seconds),
        entry_point=arrival.entry_point,
        viewer_ref=arrival.viewer_ref,
        content_id=arrival.content_id,
        position=arrival.position,
        group_id=arrival.group_id,
        shared_by=arrival.shared_by,
    )


def carry_on(touch: Touch, viewer_ref: str, valid_seconds: float, content_id: ContentId | None) -> Touch:
    """The touch as it goes on inside the shop, now perhaps in front of an article.

    The same viewer's arrival stays the same one. A link that another viewer follows was passed on: that
    is an arrival of its own by the same way.
    """
    if content_id is not None and content_id != touch.content_id:
        touch = replace(touch, content_id=content_id, position=None)
    if touch.viewer_ref == viewer_ref:
        return touch
    now = int(time.time())
    touch = replace(touch, issued_at=now, expires_at=now + int(valid_seconds))
    return replace(touch, touch_id=TouchId(new_id()), viewer_ref=viewer_ref)


async def arrive(tx: Tx, storefront_id: StorefrontId, arrival: Arrive, valid_seconds: float) -> Touch:
    """A touch that a client asked for.

    Raises:
        Rejected: `not_found` for a storefront, or a content of that storefront, that does not exist.
    """
    shop = await store.select_storefront(tx, storefront_id)
    if shop is None:
        raise Rejected("not_found", "There is no such storefront.")
    if arrival.content_id and await store.select_content(tx, storefront_id, arrival.content_id) is None:
        raise Rejected("not_found", "The storefront has no such content.")
    return issue_touch(shop, arrival, valid_seconds)

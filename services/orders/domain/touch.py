"""How a buyer came, as the storefront signed it: checked here without asking anyone.

A token is `v1.<key id>.<payload>.<signature>`: payload and signature in base64url without padding, the signature
HMAC-SHA256 over everything before its dot. Keys are lines `<key id>:<base64url>`; any of them may have signed.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson

from shared.contracts.values import ContentId, CreatorId, EntryPoint, GroupId, StorefrontId, TouchId
from shared.kernel.errors import Rejected

VERSION = "v1"

Keys = Mapping[str, bytes]  # secrets by key id: two while one rotates
TouchState = Literal["accepted", "expired"]


class Touch(NamedTuple):
    """One arrival at a storefront; `expires` is in unix seconds."""

    touch_id: TouchId
    storefront_id: StorefrontId
    creator_id: CreatorId
    entry_point: EntryPoint
    expires: int
    content_id: ContentId | None = None
    position: int | None = None
    group_id: GroupId | None = None
    shared_by: str | None = None


class Origin(NamedTuple):
    """What an order says of how its buyer came; `referrer` is who shared the link, if not the creator itself."""

    entry_point: EntryPoint = "direct"
    content_id: ContentId | None = None
    position: int | None = None
    group_id: GroupId | None = None
    touch_id: TouchId | None = None
    referrer: str | None = None
    touch: TouchState | None = None


def origin_of(token: str | None, storefront_id: StorefrontId, keys: Keys, now: datetime) -> Origin:
    """Where the buyer came from; an expired touch counts as `direct` and says so.

    Raises:
        Rejected: `touch_invalid` for one that is forged, or another storefront's.
    """
    if token is None:
        return Origin()
    touch = read_touch(token, keys)
    if touch.storefront_id != storefront_id:
        raise Rejected("touch_invalid", "This touch belongs to another storefront; send this one's, or none.")
    if touch.expires <= now.timestamp():
        return Origin(touch="expired")
    return Origin(
        entry_point=touch.entry_point,
        content_id=touch.content_id,
        position=touch.position,
        group_id=touch.group_id,
        touch_id=touch.touch_id,
        referrer=None if touch.shared_by == touch.creator_id else touch.shared_by,
        touch="accepted",
    )


def read_touch(token: str, keys: Keys) -> Touch:
    """The touch in a token that one of `keys` signed. Raises `touch_invalid`."""
    signed, _, signature = token.rpartition(".")
    version, _, rest = signed.partition(".")
    key_id, _, payload = rest.partition(".")
    key = keys.get(key_id)
    if version != VERSION or key is None or not hmac.compare_digest(_sign(key, signed), signature.encode()):
        raise _invalid()
    try:
        return _touch(orjson.loads(_decode(payload)))
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise _invalid() from None


def parse_keys(text: str) -> Keys:
    """Keys from the secret file's lines `<key id>:<base64url>`."""
    pairs = (line.partition(":") for line in text.split())
    return {key_id: _decode(secret) for key_id, _, secret in pairs if secret}


def _sign(key: bytes, signed: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key, signed.encode(), "sha256")).rstrip(b"=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _touch(payload: dict[str, Any]) -> Touch:
    return Touch(
        touch_id=payload["tid"],
        storefront_id=payload["sf"],
        creator_id=payload["cr"],
        entry_point=payload["ep"],
        expires=int(payload["exp"]),
        content_id=payload.get("ct"),
        position=payload.get("pos"),
        group_id=payload.get("grp"),
        shared_by=payload.get("by"),
    )


def _invalid() -> Rejected:
    return Rejected("touch_invalid", "This touch was not signed by a storefront; send it as it was given, or none.")

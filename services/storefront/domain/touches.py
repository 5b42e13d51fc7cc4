"""Touches: one arrival of a buyer, signed, so that orders can check who brought them without asking anyone.

    v1.<key id>.<payload>.<HMAC-SHA256 of "v1.<key id>.<payload>">

Payload and MAC are base64url without padding; the payload is JSON with the keys `tid` touch, `sf` storefront, `cr`
creator, `ep` entry point, `ct` content, `pos` position, `grp` group, `by` shared by, `vw` viewer, `iat` and `exp` in
unix seconds; what does not apply is left out. Keys are lines `<key id>:<base64url of 32 bytes>`, the newest
first: it signs, all of them verify.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from shared.contracts.values import ContentId, CreatorId, EntryPoint, GroupId, StorefrontId, TouchId

MAX_CHARACTERS = 2_048  # ours have 500; a longer one is not worth decoding


@dataclass(frozen=True, slots=True)
class Touch:
    """One arrival: whose shop, by which way, in front of which content; times in unix seconds."""

    touch_id: TouchId
    storefront_id: StorefrontId
    creator_id: CreatorId
    entry_point: EntryPoint
    viewer_ref: str
    issued_at: int
    expires_at: int
    content_id: ContentId | None = None
    position: int | None = None
    group_id: GroupId | None = None
    shared_by: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has expired."""
        return self.expires_at <= time.time()


_NAMES = {
    "touch_id": "tid",
    "storefront_id": "sf",
    "creator_id": "cr",
    "entry_point": "ep",
    "content_id": "ct",
    "position": "pos",
    "group_id": "grp",
    "shared_by": "by",
    "viewer_ref": "vw",
    "issued_at": "iat",
    "expires_at": "exp",
}


@dataclass(frozen=True, slots=True)
class TouchKeys:
    """The secrets that touches are signed with, by key id; `current` signs."""

    current: str
    keys: Mapping[str, bytes]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the lines of the file `touch_keys`. Raises `ValueError` when there is no usable line."""
        pairs = [line.strip().partition(":") for line in text.split() if line.strip()]
        keys = {key_id: _decode(secret) for key_id, _, secret in pairs}
        if not keys or not all(keys.values()):
            raise ValueError("touch_keys holds no `<key id>:<base64url>` lines: `wanpu keys init` makes the file")
        return cls(next(iter(keys)), keys)

    def sign(self, touch: Touch) -> str:
        """The touch as a token."""
        claims = {short: getattr(touch, name) for name, short in _NAMES.items() if getattr(touch, name) is not None}
        payload = _encode(json.dumps(claims, separators=(",", ":"), ensure_ascii=False).encode())
        signed = f"v1.{self.current}.{payload}"
        return f"{signed}.{_encode(self._mac(self.current, signed))}"

    def read(self, token: str) -> Touch | None:
        """The touch in a token, expired or not; None when it is forged."""
        signed, _, mac = token.rpartition(".")
        version, _, rest = signed.partition(".")
        key_id, _, payload = rest.partition(".")
        if len(token) > MAX_CHARACTERS or version != "v1" or key_id not in self.keys:
            return None
        if not hmac.compare_digest(_encode(self._mac(key_id, signed)).encode(), mac.encode()):
            return None
        claims: dict[str, Any] = json.loads(_decode(payload))
        return Touch(**{name: claims[short] for name, short in _NAMES.items() if short in claims})

    def seal(self, purpose: str, text: str) -> str:
        """A MAC that proves we wrote `text` for `purpose` (a cookie, an order's page); never valid as a touch."""
        return self._seal_by(self.current, purpose, text)

    def is_sealed(self, purpose: str, text: str, seal: str) -> bool:
        """Whether one of the keys made this seal."""
        given = seal.encode()
        return any(hmac.compare_digest(self._seal_by(key_id, purpose, text).encode(), given) for key_id in self.keys)

    def _seal_by(self, key_id: str, purpose: str, text: str) -> str:
        return _encode(self._mac(key_id, f"seal.{purpose}.{text}"))

    def _mac(self, key_id: str, text: str) -> bytes:
        return hmac.new(self.keys[key_id], text.encode(), hashlib.sha256).digest()


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""

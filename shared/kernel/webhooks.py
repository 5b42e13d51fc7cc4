"""Calls signed by a party outside: Standard Webhooks (id, timestamp, HMAC-SHA256), five minutes, keys that rotate.

A key is text as the specification writes it: base64 of the secret, with or without the prefix `whsec_`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

from shared.kernel.errors import Rejected

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
KEY_BYTES = 32  # the specification asks for 24 to 64
WINDOW_SECONDS = 300  # the specification's: older, or further ahead, is a replay or a wrong clock


def new_key() -> str:
    """A fresh random key, as it is given to both sides."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def sign(keys: Sequence[str], body: bytes, message_id: str, at: datetime | None = None) -> dict[str, str]:
    """The three headers for `body`, signed with every key, so that the receiver may know either.

    `message_id` identifies the call over its retries; `at` is now unless told.
    """
    moment = at or datetime.now(UTC)
    signatures = (Webhook(key).sign(message_id, moment, body.decode()) for key in keys)
    return {ID: message_id, TIMESTAMP: str(int(moment.timestamp())), SIGNATURE: " ".join(signatures)}


def verify(keys: Sequence[str], headers: Mapping[str, str], body: bytes) -> str:
    """Check the signature against each key that is valid now and return the call's id.

    Raises:
        Rejected: `signature_invalid` for a forged, stale or unsigned call; it does not say which.
    """
    given = {name: headers.get(name, "") for name in (ID, TIMESTAMP, SIGNATURE)}
    if not any(_matches(key, given, body) for key in keys):
        raise _invalid()
    return given[ID]


def _invalid() -> Rejected:
    return Rejected("signature_invalid", "The webhook signature is missing, forged or older than five minutes.")


class Streamed:
    """The signature of a body that is too large to be held: made while it passes.

    What can be known before the body (headers, the time, a key) is refused before it is read.
    """

    def __init__(self, keys: Sequence[str], headers: Mapping[str, str]) -> None:
        """Raises `signature_invalid`."""
        self.message_id, sent_at = headers.get(ID, ""), headers.get(TIMESTAMP, "")
        self._given = [part[3:] for part in headers.get(SIGNATURE, "").split() if part.startswith("v1,")]
        if not (self.message_id and self._given and _is_recent(sent_at)):
            raise _invalid()
        begin = f"{self.message_id}.{int(sent_at)}.".encode()
        self._running = [hmac.new(secret, begin, hashlib.sha256) for secret in map(_secret, keys) if secret]
        if not self._running:
            raise _invalid()

    def update(self, chunk: bytes) -> None:
        """Let the body's next piece pass."""
        for each in self._running:
            each.update(chunk)

    def verify(self) -> str:
        """The call's id. Raises `signature_invalid` when no valid key has signed what passed."""
        made = [base64.b64encode(each.digest()) for each in self._running]
        if not any(hmac.compare_digest(one, given.encode()) for one in made for given in self._given):
            raise _invalid()
        return self.message_id


def _is_recent(sent_at: str) -> bool:
    return sent_at.isascii() and sent_at.isdigit() and abs(time.time() - int(sent_at)) <= WINDOW_SECONDS


def _secret(key: str) -> bytes:
    """The key's bytes; none for text that is no key."""
    try:
        return base64.b64decode(key.removeprefix("whsec_"))
    except (binascii.Error, ValueError):
        return b""


def _matches(key: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(key).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: base64, UTF-8 or header syntax of a forger
        return False
    return True

"""Calls signed by a party outside: Standard Webhooks (id, timestamp, HMAC-SHA256), five minutes, keys that rotate.

A key is text as the specification writes it: base64 of the secret, with or without the prefix `whsec_`.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

from shared.kernel.errors import Rejected

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
KEY_BYTES = 32  # the specification asks for 24 to 64


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
        raise Rejected("signature_invalid", "The webhook signature is missing, forged or older than five minutes.")
    return given[ID]


def _matches(key: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(key).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # ValueError: base64, UTF-8 or header syntax of a forger
        return False
    return True

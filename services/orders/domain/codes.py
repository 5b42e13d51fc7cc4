"""Numbers and codes people see: the order's number, the one-time code, the signature in a `pay_url`."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime

from shared.contracts.values import Money, OrderId, PaymentId

CODE_DIGITS = 6
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U: they are misread on the telephone
_NUMBER_LETTERS = 10  # 50 random bits: of 5 million orders a day two share a number once in 90 days


def order_no(order_id: OrderId, placed_at: datetime) -> str:
    """A number people can read out, such as `261122-7K3M9-QXT4A`: the day (UTC) and the id's random end."""
    rest, letters = uuid.UUID(order_id).int, ""
    for _ in range(_NUMBER_LETTERS):
        rest, place = divmod(rest, len(_LETTERS))
        letters += _LETTERS[place]
    return f"{placed_at:%y%m%d}-{letters[:5]}-{letters[5:]}"


def new_code() -> str:
    """A one-time code for the buyer's phone."""
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def pay_url(base: str, key: str, payment_id: PaymentId, due: Money, expires_at: datetime) -> str:
    """Where the buyer pays, built without a call.

    `sig` is the hex HMAC-SHA256 of `{payment_id}.{amount}.{currency}.{expires}` with the key's text as UTF-8;
    `expires` is in unix seconds.
    """
    expires = int(expires_at.timestamp())
    signed = f"{payment_id}.{due.amount}.{due.currency}.{expires}"
    signature = hmac.new(key.encode(), signed.encode(), hashlib.sha256).hexdigest()
    query = f"amount={due.amount}&currency={due.currency}&expires={expires}&sig={signature}"
    return f"{base.rstrip('/')}/pay/{payment_id}?{query}"

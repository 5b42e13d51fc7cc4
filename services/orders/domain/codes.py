"""Numbers and codes people see: the order's number, the one-time code, the signature in a `pay_url`."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime

from shared.contracts.values import Money, OrderId, PaymentId

CODE_DIGITS = 6
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # without I, L, O, U: they are misread on the telephone
_PAIRS = [second + first for first in _LETTERS for second in _LETTERS]
_NUMBER_LETTERS = 10  # 50 random bits: of 5 million orders a day two share a number once in 90 days


def order_no(order_id: OrderId, placed_at: datetime) -> str:
    """A number people can read out, such as `261122-7K3M9-QXT4A`: the day (UTC) and the id's random end."""
    rest = int(order_id[-12:], 16) | int(order_id[-17:-13], 16) << 48  # its last 64 bits
    letters = "".join([_PAIRS[rest >> 10 * place & 1_023] for place in range(_NUMBER_LETTERS // 2)])
    day = f"{placed_at.year % 100:02}{placed_at.month:02}{placed_at.day:02}"
    return f"{day}-{letters[:5]}-{letters[5:]}"


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
    signature = hmac.digest(key.encode(), signed.encode(), "sha256").hex()
    query = f"amount={due.amount}&currency={due.currency}&expires={expires}&sig={signature}"
    return f"{base.rstrip('/')}/pay/{payment_id}?{query}"

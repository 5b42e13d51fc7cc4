"""Orders' rules, a subject a module; and the codes it refuses with."""

from __future__ import annotations

from collections.abc import Mapping

from services.orders.domain import lifecycle, payouts, refunds

CODES: Mapping[str, int] = {
    **lifecycle.CODES,
    **refunds.CODES,
    **payouts.CODES,
    "unknown_listing": 422,
    "touch_invalid": 422,
    "slot_invalid": 422,
    "price_below_floor": 422,
    "split_exceeds_line": 422,
    "price_changed": 409,
    "out_of_stock": 409,
    "slot_full": 409,
    "cod_not_available": 409,
    "region_not_served": 409,
    "limit_exceeded": 409,
    "settlement_changed": 409,
    "settlement_differs": 422,
    "unknown_payment": 422,
}

# What was decided under an Idempotency-Key: replayed, not decided again.
STORED = frozenset({"out_of_stock", "price_changed", "slot_full", "cod_not_available", "limit_exceeded"})

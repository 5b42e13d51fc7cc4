"""The catalog needs nobody's facts to decide; time alone makes it act."""

from __future__ import annotations

from services.catalog.usecases import offers
from shared.kernel.delivery import Router


def reactions() -> Router:
    """What the worker does."""
    react = Router("catalog")
    react.timer(offers.EXPIRY, do=offers.end_expired)
    return react

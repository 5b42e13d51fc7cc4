"""One purchase told from end to end: where the recorded example of each event comes from.

Two pieces of tea, found in an article, bought cash on delivery, and what else might have happened to them.
To record a new event, tell it here with its class and run `make contracts`.
"""

from __future__ import annotations

from typing import Any

from shared.contracts import Event

from . import catalog, logistics, orders, settlement, storefront
from .telling import message

TOLD: tuple[Event, ...] = (*catalog.TOLD, *storefront.TOLD, *orders.TOLD, *logistics.TOLD, *settlement.TOLD)
_BY_CLASS = {type(event): event for event in TOLD}


def message_of(event: type[Event]) -> dict[str, Any] | None:
    """The message that is recorded for an event: topic, key, headers, body; None when the story does not tell it."""
    told = _BY_CLASS.get(event)
    return message(told) if told else None

"""The published language: every event that crosses a service's border, and the topics they travel on."""

from __future__ import annotations

from types import ModuleType

from . import catalog, logistics, orders, storefront
from .event import Event, Topic

_OWNERS = (catalog, storefront, orders, logistics)


def _events(owner: ModuleType) -> list[type[Event]]:
    """The events a module declares; a class without a `type` of its own is what several events share."""
    declared = [thing for thing in vars(owner).values() if isinstance(thing, type) and issubclass(thing, Event)]
    return [event for event in declared if "type" in vars(event)]


ALL_EVENTS: tuple[type[Event], ...] = tuple(event for owner in _OWNERS for event in _events(owner))
TOPICS: tuple[Topic, ...] = tuple(
    thing for owner in _OWNERS for thing in vars(owner).values() if isinstance(thing, Topic)
)
BY_TYPE: dict[str, type[Event]] = {event.type: event for event in ALL_EVENTS}


def told_by(owner: str) -> tuple[type[Event], ...]:
    """The events on the topics of one service, which alone tells them."""
    return tuple(event for event in ALL_EVENTS if event.topic.owner == owner)


__all__ = ["ALL_EVENTS", "BY_TYPE", "TOPICS", "Event", "Topic", "told_by"]

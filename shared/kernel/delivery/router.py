"""Which event leads to which use case: a service's `consumers.py` fills one of these, one line a reaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from shared.contracts.event import Event, Topic
from shared.kernel import timers
from shared.kernel.database import Tx

E = TypeVar("E", bound=Event)
Reaction = Callable[[Tx, Sequence[Any]], Awaitable[None]]


class Mode(Enum):
    """What a subscription does with an event that does not follow the last one of its stream.

    LATEST (mirrors of another's state): applied if newer than what is stored, else dropped; a hole is counted.
    EVERY (what adds up or triggers): it waits for those before it; behind a dead letter the whole stream waits.
    """

    LATEST = "latest"
    EVERY = "every"


@dataclass(slots=True)
class Subscription:
    """One topic as one service reads it; its group, and the consumer named in dead letters, is `service.topic`."""

    service: str
    topic: Topic
    mode: Mode
    reactions: dict[str, Reaction] = field(default_factory=dict)
    events: dict[str, type[Event]] = field(default_factory=dict)

    @property
    def group(self) -> str:
        return f"{self.service}.{self.topic.name}"


class Router:
    """The reactions of one service, by topic; and its timers."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.subscriptions: dict[str, Subscription] = {}
        self.timers: dict[str, timers.Reaction] = {}

    def every(self, *events: type[E], do: Callable[[Tx, Sequence[E]], Awaitable[None]]) -> None:
        """React to each of these events once, in the order of its stream."""
        self._add(Mode.EVERY, events, do)

    def latest(self, *events: type[E], do: Callable[[Tx, Sequence[E]], Awaitable[None]]) -> None:
        """Mirror the state that each of these events carries; older than what was seen is dropped."""
        self._add(Mode.LATEST, events, do)

    def timer(self, kind: str, do: timers.Reaction) -> None:
        """React to timers of this kind when they are due by the database's clock."""
        self.timers[kind] = do

    def _add(self, mode: Mode, events: Sequence[type[Event]], do: Reaction) -> None:
        for event in events:
            topic = event.topic
            if topic.readers and self.service not in topic.readers:
                raise ValueError(f"{topic.name} is restricted to {', '.join(topic.readers)}")
            subscription = self.subscriptions.setdefault(topic.name, Subscription(self.service, topic, mode))
            if subscription.mode is not mode:
                raise ValueError(f"{topic.name} is read as {subscription.mode.value}: a topic has one mode a service")
            if event.type in subscription.reactions:
                raise ValueError(f"{event.type} has a reaction already: one use case may call another")
            subscription.reactions[event.type] = do
            subscription.events[event.type] = event

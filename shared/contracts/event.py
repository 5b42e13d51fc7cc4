"""What every published event has in common: its topic, its type, its place in a stream, its cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr

PARTITIONS = 12  # never changed in place: a key would move to another partition and lose its order
KEEP_FOR_EVER = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: who writes it, what its key is, how long it is kept.

    `readers` restricts a topic to the services named; empty means that anyone may subscribe.
    """

    name: str
    owner: str
    key: str
    retention_days: int = KEEP_FOR_EVER
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an event happened: what it inherits from the request or the event that led to it."""

    causation_id: str | None = None
    correlation_id: str | None = None
    traceparent: str | None = None
    loadtest: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels in the headers beside a received event (CloudEvents 1.0 binary mode)."""

    id: str
    time: datetime
    source: str
    position: int
    cause: Cause


_Place = tuple[int, Cause, Envelope | None]
_NOWHERE: _Place = (0, Cause(), None)


class Event(BaseModel):
    """A past fact, published once per position of its stream; the stream is (topic, key).

    A subclass names its `topic`, its `type` (`wanpu.<owner>.<Name>.v<N>`) and gives its fields. The key
    is the field that `topic.key` names. Readers ignore fields they do not know, so a field may be added.

    A body's field whose name an event uses for itself (`cause`, `position`) has another name in Python and
    keeps its own in JSON, by an alias.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        serialize_by_alias=True,
        validate_by_alias=True,
        validate_by_name=True,
        defer_build=True,  # a process reads and tells a few of all the events: the others' validators are never made
    )

    topic: ClassVar[Topic]
    type: ClassVar[str]

    # Position, cause and envelope in one: each private attribute costs every event 1 µs, and a plain default a copy.
    _place: _Place = PrivateAttr(default_factory=lambda: _NOWHERE)

    @property
    def key(self) -> str:
        return str(getattr(self, self.topic.key))

    @property
    def position(self) -> int:
        """1, 2, 3 … in the stream; 0 until `at` has said it."""
        return self._place[0]

    @property
    def cause(self) -> Cause:
        """Why this event happened."""
        return self._place[1]

    @property
    def envelope(self) -> Envelope:
        """The headers this event was received with. Raises `LookupError` on one that was not received."""
        if (envelope := self._place[2]) is None:
            raise LookupError(f"{self.type} was made here, not received")
        return envelope

    def at(self, position: int, because: Cause | Event) -> Self:
        """Give a new event its position (the `events` counter of the locked row) and its cause."""
        cause = because.as_cause() if isinstance(because, Event) else because
        self._place = (position, cause, self._place[2])
        return self

    def as_cause(self) -> Cause:
        """This received event as the cause of what follows from it."""
        origin = self.envelope
        return Cause(
            causation_id=origin.id,
            correlation_id=origin.cause.correlation_id or origin.id,
            traceparent=origin.cause.traceparent,
            loadtest=origin.cause.loadtest,
        )

    def received(self, envelope: Envelope) -> Self:
        """Attach the headers that came with it."""
        self._place = (envelope.position, envelope.cause, envelope)
        return self

    @classmethod
    def dataschema(cls) -> str:
        """Path of the committed JSON Schema, relative to `shared/contracts/schemas`."""
        _, owner, name, version = cls.type.split(".")
        return f"{owner}/{name}.{version}.json"

    def payload(self) -> dict[str, Any]:
        """The body as JSON-ready values."""
        return self.model_dump(mode="json")

"""The public topics, read from their beginning as any other team would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from shared.contracts import TOPICS
from shared.contracts.event import Topic
from shared.kernel.kafka import read_all
from wanpu.demo.client import Json


@dataclass(frozen=True, slots=True)
class Told:
    """An event as it lies in its topic; `position` in its stream."""

    event_id: str
    at: datetime
    type: str
    topic: str
    position: int
    because: str | None
    body: Json

    @property
    def name(self) -> str:
        return self.type.split(".")[2]

    @property
    def service(self) -> str:
        return self.type.split(".")[1]


async def told(bootstrap: str, topics: Sequence[Topic] = TOPICS) -> list[Told]:
    """Every event of these topics, once each, by time; records that are no events are passed over."""
    events: dict[str, Told] = {}
    async for record in read_all(bootstrap, [topic.name for topic in topics]):
        if event := _event(record):
            events.setdefault(event.event_id, event)
    return sorted(events.values(), key=lambda event: (event.at, event.event_id))


def _event(record: Any) -> Told | None:
    try:
        headers = {name: value.decode() for name, value in record.headers}
        at, because = datetime.fromisoformat(headers["ce_time"]), headers.get("ce_causationid")
        position, body = int(headers["ce_aggregateversion"]), orjson.loads(record.value)
        return Told(headers["ce_id"], at, headers["ce_type"], record.topic, position, because, body)
    except (LookupError, ValueError, AttributeError):  # what a stranger wrote: no headers, no text, no JSON
        return None

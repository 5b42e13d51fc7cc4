"""Ids, times and headers of the story: the same on every run, so that a recording can be repeated."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.event import Cause, Event
from shared.contracts.values import Money

_BEGIN = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)  # ten in the morning where the story happens


def after(minutes: float) -> datetime:
    """A time of the story, counted from its beginning."""
    return _BEGIN + timedelta(minutes=minutes)


def named(name: str) -> str:
    """The id of something in the story: a UUIDv7 that is always the same for the same name."""
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:10])
    moment = int(_BEGIN.timestamp() * 1000) << 80
    return str(uuid.UUID(int=(moment | digest) & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)))


def cny(minor: int) -> Money:
    """So many fen."""
    return Money(amount=minor, currency="CNY")


def because(cause: str) -> Cause:
    """The cause of an event: the message or the request named, inside the one trace of the story."""
    trace = hashlib.sha256(b"the story").hexdigest()
    return Cause(named(cause), named("the first request"), f"00-{trace[:32]}-{trace[32:48]}-01")


def message(event: Event) -> dict[str, Any]:
    """The event as a subscriber receives it: CloudEvents headers in binary mode, and the body."""
    cause = event.cause
    headers = {
        "ce_specversion": "1.0",
        "ce_id": named(event.type),
        "ce_type": event.type,
        "ce_source": f"wanpu.{event.topic.owner}",
        "ce_subject": event.key,
        "ce_time": after(0).isoformat(),
        "ce_aggregateversion": str(event.position),
        "content-type": "application/json",
        "ce_causationid": cause.causation_id,
        "ce_correlationid": cause.correlation_id,
        "traceparent": cause.traceparent,
        "ce_dataschema": event.dataschema(),
    }
    return {"topic": event.topic.name, "key": event.key, "headers": headers, "body": event.payload()}

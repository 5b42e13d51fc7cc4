"""A Kafka record as it arrived, read without trusting any part of it."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from shared.contracts.event import Cause, Envelope, Event
from shared.kernel.delivery.router import Subscription
from shared.kernel.ids import VERSION_7

TEXT_CHARACTERS = 255  # of a key or a type: far above ours, far below what an index entry can hold


class Record(Protocol):
    """What the wrapper needs of a broker's record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


class Fault(Exception):
    """The record can't take effect, now or later: its text is the cause an operator reads."""


@dataclass(slots=True)
class Arrived:
    """A record with what could be read of it; `fault` says why it can't take effect, `event` is what it says.

    `event` is None for a type that this service passes over, whose position counts all the same, and for a
    discarded position (`skipped`). `waited`: it comes from the table, not from the broker.
    `held`: its stream stood still before it.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    stream: str | None = None
    position: int | None = None
    event_id: str | None = None
    type: str | None = None
    event: Event | None = None
    fault: str | None = None
    skipped: bool = False
    waited: bool = False
    held: bool = False

    def place(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


def read(record: Record, subscription: Subscription) -> Arrived:
    """Read a record as far as it can be read; never raises."""
    arrived = Arrived(
        record.topic, record.partition, record.offset, record.key, record.value, tuple(record.headers or ())
    )
    try:
        _read_stream(arrived)
        _read_event(arrived, subscription)
    except Fault as fault:
        arrived.fault = str(fault)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        arrived.fault = (
            f"{arrived.type} does not fit its schema: {where}: {first['msg']} ({error.error_count()} faults)"
        )
    return arrived


def _read_stream(arrived: Arrived) -> None:
    """Key, id and position: what decides where in its stream a record stands."""
    if arrived.key is None:
        raise Fault("no key")
    arrived.stream = _text(arrived.key, "key")
    headers = _headers(arrived)
    arrived.type = _text((headers.get("ce_type") or "").encode(), "ce_type") or None
    arrived.event_id = headers.get("ce_id")
    arrived.position = _position(headers.get("ce_aggregateversion"))
    if arrived.event_id is None or arrived.type is None or arrived.position is None:
        missing = [
            name
            for name, value in (
                ("ce_id", arrived.event_id),
                ("ce_type", arrived.type),
                ("ce_aggregateversion", arrived.position),
            )
            if value is None
        ]
        raise Fault(f"no {', '.join(missing)} in the headers")
    if not _is_uuid7(arrived.event_id):
        raise Fault(f"ce_id {arrived.event_id!r} is not a UUIDv7")
    if broken := [name for name, value in headers.items() if value is None]:
        raise Fault(f"header {broken[0]} is null or not UTF-8")


def _read_event(arrived: Arrived, subscription: Subscription) -> None:
    model = subscription.events.get(arrived.type or "")
    if model is None:
        _refuse_unknown_major(arrived.type or "", subscription)
        return
    if arrived.value is None:
        raise Fault("no body")
    event = model.model_validate_json(arrived.value)
    if event.key != arrived.stream:
        raise Fault(f"the body is about {event.key}, the key says {arrived.stream}")
    arrived.event = event.received(_envelope(arrived))


def _refuse_unknown_major(type_: str, subscription: Subscription) -> None:
    """Another type is passed over, but a version of a known event that this service can't read is a fault."""
    stem, _, version = type_.rpartition(".")
    known = [name for name in subscription.events if name.rpartition(".")[0] == stem]
    if known and int(version.lstrip("v") or 0) > max(int(name.rpartition(".v")[2]) for name in known):
        raise Fault(f"{type_}: this service reads {', '.join(known)}")


def _envelope(arrived: Arrived) -> Envelope:
    headers = _headers(arrived)
    try:
        time = datetime.fromisoformat(headers.get("ce_time") or "")
    except ValueError as error:
        raise Fault(f"ce_time {headers.get('ce_time')!r} is not a time") from error
    cause = Cause(
        causation_id=headers.get("ce_causationid"),
        correlation_id=headers.get("ce_correlationid"),
        traceparent=headers.get("traceparent"),
        loadtest=headers.get("ce_loadtest") == "true",
    )
    assert arrived.event_id is not None and arrived.position is not None
    return Envelope(arrived.event_id, time, headers.get("ce_source") or "", arrived.position, cause)


def _headers(arrived: Arrived) -> dict[str, str | None]:
    headers: dict[str, str | None] = {}
    for name, value in arrived.headers:
        try:
            headers[name] = None if value is None else value.decode()
        except UnicodeDecodeError:
            headers[name] = None
    return headers


def _text(value: bytes, what: str) -> str:
    """Text that a column can hold."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Fault(f"the {what} is not UTF-8") from error
    if len(text) > TEXT_CHARACTERS or "\x00" in text:
        raise Fault(f"the {what} is longer than {TEXT_CHARACTERS} characters or holds a NUL")
    return text


def _position(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and 0 < int(value) < 2**63 else None


def _is_uuid7(value: str) -> bool:
    try:
        return uuid.UUID(value).version == VERSION_7
    except ValueError:
        return False


def pack_headers(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, Any]:
    """Headers as JSON, byte for byte, also those that are null or no text; an object, for a list in an array of
    jsonb would be taken for a second dimension."""
    pairs = [
        [name.replace("\x00", "\\0"), None if value is None else base64.b64encode(value).decode()]
        for name, value in headers
    ]
    return {"pairs": pairs}


def unpack_headers(packed: Mapping[str, Any]) -> list[tuple[str, bytes | None]]:
    """The reverse of `pack_headers`."""
    return [(name, None if value is None else base64.b64decode(value)) for name, value in packed["pairs"]]

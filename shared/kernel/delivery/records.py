"""A Kafka record as it arrived, read without trusting any part of it."""

from __future__ import annotations

import base64
import contextlib
import re
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

Headers = Mapping[str, str | None]  # None: null, or not UTF-8
_UUID7 = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


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
        headers = _headers(arrived)
        _read_stream(arrived, headers)
        _read_event(arrived, headers, subscription)
    except Fault as fault:
        arrived.fault = str(fault)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        arrived.fault = (
            f"{arrived.type} does not fit its schema: {where}: {first['msg']} ({error.error_count()} faults)"
        )
    return arrived


def _read_stream(arrived: Arrived, headers: Headers) -> None:
    """Key, id and position: what decides where in its stream a record stands."""
    if arrived.key is None:
        raise Fault("no key")
    arrived.stream = _text(arrived.key, "key")
    arrived.type = _short(headers.get("ce_type") or "", "ce_type") or None
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
    if not _UUID7.fullmatch(arrived.event_id):
        arrived.event_id = _canonical_uuid7(arrived.event_id)
    if None in headers.values():
        broken = next(name for name, value in headers.items() if value is None)
        raise Fault(f"header {broken} is null or not UTF-8")


def _read_event(arrived: Arrived, headers: Headers, subscription: Subscription) -> None:
    model = subscription.events.get(arrived.type or "")
    if model is None:
        _refuse_unknown_major(arrived.type or "", subscription)
        return
    if arrived.value is None:
        raise Fault("no body")
    event = model.model_validate_json(arrived.value)
    if event.key != arrived.stream:
        raise Fault(f"the body is about {event.key}, the key says {arrived.stream}")
    arrived.event = event.received(_envelope(arrived, headers))


def _refuse_unknown_major(type_: str, subscription: Subscription) -> None:
    """Another type is passed over, but a version of a known event that this service can't read is a fault."""
    stem, _, version = type_.rpartition(".")
    known = [name for name in subscription.events if name.rpartition(".")[0] == stem]
    if known and int(version.lstrip("v") or 0) > max(int(name.rpartition(".v")[2]) for name in known):
        raise Fault(f"{type_}: this service reads {', '.join(known)}")


def _envelope(arrived: Arrived, headers: Headers) -> Envelope:
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


def _headers(arrived: Arrived) -> Headers:
    try:
        return {name: value.decode() if value is not None else None for name, value in arrived.headers}
    except UnicodeDecodeError:
        return {name: _text_or_none(value) for name, value in arrived.headers}


def _text_or_none(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _text(value: bytes, what: str) -> str:
    """Text that a column can hold."""
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        raise Fault(f"the {what} is not UTF-8") from error
    return _short(text, what)


def _short(text: str, what: str) -> str:
    if len(text) > TEXT_CHARACTERS or "\x00" in text:
        raise Fault(f"the {what} is longer than {TEXT_CHARACTERS} characters or holds a NUL")
    return text


def _position(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and 0 < int(value) < 2**63 else None


def _canonical_uuid7(value: str) -> str:
    """The form in which the database gives an id back, of one that came in capitals or without dashes."""
    with contextlib.suppress(ValueError):
        if (found := uuid.UUID(value)).version == VERSION_7:
            return str(found)
    raise Fault(f"ce_id {value!r} is not a UUIDv7")


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

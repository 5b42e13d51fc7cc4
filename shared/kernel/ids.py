"""Identifiers: UUIDv7 for what is made, UUIDv5 for what follows from an event and must come out the same twice."""

from __future__ import annotations

import time
import uuid

import uuid_utils

VERSION_7 = 7
_NAMESPACE = uuid.UUID("6f1d1a0e-7c53-5f0a-9d3b-2a6c4b1f8e57")  # ours alone: any fixed value, never changed


def new_id() -> str:
    """A UUIDv7 as text: sorts by the time it was made."""
    return str(uuid_utils.uuid7())


def derived_id(cause_id: str, purpose: str) -> str:
    """The UUIDv5 of a cause and a purpose: applying the same event again makes the same id."""
    return str(uuid.uuid5(_NAMESPACE, f"{cause_id}/{purpose}"))


def age_seconds(identifier: str) -> float | None:
    """How old a UUIDv7 says it is; `None` for anything that is not a UUIDv7."""
    try:
        value = uuid.UUID(identifier)
    except ValueError:
        return None
    return time.time() - (value.int >> 80) / 1000 if value.version == VERSION_7 else None


def is_uuid(text: str) -> bool:
    """Whether a text is an id as the database writes it."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False

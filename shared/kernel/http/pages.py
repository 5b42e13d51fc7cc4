"""Lists in pages: an opaque cursor, at most a hundred at a time."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from shared.kernel.errors import Rejected

T = TypeVar("T")

MAX_ITEMS = 100
_CHECK_BYTES = 4  # a checksum, no signature: it tells a typo from a cursor, and what a cursor opens anyone may ask for


class Listed(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None

    @model_serializer(mode="wrap")
    def _with_next_cursor(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), "next_cursor": self.next_cursor}


@dataclass(frozen=True, slots=True)
class PageAsked:
    """What the caller asked for: `limit` items after the position `after` (None: from the start)."""

    limit: int = 50
    after: str | None = None

    @property
    def fetch(self) -> int:
        """How many rows to read: one more than shown, which tells whether another page follows."""
        return self.limit + 1

    def of(self, rows: Sequence[T], position: Callable[[T], str]) -> Listed[T]:
        """The page out of `fetch` rows; `position` is what the store orders by."""
        shown = list(rows[: self.limit])
        more = len(rows) > self.limit
        return Listed(items=shown, next_cursor=cursor(position(shown[-1])) if more else None)


def cursor(position: str) -> str:
    """A position as opaque text."""
    raw = position.encode()
    return base64.urlsafe_b64encode(zlib.crc32(raw).to_bytes(_CHECK_BYTES, "big") + raw).decode().rstrip("=")


def position(text: str) -> str:
    """The position in a cursor. Raises `cursor_invalid` for text that we did not give out."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, found = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if zlib.crc32(found).to_bytes(_CHECK_BYTES, "big") == check:
            return found.decode()
    except (binascii.Error, ValueError):
        pass
    raise Rejected("cursor_invalid", "Use the `next_cursor` of the page before, or leave it out.")


def _asked(
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 50,
) -> PageAsked:
    return PageAsked(limit, position(cursor) if cursor else None)


# A list's parameters, as a route declares them: `page: Page`.
Page = Annotated[PageAsked, Depends(_asked)]

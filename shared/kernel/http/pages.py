"""Lists in pages: an opaque cursor, at most a hundred at a time."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

from shared.kernel.errors import Rejected

T = TypeVar("T")

MAX_ITEMS = 100
# A checksum over the list's address too, no signature: it tells a typo, or another list's cursor, from one of its own.
# What a cursor opens its caller may ask for anyway.
_CHECK_BYTES = 4


class Listed(BaseModel, Generic[T]):
    """One page; `next_cursor` is null on the last."""

    items: list[T]
    next_cursor: str | None = None

    @model_serializer(mode="wrap")
    def _with_next_cursor(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {**handler(self), "next_cursor": self.next_cursor}


@dataclass(frozen=True, slots=True)
class PageAsked:
    """What the caller asked of the list at `path`: `limit` items after the position `after` (None: from the start)."""

    path: str = ""
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
        return Listed(items=shown, next_cursor=cursor(self.path, position(shown[-1])) if more else None)


def cursor(path: str, position: str) -> str:
    """A position in the list at `path` as opaque text."""
    raw = position.encode()
    return base64.urlsafe_b64encode(_check(path, raw) + raw).decode().rstrip("=")


def position(path: str, text: str) -> str:
    """The position in a cursor of the list at `path`. Raises `cursor_invalid` for text that it did not give out."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        check, found = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        if check == _check(path, found):
            return found.decode()
    except (binascii.Error, ValueError):
        pass
    raise Rejected("cursor_invalid", "Use the `next_cursor` of the page before, or leave it out.")


def _check(path: str, raw: bytes) -> bytes:
    return zlib.crc32(path.lower().encode() + b"\0" + raw).to_bytes(_CHECK_BYTES, "big")


def _asked(
    request: Request,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ITEMS)] = 50,
) -> PageAsked:
    path = request.url.path
    return PageAsked(path, limit, position(path, cursor) if cursor else None)


# A list's parameters, as a route declares them: `page: Page`.
Page = Annotated[PageAsked, Depends(_asked)]

"""One keep-alive HTTP/1.1 connection that looks at no more of an answer than it must."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Final, Protocol, cast

from load.run import UNKNOWN, Shot, Shown

CONNECT_SECONDS: Final = 5.0  # one attempt
RECONNECT_SECONDS: Final = 0.1  # between two attempts: a process that starts again needs a second or two

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)

Address = tuple[str, int]


class Owner(Protocol):
    """Whom a connection tells."""

    def freed(self, connection: Connection) -> None: ...
    def lost(self, connection: Connection) -> None: ...
    def note(self, shot: Shot, shown: Shown) -> None: ...


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way; it dials again whenever it was lost."""

    def __init__(self, owner: Owner, address: Address) -> None:
        self.owner = owner
        self.address = address
        self.shot: Shot | None = None
        self.due_at = self.sent_at = 0.0
        self._transport: asyncio.Transport | None = None
        self._read = b""

    async def dial(self) -> None:
        """Try until it stands."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                await asyncio.wait_for(loop.create_connection(lambda: self, *self.address), CONNECT_SECONDS)
                return
            except (OSError, TimeoutError):
                await asyncio.sleep(RECONNECT_SECONDS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._read = b""
        self.owner.freed(self)

    def send(self, shot: Shot, due_at: float) -> None:
        """Only when nothing is under way."""
        self.shot, self.due_at, self.sent_at = shot, due_at, time.monotonic()
        assert self._transport is not None
        self._transport.write(shot.request)

    def data_received(self, data: bytes) -> None:
        read = self._read = self._read + data if self._read else data
        end = read.find(b"\r\n\r\n") + 4
        if end == 3:
            return
        length = _LENGTH.search(read, 0, end)
        if length is None or self.shot is None:  # not from a server of ours: nothing more here can be trusted
            self.abort()
        elif len(read) >= (whole := end + int(length[1])):
            self._read = b""
            self._answered(read[:end], read[end:whole])

    def _answered(self, head: bytes, body: bytes) -> None:
        status = int(head[9:12])
        after = _RETRY_AFTER.search(head) if status >= 400 else None
        self._end(status, body, int(after[1]) if after else None)
        if _CLOSING.search(head):
            self.abort()
        else:
            self.owner.freed(self)

    def _end(self, status: int, body: bytes | None = None, retry_after: int | None = None) -> None:
        shot, self.shot = self.shot, None
        assert shot is not None
        ended = time.monotonic()
        self.owner.note(shot, Shown(shot.tag, status, self.due_at, self.sent_at, ended, body, retry_after))

    def give_up(self) -> None:
        """What is under way ends now, unknown."""
        if self.shot:
            self._end(UNKNOWN)
        self.abort()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        if self.shot:
            self._end(UNKNOWN)
        self.owner.lost(self)

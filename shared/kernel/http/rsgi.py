"""An ASGI application behind an RSGI server: granian speaks one of the two on a port, and we need both there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, MutableMapping
from typing import Any
from typing import Protocol as Shape
from urllib.parse import quote

from starlette.types import ASGIApp, Receive

Headers = list[tuple[str, str]]


class RsgiHeaders(Shape):
    """What granian says of a request's headers: names in lower case, values that are no UTF-8 left out."""

    def get(self, name: str) -> str | None: ...
    def items(self) -> Iterable[tuple[str, str]]: ...


class Scope(Shape):
    """A request's first lines (RSGI 1.5)."""

    proto: str
    http_version: str
    method: str
    path: str  # decoded
    query_string: str
    scheme: str
    server: str
    client: str
    headers: RsgiHeaders


class Stream(Shape):
    """An answer that goes out in pieces."""

    async def send_bytes(self, data: bytes) -> None: ...


class Protocol(Shape):
    """The request's body, whole by a call or in pieces by iteration, and the ways to answer."""

    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    async def client_disconnect(self) -> None: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...
    def response_stream(self, status: int, headers: Headers) -> Stream: ...


async def serve_asgi(app: ASGIApp, scope: Scope, protocol: Protocol) -> None:
    """Hand one request on to an ASGI application."""
    await app(_asgi_scope(scope), _receive(protocol), _Sender(protocol).send)


def _asgi_scope(scope: Scope) -> MutableMapping[str, Any]:
    return {
        "type": "http",
        # From 2.4 on nobody listens for the caller's going away while an answer streams: granian's future can't be
        # cancelled, and the answer would never end.
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": scope.http_version,
        "method": scope.method,
        "scheme": scope.scheme,
        "path": scope.path,
        "raw_path": quote(scope.path).encode(),
        "query_string": scope.query_string.encode("latin-1", "replace"),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode()) for name, value in scope.headers.items()],
        "client": _address(scope.client),
        "server": _address(scope.server),
        "state": {},
    }


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port or 0)


def _receive(protocol: Protocol) -> Receive:
    """The body's pieces, then the caller's going away."""
    chunks = aiter(protocol)
    whole = False

    async def receive() -> MutableMapping[str, Any]:
        nonlocal whole
        if whole:
            await protocol.client_disconnect()
            return {"type": "http.disconnect"}
        try:  # not `anext` with a default: on granian's iterator it ends the process by a segmentation fault
            return {"type": "http.request", "body": await anext(chunks), "more_body": True}
        except StopAsyncIteration:
            whole = True
            return {"type": "http.request", "body": b"", "more_body": False}

    return receive


class _Sender:
    """An answer in one piece goes out in one piece."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._status = 0
        self._headers: Headers = []
        self._stream: Stream | None = None

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message.get("headers", ())]
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._stream is None and not more:
            self._protocol.response_bytes(self._status, self._headers, bytes(body))
            return
        if self._stream is None:
            self._stream = self._protocol.response_stream(self._status, self._headers)
        if body:
            await self._stream.send_bytes(bytes(body))
        if not more:
            self._stream = None  # the answer ends when nobody holds it

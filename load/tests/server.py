"""A tiny HTTP server that answers as each test wants: split, late, never."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from load.wire import Address

Answering = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


def answer(status: int = 201, body: bytes = b"{}", *more: str) -> bytes:
    """An HTTP answer with its length."""
    head = "\r\n".join((f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *more))
    return head.encode() + b"\r\n\r\n" + body


async def says_yes(_request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(answer())


@asynccontextmanager
async def serving(answering: Answering, port: int = 0) -> AsyncIterator[Address]:
    """A server on loopback; each request is one head with its body, `content-length` given."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                await answering(head + await reader.readexactly(length), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writers.discard(writer)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        host, found = server.sockets[0].getsockname()
        yield host, found
    finally:
        server.close()
        for writer in tuple(writers):
            writer.transport.abort()
        await server.wait_closed()

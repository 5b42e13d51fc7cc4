"""Bodies too large to be held: written to a temporary file while they are hashed and their signature is made."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from typing import IO

from fastapi import Request

from shared.kernel.errors import Rejected
from shared.kernel.http.bodies import within
from shared.kernel.webhooks import Streamed

HELD_BYTES = 1 << 20  # smaller bodies never see the disk


@dataclass(frozen=True, slots=True)
class Spooled:
    """A body in a file of its own, which is gone when the request has been answered; `digest` is its SHA-256."""

    file: IO[bytes]
    digest: bytes
    size: int


def check_media_type(request: Request, wanted: str) -> None:
    """Raises `unsupported_media_type`; a body that does not say what it is, is taken for what is wanted."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in ("", wanted):
        raise Rejected("unsupported_media_type", f"Send `content-type: {wanted}`.")


async def spool(request: Request, limit: int, signature: Streamed | None = None) -> Spooled:
    """The request's body; `body_too_large` when there are more than `limit` bytes, of which nothing is kept."""
    file = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - the edge closes it
    digest = hashlib.sha256()
    try:
        async for chunk in within(request.stream(), request.headers.get("content-length", ""), limit):
            file.write(chunk)
            digest.update(chunk)
            if signature:
                signature.update(chunk)
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    return Spooled(file, digest.digest(), size)

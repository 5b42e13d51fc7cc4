"""Signed calls to the platform (Standard Webhooks), tried again until they are taken."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
MOST_TRIES = 200  # half an hour of a platform that is away; a real party gives up after days
CALL_SECONDS = 10.0

log = logging.getLogger(__name__)


class SignedCalls:
    """Calls of one party to one service; `keys` are read anew for each call."""

    def __init__(
        self,
        base_url: str,
        keys: Callable[[], Sequence[str]],
        *,
        pace: float = 1.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=CALL_SECONDS, transport=transport)
        self._keys = keys
        self._pace = pace

    async def once(self, path: str, call_id: str, body: Mapping[str, Any]) -> httpx.Response:
        """One attempt. Raises `httpx.HTTPError` when nobody answers."""
        content = json.dumps(body, ensure_ascii=False).encode()
        return await self._client.post(path, content=content, headers=self._headers(call_id, content))

    async def until_taken(self, path: str, call_id: str, body: Mapping[str, Any]) -> int:
        """Repeat the call under its id until it is answered 2xx; returns the last status, 0 when nobody answered."""
        pause, status = FIRST_PAUSE_SECONDS * self._pace, 0
        for _ in range(MOST_TRIES):
            status = await self._status(path, call_id, body)
            if 200 <= status < 300:
                return status
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        log.error("call %s to %s was never taken: last answer %s", call_id, path, status or "none")
        return status

    async def close(self) -> None:
        await self._client.aclose()

    async def _status(self, path: str, call_id: str, body: Mapping[str, Any]) -> int:
        try:
            answer = await self.once(path, call_id, body)
        except httpx.HTTPError as error:
            log.info("call %s to %s: %r, trying again", call_id, path, error)
            return 0
        if not answer.is_success:
            log.info("call %s to %s: %s %s, trying again", call_id, path, answer.status_code, answer.text[:200])
        return answer.status_code

    def _headers(self, call_id: str, content: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        signatures = (Webhook(key).sign(call_id, now, content.decode()) for key in self._keys())
        return {
            "content-type": "application/json",
            "webhook-id": call_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

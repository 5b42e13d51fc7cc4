"""Calls to the platform, signed (Standard Webhooks) or with a token, tried again until they are taken."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
MOST_TRIES = 200  # half an hour of a platform that is away; a real party gives up after days
CALL_SECONDS = 10.0

log = logging.getLogger(__name__)


Authorise = Callable[[str, bytes], Mapping[str, str]]  # (call id, body) → the headers that say who calls


@dataclass(frozen=True, slots=True)
class Document:
    """A body that is no JSON, with the headers that say what it is."""

    content: bytes
    headers: Mapping[str, str]


Body = Mapping[str, Any] | Document


def signed(keys: Callable[[], Sequence[str]]) -> Authorise:
    """As a party with webhook keys signs: by each of them; they are read anew for each call."""

    def headers(call_id: str, content: bytes) -> Mapping[str, str]:
        now = datetime.now(UTC)
        signatures = (Webhook(key).sign(call_id, now, content.decode()) for key in keys())
        return {
            "webhook-id": call_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    return headers


def with_token(token: Callable[[], str]) -> Authorise:
    """As a clerk with a bearer token asks; the call's id keeps it from taking effect twice."""
    return lambda call_id, _: {"authorization": f"Bearer {token()}", "idempotency-key": call_id}


class Calls:
    """Calls of one party to one service."""

    def __init__(
        self,
        base_url: str,
        authorise: Authorise,
        *,
        pace: float = 1.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(base_url=base_url, timeout=CALL_SECONDS, transport=transport)
        self._authorise = authorise
        self._pace = pace

    async def once(self, path: str, call_id: str, body: Body) -> httpx.Response:
        """One attempt. Raises `httpx.HTTPError` when nobody answers."""
        sent = body if isinstance(body, Document) else _json(body)
        headers = {**sent.headers, **self._authorise(call_id, sent.content)}
        return await self._client.post(path, content=sent.content, headers=headers)

    async def until_taken(self, path: str, call_id: str, body: Body) -> httpx.Response | None:
        """Repeat the call under its id until it is answered 2xx; returns the last answer, None when nobody answered."""
        pause, answer = FIRST_PAUSE_SECONDS * self._pace, None
        for _ in range(MOST_TRIES):
            answer = await self._try(path, call_id, body)
            if answer is not None and answer.is_success:
                return answer
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        log.error("call %s to %s was never taken: last answer %s", call_id, path, status_of(answer) or "none")
        return answer

    async def close(self) -> None:
        await self._client.aclose()

    async def _try(self, path: str, call_id: str, body: Body) -> httpx.Response | None:
        try:
            answer = await self.once(path, call_id, body)
        except httpx.HTTPError as error:
            log.info("call %s to %s: %r, trying again", call_id, path, error)
            return None
        if not answer.is_success:
            log.info("call %s to %s: %s %s, trying again", call_id, path, answer.status_code, answer.text[:200])
        return answer


def status_of(answer: httpx.Response | None) -> int:
    """An answer's status; 0 when nobody answered."""
    return answer.status_code if answer is not None else 0


def _json(body: Mapping[str, Any]) -> Document:
    return Document(json.dumps(body, ensure_ascii=False).encode(), {"content-type": "application/json"})

"""The other side of signed calls: checks each signature as the platform does, and remembers what it took."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.calls import Calls, signed
from sandbox.settings import Settings

KEY = "whsec_" + "c2FuZGJveC1rZXktb2YtMzItYnl0ZXMtZm9yLXRlc3Q="


@dataclass
class Platform:
    """Answers 503 so many times first; `taken` are the calls it answered 2xx, with their ids."""

    refusals: int = 0
    taken: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        Webhook(KEY).verify(body, dict(request.headers), json_parse=False)  # raises on a forged one
        self.tries.append(request.headers["webhook-id"])
        if self.refusals:
            self.refusals -= 1
            return Response(status_code=503)
        self.taken.append((request.url.path, request.headers["webhook-id"], json.loads(body)))
        return Response(status_code=200)

    def calls(self, settings: Settings) -> Calls:
        """What a party calls it with."""
        app = Starlette(routes=[Route("/{path:path}", self.hear, methods=["POST"])])
        transport = httpx.ASGITransport(app)
        return Calls("http://platform", signed(lambda: (KEY,)), pace=settings.sandbox_pace, transport=transport)

    def kinds(self) -> list[str]:
        return [body["kind"] for _, _, body in self.taken]

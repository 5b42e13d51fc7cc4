"""The other side of signed calls: checks each signature as the platform does, and remembers what it took."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.calls import Authorise, Calls, signed, with_token
from sandbox.settings import Settings

TOKEN = "operator-token"
KEY = "whsec_" + "c2FuZGJveC1rZXktb2YtMzItYnl0ZXMtZm9yLXRlc3Q="


@dataclass
class Platform:
    """Answers 503 so many times first; `taken` are the calls it answered 2xx, with their ids."""

    refusals: int = 0
    taken: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)

    async def hear(self, request: Request) -> Response:
        body = await request.body()
        call_id = _admitted(request, body)
        self.tries.append(call_id)
        if self.refusals:
            self.refusals -= 1
            return Response(status_code=503)
        if request.headers["content-type"] == "text/csv":
            said = {"statement_ref": request.headers["statement-ref"], "csv": body.decode()}
            self.taken.append((request.url.path, call_id, said))
            return JSONResponse({"job_id": "job-1"}, 202)
        self.taken.append((request.url.path, call_id, json.loads(body)))
        return Response(status_code=200)

    def calls(self, settings: Settings) -> Calls:
        """What a party calls it with."""
        return self._reached_by(settings, signed(lambda: (KEY,)))

    def clerk(self, settings: Settings) -> Calls:
        """What an operator of a party's own calls it with."""
        return self._reached_by(settings, with_token(lambda: TOKEN))

    def _reached_by(self, settings: Settings, authorise: Authorise) -> Calls:
        app = Starlette(routes=[Route("/{path:path}", self.hear, methods=["POST"])])
        return Calls("http://platform", authorise, pace=settings.sandbox_pace, transport=httpx.ASGITransport(app))

    def kinds(self) -> list[str]:
        return [body["kind"] for _, _, body in self.taken]

    def bodies(self) -> list[dict[str, Any]]:
        return [body for _, _, body in self.taken]


def _admitted(request: Request, body: bytes) -> str:
    """The call's id; raises on one that is forged."""
    if "authorization" in request.headers:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        return request.headers["idempotency-key"]
    Webhook(KEY).verify(body, dict(request.headers), json_parse=False)
    return request.headers["webhook-id"]

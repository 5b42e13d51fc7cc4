"""Around the shop's pages: what a browser may load there, and HEAD as a GET without a body."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGES = "/s/"
ASKED_HEAD = "wanpu.head"  # in the scope: the caller wants the headers only, so nobody arrives

# Suppliers' pictures come from wherever they keep them; nothing else comes from elsewhere, and nothing runs.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self' https: http: data:",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # an address here may hold a visitor's touch
}


class Shield:
    """Pure ASGI, outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PAGES):
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        seen = {**scope, "method": "GET", ASKED_HEAD: True} if head else scope

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            elif head:
                message = {**message, "body": b""}
            await send(message)

        await self._app(seen, receive, guarded)

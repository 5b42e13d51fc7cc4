"""Around every request: its trace, its log context, its metrics, and an answer even to what nobody expected."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kernel import observe

Failed = Callable[..., Any]


class Observed:
    """Pure ASGI, because Starlette's function middleware costs a task and a queue a request."""

    def __init__(self, app: ASGIApp, failed: Failed) -> None:
        self._app = app
        self._failed = failed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        trace, span = observe.start_span(scope["method"], Headers(scope=scope).get("traceparent"))
        scope.setdefault("state", {})["trace"] = trace
        answer = _Answer(send, trace.traceparent)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(trace_id=trace.trace_id):
            try:
                await self._app(scope, receive, answer.send)
            except Exception as error:
                if answer.status:  # half of it is out: only a broken connection tells the caller
                    raise
                await self._failed(error, Request(scope), page=False)(scope, receive, answer.send)
            finally:
                _count(scope, answer.status, time.perf_counter() - started)
                if span:
                    span.end()


class _Answer:
    """Watches the answer go out: notes its status, adds the trace."""

    def __init__(self, send: Send, traceparent: str) -> None:
        self._send = send
        self._traceparent = traceparent
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["traceparent"] = self._traceparent
        await self._send(message)


def _count(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")  # the template: paths themselves are without number
    observe.REQUESTS.labels(scope["method"], route, str(status)).inc()
    observe.DURATION.labels(scope["method"], route).observe(seconds)

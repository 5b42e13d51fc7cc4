"""Routes for the few calls that come by the thousand: RSGI in front, bytes in, bytes out, nothing between.

A swift route is declared like any other, so that OpenAPI, roles and codes are the same; the function behind it takes
an `Ask`. `Front` is the process's RSGI application: swift routes ahead, the ASGI application behind them for the rest.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from shared.contracts.event import Cause
from shared.kernel import observe
from shared.kernel.errors import Rejected
from shared.kernel.http import bodies, problems
from shared.kernel.http.call import Call, Caller, idempotency_key
from shared.kernel.http.edge import JSON, REPLAYED, Edge
from shared.kernel.http.problems import PROBLEM_JSON, Problem
from shared.kernel.http.routes import Route
from shared.kernel.http.rsgi import Protocol, Scope, serve_asgi
from shared.kernel.idempotency import Answer, Key


@dataclass(frozen=True, slots=True)
class Ask:
    """A request whose caller was let in: its body as it came, its Idempotency-Key if it has one."""

    caller: Caller
    cause: Cause
    route: str  # "POST /orders": what keys belong to, beside the party
    raw: bytes
    content_type: str
    key_header: str

    @classmethod
    def of(cls, call: Call, raw: bytes) -> Ask:
        """The same of a call that came through the ASGI application."""
        headers, request = call.request.headers, call.request
        route = f"{request.method} {request.url.path}"
        key_header = headers.get("idempotency-key", "")
        return cls(call.caller, call.cause, route, raw, headers.get("content-type", ""), key_header)

    @property
    def key(self) -> Key:
        """Raises `idempotency_key_required` when it is missing or no printable text."""
        digest = hashlib.sha256(self.raw).digest()
        return Key(self.caller.party, self.route, idempotency_key(self.key_header), digest)


Function = Callable[[Ask], Awaitable[Answer]]
Gate = Callable[[], None]  # raises when no more calls can be taken now


class Swift:
    """One route from bytes to bytes."""

    def __init__(self, route: Route, edge: Edge, function: Function, gate: Gate | None) -> None:
        self._route = route
        self._edge = edge
        self._function = function
        self._gate = gate
        self._seconds = observe.DURATION.labels(route.method, route.path)
        self._counts: dict[int, Any] = {}

    async def serve(self, scope: Scope, protocol: Protocol) -> None:
        """Answer one request."""
        started = time.perf_counter()
        headers = scope.headers
        trace, span = observe.start_span(self._route.method, headers.get("traceparent"))
        try:
            await self._admit(scope, protocol)
            caller = self._edge.door.bearer(self._route, headers.get("authorization"))
            cause = Cause(None, trace.trace_id, trace.traceparent, caller.loadtest)
            raw = await self._read(scope, protocol)
            content_type, key = headers.get("content-type") or "", headers.get("idempotency-key") or ""
            answer = await self._function(Ask(caller, cause, self._route.label, raw, content_type, key))
            status = _respond(protocol, answer, trace.traceparent)
        except Exception as error:
            status = _refuse(protocol, problems.problem_of(error, self._edge.codes), trace)
        self._count(status, time.perf_counter() - started)
        if span:
            span.end()

    async def _admit(self, scope: Scope, protocol: Protocol) -> None:
        """Turn the call away unseen when no more can be taken; unread, its body would end the connection."""
        try:
            if self._gate:
                self._gate()
        except Rejected:
            await self._read(scope, protocol)
            raise

    async def _read(self, scope: Scope, protocol: Protocol) -> bytes:
        limit = self._route.max_body_bytes
        announced = scope.headers.get("content-length")
        if announced is not None and announced.isdigit() and int(announced) <= limit:
            return await protocol()
        return await bodies.read_chunks(protocol, announced or "", limit)

    def _count(self, status: int, seconds: float) -> None:
        counter = self._counts.get(status)
        if counter is None:
            counter = observe.REQUESTS.labels(self._route.method, self._route.path, str(status))
            self._counts[status] = counter
        counter.inc()
        self._seconds.observe(seconds)


def _respond(protocol: Protocol, answer: Answer, traceparent: str) -> int:
    media_type = JSON if answer.status < HTTPStatus.BAD_REQUEST else PROBLEM_JSON
    headers = [("content-type", media_type), ("traceparent", traceparent)]
    if answer.replayed:
        headers.append((REPLAYED, "true"))
    protocol.response_bytes(answer.status, headers, answer.body)
    return answer.status


def _refuse(protocol: Protocol, problem: Problem, trace: observe.Trace) -> int:
    headers = [("content-type", PROBLEM_JSON), ("traceparent", trace.traceparent), *problem.headers.items()]
    protocol.response_bytes(problem.status, headers, problem.body(trace.trace_id))
    return problem.status


class Front:
    """An RSGI application: swift routes by `"POST /orders"`, everything else to the service's ASGI application.

    A route's gate is asked before anything of a call is looked at: who is turned away costs next to nothing.
    """

    def __init__(self, app: FastAPI, functions: Mapping[str, Function], gate: Gate | None = None) -> None:
        edge: Edge = app.state.edge
        routes: Mapping[str, Route] = app.state.routes
        self.app = app
        self._swift = {label: Swift(routes[label], edge, function, gate) for label, function in functions.items()}

    async def __rsgi__(self, scope: Scope, protocol: Protocol) -> None:
        swift = self._swift.get(f"{scope.method} {scope.path}")
        if swift is None:
            await serve_asgi(self.app, scope, protocol)
        else:
            await swift.serve(scope, protocol)

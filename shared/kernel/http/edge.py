"""One request from bytes to bytes: admit, read, parse, run in a transaction, render."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import Request
from pydantic import TypeAdapter
from starlette.responses import Response

from shared.contracts.event import Cause
from shared.kernel import idempotency
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import bodies, problems
from shared.kernel.http.access import Doorkeeper
from shared.kernel.http.call import Call, Reply
from shared.kernel.http.routes import Route
from shared.kernel.http.spool import Spooled, check_media_type, spool
from shared.kernel.idempotency import Answer, Key, Turns
from shared.kernel.observe import Trace

JSON = "application/json"
REPLAYED = "idempotency-replayed"
ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


@dataclass(frozen=True, slots=True)
class Edge:
    """What all routes of a service share; `codes` and `stored` are the service's own."""

    door: Doorkeeper
    codes: Mapping[str, int]
    stored: Collection[str]
    error_page: problems.ErrorPage | None = None
    turns: Turns = field(default_factory=Turns)

    def failed(self, error: Exception, request: Request, *, page: bool) -> Response:
        """The answer to a failure."""
        problem = problems.problem_of(error, self.codes)
        if page and self.error_page:
            return problems.page_response(problem, self.error_page)
        return problem.response(trace_of(request).trace_id)

    def refuse(self, request: Request) -> Callable[[Rejected], Answer]:
        """How a refusal that is to be stored looks."""

        def render(refusal: Rejected) -> Answer:
            problem = problems.of_refusal(refusal, self.codes)
            return Answer(problem.status, problem.body(trace_of(request).trace_id))

        return render


def trace_of(request: Request) -> Trace:
    """The request's trace, set by the outermost middleware."""
    trace: Trace = request.scope["state"]["trace"]
    return trace


class Handler:
    """A route's declaration, looked at once, and its function behind the edge."""

    def __init__(self, route: Route, edge: Edge) -> None:
        self.route = route
        self.edge = edge
        self._call, self._tx = route.name_of(Call), route.name_of(Tx)
        self._body = None if route.body_type in (None, bytes, Spooled) else TypeAdapter[Any](route.body_type)
        self._nothing = bodies.nothing(self._body) if self._body else b""
        self._parameters = frozenset(route.parameters)
        self._wants_bytes = route.body_type is bytes
        answer = route.answer_type
        self._answer = ANYTHING if answer is None else TypeAdapter[Any](answer)

    async def admit(self, request: Request) -> None:
        """Find out who calls, and keep it for the endpoint."""
        _check_address(request)
        caller, webhook_id = await self.edge.door.admit(self.route, request)
        trace = trace_of(request)
        cause = Cause(None, trace.trace_id, trace.traceparent, caller.loadtest)
        request.state.call = Call(request, caller, cause, webhook_id)

    def endpoint(self) -> Callable[..., Awaitable[Response]]:
        """What FastAPI calls: it reads the path and the query by this signature."""

        async def endpoint(request: Request, **given: Any) -> Response:
            return await self._run(request, given)

        request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
        given = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in self.route.given]
        endpoint.__signature__ = inspect.Signature([request, *given])  # type: ignore[attr-defined]
        endpoint.__name__, endpoint.__doc__ = self.route.function.__name__, self.route.function.__doc__
        return endpoint

    async def _run(self, request: Request, given: dict[str, Any]) -> Response:
        call: Call = request.state.call
        raw = b"" if self.route.method == "GET" or self.route.streamed else await self._read(request)
        if self.route.streamed:
            await self._spool(request)
        known = {name: value for name, value in given.items() if name in self._parameters}
        arguments = known | self._arguments(call, raw)
        if self.route.once:
            call.idempotency_key  # noqa: B018 - refuses a request without one before anything is done
        if self._tx is None:
            return self._respond(await self.route.function(**arguments))
        if not self.route.once:
            return self._respond(await call.db.run(lambda tx: self._apply(tx, arguments)))
        return await self._run_once(call, raw, arguments)

    async def _apply(self, tx: Tx, arguments: dict[str, Any]) -> Any:
        assert self._tx is not None
        return await self.route.function(**arguments, **{self._tx: tx})

    async def _run_once(self, call: Call, raw: bytes, arguments: dict[str, Any]) -> Response:
        request = call.request
        digest = hashlib.sha256(raw).digest()
        key = Key(call.party, f"{request.method} {request.url.path}", call.idempotency_key, digest)

        async def do(tx: Tx) -> Answer:
            response = self._respond(await self._apply(tx, arguments))
            return Answer(response.status_code, bytes(response.body))

        async with self.edge.turns.take(key):
            answer = await idempotency.once(call.db, key, do, stored=self.edge.stored, refuse=self.edge.refuse(request))
        return stored_response(answer)

    async def _read(self, request: Request) -> bytes:
        known: bytes | None = getattr(request.state, "raw", None)
        return await bodies.read(request, self.route.max_body_bytes) if known is None else known

    async def _spool(self, request: Request) -> None:
        """A signed body was spooled when its signature was looked at."""
        if getattr(request.state, "spooled", None) is None:
            check_media_type(request, self.route.streamed)
            request.state.spooled = await spool(request, self.route.max_body_bytes)

    def release(self, request: Request) -> None:
        """Give back what a streamed body took."""
        spooled: Spooled | None = getattr(request.state, "spooled", None)
        if spooled is not None:
            spooled.file.close()

    def _arguments(self, call: Call, raw: bytes) -> dict[str, Any]:
        arguments: dict[str, Any] = {self._call: call} if self._call else {}
        if self.route.streamed:
            arguments["body"] = call.request.state.spooled
        elif self._wants_bytes:
            arguments["body"] = raw
        elif self._body and self.route.form:
            arguments["body"] = bodies.parse_form(self._body, raw)
        elif self._body:
            arguments["body"] = bodies.parse_json(
                self._body, raw or self._nothing, call.request.headers.get("content-type", "")
            )
        return arguments

    def _respond(self, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        reply = result if isinstance(result, Reply) else Reply(result, self.route.status)
        if reply.value is None:
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=dict(reply.headers))
        body = self._answer.dump_json(reply.value, exclude_none=True)
        return Response(body, reply.status, dict(reply.headers), JSON)


def _check_address(request: Request) -> None:
    """Refuse NUL, which no text in the database can hold."""
    if "\x00" in request.scope["path"]:
        raise Rejected("not_found", "There is nothing at this address.")
    if b"%00" in request.scope["query_string"]:
        errors = [{"field": "", "detail": "The character NUL is not allowed."}]
        raise Rejected("validation_failed", "Correct the query.", errors=errors)


def stored_response(answer: Answer) -> Response:
    """An answer as it went out, or goes out, under a key."""
    media_type = JSON if answer.status < HTTPStatus.BAD_REQUEST else problems.PROBLEM_JSON
    return Response(answer.body, answer.status, {REPLAYED: "true"} if answer.replayed else {}, media_type)

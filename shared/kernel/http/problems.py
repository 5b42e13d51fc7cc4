"""Every failure as RFC 9457 problem+json: one shape, one place that knows which failure is which status."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, Response

from shared.kernel.database import is_transient
from shared.kernel.errors import Rejected, status_of

PROBLEM_JSON = "application/problem+json"
AWAY_SECONDS = 1  # a restarted database is back in a few seconds; a client that asks each second is no load

log = structlog.get_logger(__name__)

_ROUTER_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure as the caller sees it."""

    status: int
    code: str
    detail: str
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, trace_id: str | None = None) -> bytes:
        """The problem document; what the problem is called cannot be overwritten by `extra`."""
        title = HTTPStatus(self.status).phrase
        fixed = {"type": f"urn:wanpu:problem:{self.code}", "title": title, "status": self.status, "code": self.code}
        said = {"detail": self.detail or title, **({"trace_id": trace_id} if trace_id else {})}
        return orjson.dumps({**self.extra, **fixed, **said}, default=_plain)

    def response(self, trace_id: str | None = None) -> Response:
        """As an answer."""
        return Response(self.body(trace_id), self.status, dict(self.headers), PROBLEM_JSON)


ErrorPage = Callable[[Problem], str]  # HTML of a failure on a page that people open


def page_response(problem: Problem, render: ErrorPage) -> Response:
    """The failure as a page for people."""
    return HTMLResponse(render(problem), problem.status, dict(problem.headers))


def problem_of(error: Exception, codes: Mapping[str, int]) -> Problem:
    """What `error` means for the caller; a bug is logged here and says nothing of its inside."""
    if isinstance(error, Rejected):
        return of_refusal(error, codes)
    if isinstance(error, RequestValidationError):
        return _of_parameters(error)
    if isinstance(error, HTTPException):
        code = _ROUTER_CODES.get(error.status_code, HTTPStatus(error.status_code).phrase.lower().replace(" ", "_"))
        return Problem(error.status_code, code, str(error.detail), headers=error.headers or {})
    if is_transient(error):
        log.warning("the database is away", error=repr(error))
        return Problem(503, "unavailable", "Try again in a moment.", headers={"retry-after": str(AWAY_SECONDS)})
    log.error("a bug", exc_info=error)
    return Problem(500, "internal", "This is our fault; tell us the trace_id.")


def of_refusal(refusal: Rejected, codes: Mapping[str, int]) -> Problem:
    """A refusal with its status and the headers that go with it."""
    try:
        status = status_of(refusal.code, codes)
    except LookupError as unmapped:
        return problem_of(RuntimeError(str(unmapped)), codes)
    extra = {name: value for name, value in refusal.extra.items() if name != "retry_after_seconds"}
    return Problem(status, refusal.code, refusal.detail, extra, _headers(refusal, status))


def _headers(refusal: Rejected, status: int) -> dict[str, str]:
    headers = {}
    if refusal.retry_after_seconds is not None:
        headers["retry-after"] = str(refusal.retry_after_seconds)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="wanpu"'
    return headers


def _of_parameters(error: RequestValidationError) -> Problem:
    faults = error.errors()
    if any(fault["loc"][0] == "path" for fault in faults):  # no id that we gave out looks like that
        return Problem(404, "not_found", "There is nothing at this address.")
    return Problem(
        422, "validation_failed", "Correct the parameters named in `errors`.", {"errors": field_errors(faults)}
    )


def field_errors(faults: Any) -> list[dict[str, str]]:
    """Pydantic's faults as `[{"field": "lines.0.qty", "detail": "…"}]`."""
    return [{"field": _field(fault["loc"]), "detail": fault["msg"].removeprefix("Value error, ")} for fault in faults]


def _field(location: tuple[int | str, ...]) -> str:
    steps = location[1:] if location[:1] in (("query",), ("header",), ("path",)) else location
    return ".".join(map(str, steps))


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    raise TypeError(f"{type(value).__name__} in a refusal's extra is not JSON-ready")

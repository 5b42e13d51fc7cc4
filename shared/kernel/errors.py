"""The three ways work fails: a rule said no, the moment is wrong, or it is a bug (any other exception).

`STATUS` maps the codes every service shares to HTTP. A service maps its own in `services/<service>/domain` (`CODES`)
and gives them to `api(...)`; a refusal whose code nobody mapped is a bug and answers 500.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATUS: Mapping[str, int] = {
    "malformed_json": 400,
    "idempotency_key_required": 400,
    "cursor_invalid": 400,
    "unauthenticated": 401,
    "signature_invalid": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "not_ready": 409,
    "in_progress": 409,
    "illegal_transition": 409,
    "body_too_large": 413,
    "unsupported_media_type": 415,
    "validation_failed": 422,
    "idempotency_key_reused": 422,
    "currency_mismatch": 422,
    "too_many_requests": 429,
    "internal": 500,
    "unavailable": 503,
}


class Rejected(Exception):
    """A rule said no: 4xx problem+json with a stable code at the edge, a dead letter at a consumer.

    `extra` goes into the problem body as it is, so it holds JSON-ready values or pydantic models only.
    """

    def __init__(self, code: str, detail: str = "", **extra: Any) -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.extra = extra

    @property
    def retry_after_seconds(self) -> int | None:
        """When to try again, if trying the same again can succeed."""
        seconds = self.extra.get("retry_after_seconds")
        return seconds if isinstance(seconds, int) else None


class NotReady(Rejected):
    """A well-formed reference to what another service has told, but has not arrived here yet: try again in a second."""

    def __init__(self, detail: str = "It has not arrived here yet; try again in a second.", **extra: Any) -> None:
        super().__init__("not_ready", detail, retry_after_seconds=1, **extra)


class Transient(Exception):
    """A fault that passes by itself (database away, serialisation): the same work, run again, may succeed."""


def status_of(code: str, codes: Mapping[str, int]) -> int:
    """The HTTP status of a refusal: the service's own `codes` first, then `STATUS`; `LookupError` if in neither."""
    status = codes.get(code) or STATUS.get(code)
    if status is None:
        raise LookupError(f"the code {code!r} has no HTTP status: add it to CODES in the service's domain")
    return status

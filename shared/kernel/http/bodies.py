"""Request bodies: counted while they stream, parsed once, strictly."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterable, AsyncIterator
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, TypeAdapter, ValidationError, WithJsonSchema

from shared.kernel.errors import Rejected
from shared.kernel.http.problems import field_errors

T = TypeVar("T")

MAX_BODY_BYTES = 256 * 1024  # a hundred orders fit; more is a mistake or an attack
MAX_FORM_FIELDS = 200
BIGGEST = 2**63 - 1  # a bigint's end: beyond it the database would refuse, as a 500
# What JSON can say and the database can't keep, perhaps: such a body is looked at again.
_SUSPECT = re.compile(rb"\\u0000|[0-9]{19}")


class Body(BaseModel):
    """A request body: no unknown fields, no converted types ("3" is not 3), also in the values it is made of."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _uuid_text(text: str) -> str:
    try:
        return str(uuid.UUID(text)) if len(text) == 36 else _no_uuid()
    except ValueError:
        return _no_uuid()


def _no_uuid() -> str:
    raise ValueError("this is no UUID")


def uuid_text(value: T) -> T:
    """Check an id's text and give it in lower case."""
    return _uuid_text(value) if isinstance(value, str) else value  # type: ignore[return-value]


# An id in a request: UUID text, checked, of the id's own type: `listing_id: Id[ListingId]`.
Id = Annotated[T, AfterValidator(uuid_text), WithJsonSchema({"type": "string", "format": "uuid"})]


def _amount(money: Any) -> int:
    return int(getattr(money, "amount", money))


def above_zero(money: T) -> T:
    """For `Annotated[Money, AfterValidator(above_zero)]`: an amount of at least one minor unit."""
    if _amount(money) <= 0:
        raise ValueError("the amount must be above zero")
    return money


def not_negative(money: T) -> T:
    """For `Annotated[Money, AfterValidator(not_negative)]`: an amount of zero or more."""
    if _amount(money) < 0:
        raise ValueError("the amount must not be negative")
    return money


SPILL_BYTES = 1 << 20  # read past the limit and dropped: an answer sent while a client still writes may never be read


async def read(request: Request, limit: int) -> bytes:
    """The body's bytes; `body_too_large` when there are more than `limit`, of which nothing is kept."""
    return await read_chunks(request.stream(), request.headers.get("content-length", ""), limit)


async def read_chunks(chunks: AsyncIterable[bytes], announced: str, limit: int) -> bytes:
    """The same of any stream, whose length may have been announced."""
    return b"".join([chunk async for chunk in within(chunks, announced, limit)])


async def within(chunks: AsyncIterable[bytes], announced: str, limit: int) -> AsyncIterator[bytes]:
    """A body's chunks as they come; `body_too_large` in the end, or at once, when they are more than `limit` bytes."""
    if announced.isdigit() and int(announced) > limit + SPILL_BYTES:
        raise _too_large(limit)
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit + SPILL_BYTES:
            break
        if size <= limit:
            yield chunk
    if size > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> Rejected:
    return Rejected("body_too_large", f"Send at most {limit} bytes.", limit_bytes=limit)


def nothing(adapter: TypeAdapter[Any]) -> bytes:
    """What no body at all stands for: an empty object, where none of its fields is required."""
    try:
        adapter.validate_json(b"{}")
    except ValidationError:
        return b""
    return b"{}"


def parse_json(adapter: TypeAdapter[Any], raw: bytes, content_type: str) -> Any:
    """The body as the route's model.

    Raises:
        Rejected: `unsupported_media_type`, `malformed_json`, or `validation_failed` with `errors`.
    """
    if content_type and "json" not in content_type.lower():
        raise Rejected("unsupported_media_type", "Send JSON with `content-type: application/json`.")
    try:
        value = adapter.validate_json(raw, strict=True, extra="forbid")
    except ValidationError as error:
        raise _refused(error) from None
    if _SUSPECT.search(raw):
        _check_storable(orjson.loads(raw))
    return value


def _refused(error: ValidationError) -> Rejected:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    if faults[0]["type"] == "json_invalid":
        return Rejected("malformed_json", f"{faults[0]['msg']}.")
    return Rejected("validation_failed", "Correct the fields named in `errors`.", errors=field_errors(faults))


def parse_form(adapter: TypeAdapter[Any], raw: bytes) -> Any:
    """An HTML form as the route's model; its texts become the fields' types. Raises as `parse_json`."""
    try:
        fields = dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS))
        value = adapter.validate_strings(fields, strict=False, extra="forbid")
    except ValidationError as error:
        raise _refused(error) from None
    except ValueError:
        raise Rejected("validation_failed", "This is no HTML form.") from None
    _check_storable(fields)
    return value


def _check_storable(value: Any, path: str = "") -> None:
    """Refuse what JSON can say and the database can't keep: NUL in a text, an integer beyond a bigint."""
    match value:
        case dict():
            for name, inner in value.items():
                _check_storable(inner, f"{path}.{name}")
        case list():
            for place, inner in enumerate(value):
                _check_storable(inner, f"{path}.{place}")
        case str() if "\x00" in value:
            _refuse(path, "The character NUL is not allowed.")
        case int() | float() if abs(value) > BIGGEST:
            _refuse(path, "The number is too large.")


def _refuse(path: str, detail: str) -> None:
    errors = [{"field": path.lstrip("."), "detail": detail}]
    raise Rejected("validation_failed", "Correct the fields named in `errors`.", errors=errors)

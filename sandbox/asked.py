"""Bodies that callers send to a party: checked by a model, refused with the field that is wrong."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request


class Asked(BaseModel):
    """A request's body; unknown fields are refused, so that a typing error does not go unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


A = TypeVar("A", bound=Asked)


async def read(request: Request, model: type[A]) -> A:
    """The body as `model`. Raises `HTTPException` 422 with the first fault."""
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "body"
        raise HTTPException(422, f"{where}: {fault['msg']}") from error

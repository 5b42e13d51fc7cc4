"""The OpenAPI document of what the edge really does: request and answer schemas, who may call, every problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, TypeAdapter

from shared.kernel.http.problems import PROBLEM_JSON
from shared.kernel.http.routes import Route
from shared.kernel.http.spool import Spooled

_REF = "#/components/schemas/{model}"
_FORM = "application/x-www-form-urlencoded"
_SECURITY_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "EdDSA; claims role, party, exp",
    },
    "webhook": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "Standard Webhooks: HMAC-SHA256 over webhook-id, webhook-timestamp and the body",
    },
}
_KEY_PARAMETER = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "The same when you try again: the first answer is replayed for 7 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}


class FieldError(BaseModel):
    """One field that was refused."""

    field: str
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457; some codes add fields of their own."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str | None = None
    errors: list[FieldError] | None = None


def describe(app: FastAPI, routes: Sequence[Route]) -> dict[str, Any]:
    """The document: FastAPI's paths and parameters, with what our routes declare put in."""
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas, components = _schemas(routes)
    for route in routes:
        operation = document["paths"][route.path][route.method.lower()]
        operation |= _operation(route, operation, schemas)
    parts = document.setdefault("components", {})
    parts["schemas"] = components
    parts["securitySchemes"] = _SECURITY_SCHEMES
    return document


Schemas = dict[tuple[str, str], dict[str, Any]]


def _schemas(routes: Sequence[Route]) -> tuple[Schemas, dict[str, Any]]:
    wanted = list(_wanted(routes))
    found, definitions = TypeAdapter.json_schemas(wanted, ref_template=_REF)
    return {key: dict(schema) for key, schema in found.items()}, definitions.get("$defs", {})


def _wanted(routes: Sequence[Route]) -> Iterable[tuple[str, Any, TypeAdapter[Any]]]:
    yield "problem", "serialization", TypeAdapter(ProblemDocument)
    for route in routes:
        if (body := route.takes or route.body_type) not in (None, bytes, Spooled):
            yield route.label, "validation", TypeAdapter(body)
        if route.answer_type is not None:
            yield route.label, "serialization", TypeAdapter(route.answer_type)


def _operation(route: Route, operation: dict[str, Any], schemas: Schemas) -> dict[str, Any]:
    said: dict[str, Any] = {"responses": _responses(route, schemas), "security": _security(route)}
    if route.access.roles:
        said["x-roles"] = sorted(route.access.roles)
    if route.once:
        said["parameters"] = [*operation.get("parameters", []), _KEY_PARAMETER]
    if route.streamed:
        said["requestBody"] = {"required": True, "content": {route.streamed: {"schema": {"type": "string"}}}}
    elif route.body_type is bytes and route.takes is None:
        said["requestBody"] = {"required": True, "content": {"*/*": {"schema": {"type": "string"}}}}
    elif route.body_type is not None:
        schema = schemas[route.label, "validation"]
        said["requestBody"] = {
            "required": True,
            "content": {_FORM if route.form else "application/json": {"schema": schema}},
        }
    return said


def _security(route: Route) -> list[dict[str, list[str]]]:
    bearer: list[dict[str, list[str]]] = [{"bearer": []}] if route.access.roles else []
    return [*bearer, {"webhook": []}] if route.access.signed_by else bearer


def _responses(route: Route, schemas: Schemas) -> dict[str, Any]:
    problem = {"description": "Problem", "content": {PROBLEM_JSON: {"schema": schemas["problem", "serialization"]}}}
    return {str(route.status): _success(route, schemas), "4XX": problem, "5XX": problem}


def _success(route: Route, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.get((route.label, "serialization"))
    if route.page:
        return {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
    return {"description": "Done", **({"content": {"application/json": {"schema": schema}}} if schema else {})}

"""`/docs`: the OpenAPI document for a reader, rendered here, so that no page needs a script from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#222}
h2{font:600 1rem ui-monospace,monospace;margin:2rem 0 .25rem;padding-top:.5rem;border-top:1px solid #ddd}
b{color:#06c}table{border-collapse:collapse;margin:.25rem 0}td{padding:0 1rem 0 0;vertical-align:top}
code{font-size:.9em}p{margin:.25rem 0}.who{color:#666}
"""


def docs_page(described: Callable[[], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    """The handler of `/docs`."""

    async def show(_: Request) -> Response:
        return HTMLResponse("".join(_page(described())))

    return show


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(document["info"]["title"])
    yield f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    yield f"<h1>{title}</h1><p>The whole, for tools: <a href=/openapi.json>openapi.json</a>."
    yield "<p>Failures are problem+json with a <code>code</code>."
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield f"<h2><b>{method.upper()}</b> {escape(path)}</h2>"
            yield from _operation(operation, schemas)


def _operation(operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    yield f"<p>{escape(operation.get('description') or operation.get('summary', ''))}"
    yield f"<p class=who>{escape(_who(operation))}"
    names = [parameter["name"] for parameter in operation.get("parameters", [])]
    if names:
        yield f"<p>Parameters: <code>{escape(', '.join(names))}</code>"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield _fields("Body", content["schema"], schemas)
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            if status.startswith("2") and media_type == "application/json":
                yield _fields(f"Answer {status}", content["schema"], schemas)


def _who(operation: dict[str, Any]) -> str:
    ways = [f"as {', '.join(operation['x-roles'])}"] if "x-roles" in operation else []
    if {"webhook": []} in operation["security"]:
        ways.append("signed")
    return f"Called {' or '.join(ways) or 'by anyone'}."


def _fields(title: str, schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    known = schemas.get(_name(schema), schema)
    required = known.get("required", [])
    rows = (
        f"<tr><td><code>{escape(name)}{'' if name in required else '?'}</code><td>{escape(_kind(field))}"
        for name, field in known.get("properties", {}).items()
    )
    return f"<p>{title}: <code>{escape(_kind(schema))}</code><table>{''.join(rows)}</table>"


def _kind(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return _name(schema)
    if "items" in schema:
        return f"{_kind(schema['items'])}[]"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(map(_kind, schema["anyOf"]))
    return str(schema.get("format") or schema.get("const") or schema.get("type", "any"))


def _name(schema: dict[str, Any]) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]

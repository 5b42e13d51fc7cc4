"""`wanpu settings`: docs/settings.md, made from the settings classes and the comments beside their fields."""

from __future__ import annotations

import ast
import inspect
import json
import tokenize
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from pydantic_settings import BaseSettings

from shared.embedded.process import StackError

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
BEGIN, END = "<!-- made by `make contracts` from here on -->\n", "<!-- to here -->\n"

app = typer.Typer(no_args_is_help=True, help="The page of all settings: write it, or check it.")


def page(text: str) -> str:
    """The page as it should be: its tables as the classes have them, the words before and after them as they are."""
    from sandbox.settings import Settings as Sandbox
    from services.catalog.settings import Settings as Catalog
    from services.logistics.settings import Settings as Logistics
    from services.orders.settings import Settings as Orders
    from services.storefront.settings import Settings as Storefront
    from shared.kernel.settings import ServiceSettings

    parts = [_section("Every service", ServiceSettings)]
    parts += [_section(each.service.title(), each) for each in (Catalog, Storefront, Orders, Logistics)]
    parts.append(_section("The sandbox", Sandbox))
    return "\n".join([text.partition(BEGIN)[0] + BEGIN, *parts, END + text.partition(END)[2]])


def _section(title: str, settings: type[BaseSettings]) -> str:
    said = _comments(settings)
    fields = settings.model_json_schema()["properties"]
    rows = [_row(name, fields[name], comment, settings) for name, comment in said.items()]
    return "\n".join([f"## {title}\n", "| variable | type | default | |", "| --- | --- | --- | --- |", *rows, ""])


def _row(name: str, schema: Mapping[str, Any], comment: str, settings: type[BaseSettings]) -> str:
    if not comment:
        raise StackError(f"{settings.__module__} does not say what {name} is: in a comment on its line or above it")
    field = settings.model_fields[name]
    default = field.get_default(call_default_factory=True)
    shown = default if isinstance(default, str | None) else json.dumps(default, default=str).strip('"')
    kind = _kind(schema) if field.repr else "secret"
    return f"| `WANPU_{name.upper()}` | {kind} | {f'`{shown}`' if shown else ''} | {comment} |"


def _kind(schema: Mapping[str, Any]) -> str:
    """A field's type in a few words: `integer, from 1 to 100`."""
    if "anyOf" in schema:
        return _kind(schema["anyOf"][0])
    if "enum" in schema:
        return " or ".join(f"`{word}`" for word in schema["enum"])
    name = {"object": "JSON", "boolean": "`true` or `false`", "string": "text"}.get(schema["type"], schema["type"])
    words = {"exclusiveMinimum": "above", "minimum": "from", "maximum": "to"}
    return ", ".join(
        [name, " ".join(f"{word} {schema[key]:.0f}" for key, word in words.items() if key in schema)]
    ).strip(", ")


def _comments(settings: type[BaseSettings]) -> dict[str, str]:
    """Of each field that the class itself declares: the comment on its line, else those on the lines above it."""
    source = inspect.getsource(settings)
    lines = {token.start[0]: token for token in _tokens(source) if token.type == tokenize.COMMENT}
    alone = {number for number, token in lines.items() if token.line.lstrip().startswith("#")}
    said = {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]  # it is a class
        if (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id in settings.model_fields
        ):
            numbers = [node.lineno] if node.lineno in lines else _above(node.lineno, alone)
            said[node.target.id] = " ".join(lines[number].string.lstrip("# ") for number in numbers)
    return said


def _above(line: int, alone: set[int]) -> list[int]:
    first = line
    while first - 1 in alone:
        first -= 1
    return list(range(first, line))


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(StringIO(source).readline)


@app.command("write")
def write_command() -> None:
    """Write the page's tables."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


@app.command("check")
def check_command() -> None:
    """Fail when the page is not what the classes say."""
    text = PAGE.read_text(encoding="utf-8")
    if text != page(text):
        typer.echo("docs/settings.md differs from the settings classes: run `make contracts` and commit it.", err=True)
        raise typer.Exit(1)

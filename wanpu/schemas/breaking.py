"""What would break a subscriber: the differences between a published JSON Schema and what its class says now.

Facts are kept for ever and other teams read them, so both sides count: an old message must still be valid,
and whoever relied on a field must still find it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems")  # raising one is tightening
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")  # lowering one is tightening
_SHAPES = ("pattern", "format", "multipleOf", "uniqueItems")
_ADDRESS = {"x-topic": "topic", "x-key": "key"}


def breaks(old: Schema, new: Schema) -> Iterator[str]:
    """Each way in which `new` takes back what `old` promised, as half a sentence that names the field."""
    for name, word in _ADDRESS.items():
        if old.get(name) != new.get(name):
            yield f"its {word} changed from {old.get(name)} to {new.get(name)}"
    yield from _Comparison(old, new).node(old, new, "")


class _Comparison:
    """Walks two documents side by side; each keeps its own `$defs`."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old = old
        self.new = new

    def node(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        was, now = _choices(self.old, old), _choices(self.new, new)
        for label, choice in was.items():
            if label in now:
                yield from self._choice(choice, now[label], path)
            else:
                yield f"{_field(path)} was {label} and can't be any more (it is {' or '.join(now)} now)"
        # A further kind of object is like a further word in an enumeration; a further JSON type is another type.
        for label in now.keys() - was.keys():
            if not label.startswith("object "):
                yield f"{_field(path)} may be {label} now, which no reader expects"

    def _choice(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        yield from _values(old, new, path)
        yield from _constraints(old, new, path)
        yield from self._fields(old, new, path)
        for inner, mark in (("items", "[]"), ("additionalProperties", "{}")):
            was, now = old.get(inner), new.get(inner)
            if isinstance(was, Mapping):
                yield from self.node(was, now if isinstance(now, Mapping) else {}, path + mark)

    def _fields(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        was, now = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in was.items():
            inner = f"{path}.{name}".lstrip(".")
            if name not in now:
                yield f"{_field(inner)} was removed or renamed"
                continue
            yield from self.node(schema, now[name], inner)
        for name in sorted(needs - needed):
            yield f"{_field(f'{path}.{name}'.lstrip('.'))} is required now, and messages already sent lack it"
        for name in sorted((needed - needs) & now.keys()):
            yield f"{_field(f'{path}.{name}'.lstrip('.'))} may be missing now, and readers rely on it"


def _field(path: str) -> str:
    return f"field `{path}`" if path else "the body"


def _resolved(document: Schema, node: Schema) -> Schema:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Schema = document["$defs"][reference.rsplit("/", 1)[-1]]
    return {**found, **{name: value for name, value in node.items() if name != "$ref"}}


def _choices(document: Schema, node: Schema) -> dict[str, Schema]:
    """A union's members, or the one schema there is, by what they are."""
    node = _resolved(document, node)
    members = node.get("anyOf") or node.get("oneOf") or [node]
    return {_label(member): member for member in (_resolved(document, each) for each in members)}


def _label(node: Schema) -> str:
    tag = node.get("properties", {}).get("kind", {}).get("const")
    kind = node.get("type", "anything")
    return f"{kind} {tag}" if tag is not None else str(kind)


def _values(old: Schema, new: Schema, path: str) -> Iterator[str]:
    was, now = _enumerated(old), _enumerated(new)
    if now is None:
        return
    if was is None:
        yield f"{_field(path)} takes only {', '.join(map(str, now))} now"
        return
    gone = [value for value in was if value not in now]
    if gone:
        yield f"{_field(path)} no longer takes {', '.join(map(str, gone))}"


def _enumerated(node: Schema) -> list[Any] | None:
    if "const" in node:
        return [node["const"]]
    return node.get("enum")


def _constraints(old: Schema, new: Schema, path: str) -> Iterator[str]:
    for name in _LOWER_BOUNDS:
        if name in new and new[name] > old.get(name, float("-inf")):
            yield f"{_field(path)} has a tighter {name}: {new[name]}"
    for name in _UPPER_BOUNDS:
        if name in new and new[name] < old.get(name, float("inf")):
            yield f"{_field(path)} has a tighter {name}: {new[name]}"
    for name in _SHAPES:
        if name in new and new[name] != old.get(name):
            yield f"{_field(path)} has another {name}: {new[name]}"

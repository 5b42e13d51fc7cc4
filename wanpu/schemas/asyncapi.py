"""One AsyncAPI 3 document a service: what it sends, with real payloads, and what it reads."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

from wanpu.layout import SERVICES

ROOT = Path(__file__).parents[2] / "docs" / "asyncapi"


def drifted() -> list[str]:
    """The committed documents that are not what the services say."""
    return [
        f"docs/asyncapi/{path.name} is not what the service says: run `make contracts` and commit it."
        for path, text in _documents().items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def write() -> list[str]:
    """Bring the documents up to date; returns the names of those written."""
    ROOT.mkdir(parents=True, exist_ok=True)
    changed = {p: t for p, t in _documents().items() if not p.is_file() or p.read_text(encoding="utf-8") != t}
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return [f"docs/asyncapi/{path.name}" for path in changed]


def _documents() -> dict[Path, str]:
    return {ROOT / f"{service}.json": _document(service) for service in SERVICES}


def _document(service: str) -> str:
    """A service's own description, without the address of the broker this process happens to know."""
    worker = import_module(f"services.{service}.main").worker
    document = json.loads(worker.schema.to_specification().to_json())
    document.pop("servers", None)
    for channel in document.get("channels", {}).values():
        channel.pop("servers", None)
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"  # FastStream's order varies

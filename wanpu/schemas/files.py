"""The committed side of the contracts: what stands in the folder, and what stood there in a commit."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from shared.contracts import Event

ROOT = Path(__file__).parents[2] / "shared" / "contracts"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_FOLDERS = ("schemas/", "examples/")


def schema_of(event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's body, with the topic and key it travels under."""
    schema = event.model_json_schema()
    address = {"x-topic": event.topic.name, "x-key": event.topic.key, "x-type": event.type}
    return {"$schema": _DIALECT, **address, **schema}


def text_of(document: dict[str, Any]) -> str:
    """A document as it is committed: the same text for the same content, on every machine."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def in_folder(root: Path) -> dict[str, str]:
    """The committed texts by their path below `root`."""
    found = sorted(path for folder in _FOLDERS for path in (root / folder).rglob("*.json"))
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in found}


def in_commit(root: Path, revision: str) -> dict[str, str]:
    """The texts as a commit has them; empty where there is no git, no such commit, or nothing in it yet."""
    try:
        archive = subprocess.run(
            ["git", "-C", str(root), "archive", "--format=tar", revision, "."],
            capture_output=True,
            check=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        wanted = [member for member in tar.getmembers() if member.isfile() and _ours(member.name)]
        return {member.name.removeprefix("./"): _text(tar, member) for member in wanted}


def _ours(name: str) -> bool:
    return name.removeprefix("./").startswith(_FOLDERS) and name.endswith(".json")


def _text(tar: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    content = tar.extractfile(member)
    return content.read().decode() if content else ""

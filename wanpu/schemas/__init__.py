"""`wanpu schemas`: the published language as files, and the watch over what other teams rely on.

A schema follows its class as long as the class only adds. A recorded example is never changed: it shows
that a message sent long ago can still be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from shared.contracts import ALL_EVENTS, Event

from . import asyncapi, files
from .breaking import breaks
from .story import message_of

Events = Sequence[type[Event]]

app = typer.Typer(no_args_is_help=True, help="Schemas and examples of every event: write them, or check them.")


class BreakingChange(Exception):
    """A published event was changed in a way its subscribers can't follow; nothing was written."""


def check(root: Path, events: Events = ALL_EVENTS, *, against: str = "HEAD") -> list[str]:
    """What stands between the classes and the committed files, one sentence each; empty when all is well."""
    folder, commit = files.in_folder(root), files.in_commit(root, against)
    problems = [*_broken(events, folder), *_broken(events, commit)]
    problems += _unclaimed(events, folder | commit)
    problems += [problem for event in events for problem in _drifted(event, folder)]
    problems += _edited(folder, commit, against)
    return list(dict.fromkeys(problems))


def write(root: Path, events: Events = ALL_EVENTS, *, against: str = "HEAD") -> list[str]:
    """Bring the files up to date with the classes; returns the paths written.

    Raises:
        BreakingChange: when a published event would change its meaning for those who read it.
    """
    folder, commit = files.in_folder(root), files.in_commit(root, against)
    if broken := list(dict.fromkeys([*_broken(events, folder), *_broken(events, commit)])):
        raise BreakingChange("\n".join(broken))
    texts = {f"schemas/{event.dataschema()}": _schema_text(event) for event in events}
    texts |= {path: text for path, text in _recordings(events) if path not in folder}
    changed = {path: text for path, text in texts.items() if folder.get(path) != text}
    for path, text in changed.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return list(changed)


def _schema_text(event: type[Event]) -> str:
    return files.text_of(files.schema_of(event))


def _recordings(events: Events) -> Iterator[tuple[str, str]]:
    """A first message of each event the story tells; one it does not tell is missed by `check`."""
    for event in events:
        if message := message_of(event):
            yield f"examples/{event.dataschema()}", files.text_of(message)


def _broken(events: Events, texts: dict[str, str]) -> Iterator[str]:
    for event in events:
        yield from _broken_schema(event, texts.get(f"schemas/{event.dataschema()}"))
        yield from _broken_example(event, texts.get(f"examples/{event.dataschema()}"))


def _broken_schema(event: type[Event], text: str | None) -> Iterator[str]:
    if text is None:
        return
    published = _json(text)
    if published is None:
        yield f"schemas/{event.dataschema()} is not JSON: restore it from git."
        return
    for what in breaks(published, files.schema_of(event)):
        yield f"{event.type}: {what}; put it back, and publish the change as a new version beside this one."


def _broken_example(event: type[Event], text: str | None) -> Iterator[str]:
    if text is None:
        return
    try:
        event.model_validate((_json(text) or {}).get("body"))
    except ValidationError as refusal:
        where = ".".join(str(part) for part in refusal.errors()[0]["loc"])
        yield (
            f"{event.type}: the recorded message examples/{event.dataschema()} can't be read any more "
            f"(`{where}`: {refusal.errors()[0]['msg']}); make the class accept it, or publish a new version beside it."
        )


def _unclaimed(events: Events, texts: dict[str, str]) -> Iterator[str]:
    known = {event.dataschema() for event in events}
    for path in texts:
        if path.partition("/")[2] not in known:
            yield f"{path} is published and has no event class: put the class back, under its old name."


def _drifted(event: type[Event], folder: dict[str, str]) -> Iterator[str]:
    schema = folder.get(f"schemas/{event.dataschema()}")
    if schema is None:
        yield f"{event.type} has no committed schema: run `make contracts` and commit what it writes."
    elif schema != _schema_text(event):
        yield f"schemas/{event.dataschema()} is not what the class says: run `make contracts` and commit it."
    if f"examples/{event.dataschema()}" not in folder:
        yield f"{event.type} has no recorded example: add one to wanpu/schemas/story and run `make contracts`."


def _edited(folder: dict[str, str], commit: dict[str, str], against: str) -> Iterator[str]:
    for path, text in commit.items():
        if path.startswith("examples/") and folder.get(path, text) != text:
            yield f"{path} was edited, and a recorded message stays as it was: restore the file of {against} from git."
        if path not in folder:
            yield f"{path} was deleted, and it is published: restore the file of {against} from git."


def _json(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


_Root = typer.Option(files.ROOT, help="The folder of the contracts.")
_Against = typer.Option("HEAD", help="The commit whose published events must not break, such as origin/main.")


@app.command("check")
def check_command(root: Path = _Root, against: str = _Against) -> None:
    """Fail on drift between classes and files, and on a change that breaks a subscriber."""
    problems = [*check(root, against=against), *asyncapi.drifted()]
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo(f"{len(ALL_EVENTS)} events agree with their schemas, recorded examples and AsyncAPI.")


@app.command("write")
def write_command(root: Path = _Root, against: str = _Against) -> None:
    """Write the schemas, an example of each event that has none, and each service's AsyncAPI document."""
    try:
        written = [*write(root, against=against), *asyncapi.write()]
    except BreakingChange as refusal:
        typer.echo(f"{refusal}\nNothing was written.", err=True)
        raise typer.Exit(1) from None
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"{len(written)} files written." if written else "Nothing to write: all files are up to date.")

"""What `wanpu schemas` lets pass, and what it refuses."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field, create_model
from typer.testing import CliRunner

from shared.contracts import ALL_EVENTS, Event
from shared.contracts.event import Topic
from shared.contracts.logistics import COD, ShipmentCOD
from wanpu import schemas
from wanpu.schemas import files

FIELDS: dict[str, Any] = {
    "shipment_id": (str, ...),
    "method": (Literal["cash", "pos"], ...),
    "pieces": (Annotated[int, Field(ge=0, le=10)], ...),
    "note": (str | None, None),
}
BODY = {"shipment_id": "s", "method": "pos", "pieces": 1, "note": None}


def event(topic: Topic = COD, **changes: Any) -> type[Event]:
    """A small event; a change of None takes the field out."""
    fields = {name: field for name, field in {**FIELDS, **changes}.items() if field is not None}
    made: type[Event] = create_model("ParcelCounted", __base__=Event, __doc__="Somebody counted.", **fields)
    made.topic, made.type = topic, "wanpu.logistics.ParcelCounted.v1"
    return made


def publish(root: Path, published: type[Event]) -> None:
    schemas.write(root, [published])
    example = root / "examples" / published.dataschema()
    example.parent.mkdir(parents=True)
    example.write_text(json.dumps({"body": BODY}))


def commit(root: Path) -> None:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "published"]):
        subprocess.run(["git", "-C", str(root), *command], check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder in which the small event is published."""
    publish(tmp_path, event())
    return tmp_path


BREAKING: dict[str, tuple[dict[str, Any], str]] = {
    "a field removed": ({"pieces": None}, "`pieces` was removed or renamed"),
    "a field renamed": ({"pieces": None, "count": (int, ...)}, "`pieces` was removed or renamed"),
    "a field retyped": ({"pieces": (str, ...)}, "`pieces` was integer"),
    "a field that may be null": ({"shipment_id": (str | None, ...)}, "`shipment_id` may be null now"),
    "a field that can't be null any more": ({"note": (str, "")}, "`note` was null"),
    "an optional field made required": ({"note": (str | None, ...)}, "`note` is required now"),
    "a required field made optional": ({"pieces": (Annotated[int, Field(ge=0, le=10)], 1)}, "`pieces` may be missing"),
    "a new field that is required": ({"by": (str, ...)}, "`by` is required now"),
    "a value taken out of an enumeration": ({"method": (Literal["pos"], ...)}, "`method` no longer takes cash"),
    "a lower bound raised": ({"pieces": (Annotated[int, Field(ge=1, le=10)], ...)}, "`pieces` has a tighter minimum"),
    "an upper bound lowered": ({"pieces": (Annotated[int, Field(ge=0, le=9)], ...)}, "`pieces` has a tighter maximum"),
    "a pattern introduced": ({"shipment_id": (Annotated[str, Field(pattern="^s")], ...)}, "has another pattern"),
    "another topic": ({"topic": Topic("logistics.other", "logistics", "shipment_id")}, "its topic changed"),
}
ADDITIVE: dict[str, dict[str, Any]] = {
    "an optional field": {"by": (str | None, None)},
    "a value in an enumeration": {"method": (Literal["cash", "pos", "qr"], ...)},
    "a bound loosened": {"pieces": (Annotated[int, Field(ge=0, le=11)], ...)},
}


def test_the_committed_files_agree_with_the_classes() -> None:
    assert schemas.check(files.ROOT) == []


@pytest.mark.parametrize("what", BREAKING)
def test_it_refuses(what: str, root: Path) -> None:
    changes, sentence = BREAKING[what]
    changed = event(**changes)
    assert any(sentence in problem for problem in schemas.check(root, [changed]))
    with pytest.raises(schemas.BreakingChange):
        schemas.write(root, [changed])


@pytest.mark.parametrize("what", ADDITIVE)
def test_it_asks_for_make_contracts_after(what: str, root: Path) -> None:
    changed = event(**ADDITIVE[what])
    (problem,) = schemas.check(root, [changed])
    assert "make contracts" in problem
    schemas.write(root, [changed])
    assert schemas.check(root, [changed]) == []


def test_a_renamed_field_of_a_committed_event_is_refused(tmp_path: Path) -> None:
    schemas.write(tmp_path)

    class Renamed(Event):
        """The courier took this much."""

        topic: ClassVar[Topic] = ShipmentCOD.topic
        type: ClassVar[str] = ShipmentCOD.type

        shipment_id: str
        taken: int

    changed = [Renamed if each is ShipmentCOD else each for each in ALL_EVENTS]
    assert any("`collected` was removed or renamed" in problem for problem in schemas.check(tmp_path, changed))


def test_regenerating_the_files_does_not_hide_a_break(root: Path) -> None:
    commit(root)
    changed = event(pieces=None)
    (root / "schemas" / changed.dataschema()).write_text(files.text_of(files.schema_of(changed)))
    assert any("`pieces` was removed or renamed" in problem for problem in schemas.check(root, [changed]))
    with pytest.raises(schemas.BreakingChange):
        schemas.write(root, [changed])


def test_an_edited_recording_is_noticed(root: Path) -> None:
    commit(root)
    (root / "examples" / event().dataschema()).write_text(json.dumps({"body": {**BODY, "pieces": 2}}))
    (problem,) = schemas.check(root, [event()])
    assert "was edited" in problem


def test_a_published_event_without_a_class_is_noticed(root: Path) -> None:
    assert all("has no event class" in problem for problem in schemas.check(root, []))
    assert schemas.check(root, [])


def test_an_event_that_was_never_written_is_noticed(tmp_path: Path) -> None:
    schema, example = schemas.check(tmp_path, [event()])
    assert "make contracts" in schema
    assert "wanpu/schemas/story" in example


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    assert len(schemas.write(tmp_path)) == 2 * len(ALL_EVENTS)
    assert schemas.write(tmp_path) == []


def test_the_command_fails_with_one_sentence_a_problem(tmp_path: Path) -> None:
    ran = CliRunner().invoke(schemas.app, ["check", "--root", str(tmp_path)])
    assert ran.exit_code == 1
    assert len(ran.output.splitlines()) == 2 * len(ALL_EVENTS)


def test_the_command_writes_what_it_then_finds_in_order(tmp_path: Path) -> None:
    assert CliRunner().invoke(schemas.app, ["write", "--root", str(tmp_path)]).exit_code == 0
    assert CliRunner().invoke(schemas.app, ["check", "--root", str(tmp_path)]).exit_code == 0

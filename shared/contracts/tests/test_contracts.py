"""What every published event promises."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import shared.contracts
from shared.contracts import ALL_EVENTS, BY_TYPE, TOPICS, Event
from shared.contracts.orders import LedgerPosted, OrderConfirmed, OrderPlaced

ROOT = Path(shared.contracts.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "tests" not in path.parts)
MIRRORED = {
    "catalog.suppliers",
    "catalog.products",
    "catalog.offers",
    "catalog.slots",
    "storefront.creators",
    "storefront.storefronts",
    "storefront.adoptions",
    "storefront.content",
    "orders.availability",
}

every_event = pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.__name__)


def recorded(event: type[Event]) -> dict[str, Any]:
    message: dict[str, Any] = json.loads((ROOT / "examples" / event.dataschema()).read_text())
    return message


@every_event
def test_its_example_is_valid_by_its_schema(event: type[Event]) -> None:
    schema = json.loads((ROOT / "schemas" / event.dataschema()).read_text())
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(recorded(event)["body"])


def said(written: Any, recorded: Any) -> Any:
    """What was written, without the optional fields that came after the recording."""
    match written, recorded:
        case dict(), dict():
            return {name: said(value, recorded[name]) for name, value in written.items() if name in recorded}
        case list(), list() if len(written) == len(recorded):
            return [said(one, other) for one, other in zip(written, recorded, strict=True)]
        case _:
            return written


@every_event
def test_its_example_is_read_and_written_again_without_loss(event: type[Event]) -> None:
    body = recorded(event)["body"]
    assert said(json.loads(event.model_validate(body).model_dump_json()), body) == body


@every_event
def test_its_example_is_addressed_as_the_class_says(event: type[Event]) -> None:
    message = recorded(event)
    assert message["topic"] == event.topic.name
    assert message["key"] == message["headers"]["ce_subject"] == event.model_validate(message["body"]).key
    assert message["headers"]["ce_type"] == event.type


@every_event
def test_its_type_names_its_owner_and_its_class(event: type[Event]) -> None:
    assert event.type == f"wanpu.{event.topic.owner}.{event.__name__}.v1"


@every_event
def test_its_topic_is_declared_and_its_key_is_a_field(event: type[Event]) -> None:
    assert event.topic in TOPICS
    assert event.model_fields[event.topic.key].is_required()


@every_event
def test_its_docstring_says_what_happened(event: type[Event]) -> None:
    assert (event.__doc__ or "").strip() != (event.__base__.__doc__ or "").strip()
    assert (event.__doc__ or "").strip()


@every_event
def test_a_field_it_does_not_know_is_ignored(event: type[Event]) -> None:
    body = recorded(event)["body"]
    assert event.model_validate({**body, "added_later": 1}) == event.model_validate(body)


def test_every_event_class_is_in_the_list() -> None:
    for module in pkgutil.walk_packages(shared.contracts.__path__, "shared.contracts."):
        if ".tests" not in module.name:
            importlib.import_module(module.name)
    assert {event for event in _subclasses(Event) if "type" in vars(event) and _ours(event)} == set(ALL_EVENTS)
    assert len(BY_TYPE) == len(ALL_EVENTS)


def test_topics_are_named_once_and_by_their_owner() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS) == 24
    assert all(topic.name.startswith(f"{topic.owner}.") for topic in TOPICS)


def test_only_the_personal_topic_is_restricted_and_forgets() -> None:
    assert [topic.name for topic in TOPICS if topic.readers or topic.retention_days > 0] == ["orders.personal"]


@pytest.mark.parametrize("topic", sorted(MIRRORED))
def test_every_event_of_a_mirrored_topic_carries_the_same_whole_state(topic: str) -> None:
    events = [event for event in ALL_EVENTS if event.topic.name == topic]
    (state,) = {event.__base__ for event in events}
    assert state is not None
    assert issubclass(state, Event)
    assert state is not Event
    assert all(state.model_fields.keys() <= event.model_fields.keys() for event in events)


def test_names_that_an_event_uses_for_itself_keep_their_json_name() -> None:
    assert (
        recorded(LedgerPosted)["body"]["cause"] == LedgerPosted.model_validate(recorded(LedgerPosted)["body"]).cause_id
    )
    placed = OrderPlaced.model_validate(recorded(OrderPlaced)["body"])
    assert (placed.content_position, placed.payload()["position"]) == (1, 1)
    assert placed.__pydantic_serializer__.to_json(placed) == placed.model_dump_json().encode()


@pytest.mark.parametrize("event", [OrderPlaced, OrderConfirmed])
def test_the_recorded_order_adds_up(event: type[OrderPlaced | OrderConfirmed]) -> None:
    order = event.model_validate(recorded(event)["body"])
    for line in order.lines:
        assert sum(share.amount.amount for share in line.split) == line.amount.amount
    assert sum(line.amount.amount for line in order.lines) == order.totals.payable.amount


def test_the_recorded_journal_is_balanced() -> None:
    entries = LedgerPosted.model_validate(recorded(LedgerPosted)["body"]).entries
    assert sum(entry.debit for entry in entries) == sum(entry.credit for entry in entries) > 0


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_module_imports_the_standard_library_pydantic_and_its_neighbours(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            assert name.partition(".")[0] in sys.stdlib_module_names | {"pydantic"}


def _subclasses(event: type[Event]) -> set[type[Event]]:
    direct = set(event.__subclasses__())
    return direct.union(*(_subclasses(each) for each in direct))


def _ours(event: type[Event]) -> bool:
    return event.__module__.startswith("shared.contracts") and ".tests" not in event.__module__


def test_the_page_for_subscribers_names_each_topic_with_its_key_and_events() -> None:
    page = (ROOT.parents[1] / "docs" / "subscribing.md").read_text()
    for topic in TOPICS:
        assert f"`{topic.name}`" in page
    for event in ALL_EVENTS:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{event.topic.name}` ")]
        assert f"`{event.topic.key}`" in row
        assert event.__name__ in row
        assert ("mirror" in row) == (event.topic.name in MIRRORED)

"""The house keeps its shape: sizes, names, rooms, and what every service must be known to."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from shared.contracts import ALL_EVENTS, TOPICS
from wanpu.layout import SERVICES

ROOT = Path(__file__).parents[2]
FUNCTION_LINES = 40
MODULE_LINES = 300
POSITIONAL = 5  # an object and at most four things about it
NAMELESS = re.compile(r"(^|/)(utils?|helpers?|common|misc|managers?|base)(/|\.py$)")
ROOMS = {"main.py", "http", "consumers.py", "usecases", "store", "domain", "settings.py", "migrations", "tests"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tracked() -> tuple[str, ...]:
    """The files git knows of; outside a checkout every file."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return tuple(path for path in listed.stdout.splitlines() if (ROOT / path).is_file())


def modules() -> list[Path]:
    return [ROOT / path for path in tracked() if path.endswith(".py")]


def is_test(path: Path) -> bool:
    return "tests" in path.relative_to(ROOT).parts


def functions(paths: list[Path]) -> Iterator[tuple[str, Function]]:
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def length(node: Function) -> int:
    """Lines of the body without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


def test_no_function_is_longer_than_a_screen() -> None:
    assert not [f"{name}: {length(node)}" for name, node in functions(modules()) if length(node) > FUNCTION_LINES]


def test_functions_are_short() -> None:
    own = [path for path in modules() if not is_test(path)]
    assert statistics.median(length(node) for _, node in functions(own)) < 8


def test_a_module_that_grows_becomes_a_package() -> None:
    long = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in modules() if not is_test(path)}
    assert not {path: lines for path, lines in long.items() if lines > MODULE_LINES}


def test_a_function_takes_few_positional_parameters() -> None:
    crowded = []
    for name, node in functions([path for path in modules() if not is_test(path)]):
        given = [arg.arg for arg in [*node.args.posonlyargs, *node.args.args] if arg.arg not in ("self", "cls")]
        is_route = any(isinstance(mark, ast.Call) for mark in node.decorator_list)
        if len(given) > POSITIONAL and not is_route:
            crowded.append(f"{name}: {given}")
    assert not crowded


def test_names_say_something() -> None:
    assert not [path for path in tracked() if NAMELESS.search(path)]


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_the_same_rooms(service: str) -> None:
    found = {path.name for path in (ROOT / "services" / service).iterdir()} - {"__init__.py", "__pycache__"}
    rooms = {f"{room}" for room in ROOMS} | {f"{room}.py" for room in ("http", "usecases", "store", "domain")}
    assert found - rooms <= {"pages"}
    for room in ("http", "usecases", "store", "domain"):
        assert room in found or f"{room}.py" in found, f"{service} lacks {room}"
    assert {"main.py", "consumers.py", "settings.py", "migrations", "tests"} <= found


def test_every_event_belongs_to_the_service_whose_name_its_topic_bears() -> None:
    for event in ALL_EVENTS:
        owner = event.type.split(".")[1]
        assert event.topic.owner == owner == event.topic.name.split(".")[0], event.type


def test_every_topic_is_declared_once() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)


def test_no_address_of_a_registry_and_no_path_of_a_machine_is_committed() -> None:
    registry = re.compile(r"https?://[^ \"]*(py(pi\b|thonhosted)|maven|npmjs|debian|crates|golang)")
    machine = re.compile(r"(^|[^a-zA-Z0-9_.])/(work|farm|opt/wheels)/")
    for path in tracked():
        if not path.endswith((".png", ".ico")):
            text = (ROOT / path).read_text(errors="ignore")
            assert not registry.search(text), path
            assert path == "tests/architecture/test_house.py" or not machine.search(text), path


def test_the_makefile_names_every_target_it_promises() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("help", "demo", "test", "check", "up", "down", "bench", "fault", "contracts"):
        assert re.search(rf"^{target}:.*## ", makefile, re.M), target

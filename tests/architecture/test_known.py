"""A service is known to all who must know it: the table of processes, Compose, the import rules, the contracts."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from wanpu.layout import API_PORTS, SANDBOX, SERVICES, WORKER_PORTS

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
RULES: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def rule(named: str) -> dict[str, Any]:
    return next(each for each in RULES if each["name"].startswith(named))


def test_every_folder_of_services_is_in_the_layout() -> None:
    folders = {path.name for path in (ROOT / "services").iterdir() if (path / "main.py").is_file()}
    assert folders == set(SERVICES) == set(API_PORTS) == set(WORKER_PORTS)


def test_compose_runs_an_api_and_a_worker_of_each_and_every_outside_party() -> None:
    found = set(re.findall(r"^  (\w+-api|\w+-worker|sandbox-\w+):$", COMPOSE, re.M))
    processes = {f"{service}-{role}" for service in SERVICES for role in ("api", "worker")}
    assert found == processes | {f"sandbox-{party}" for party in SANDBOX}


@pytest.mark.parametrize(
    ("named", "key", "room"),
    [
        ("Inside a service", "containers", ""),
        ("Services never import each other", "modules", ""),
        ("A domain knows", "source_modules", ".domain"),
    ],
)
def test_the_import_rules_hold_each_service(named: str, key: str, room: str) -> None:
    assert set(rule(named)[key]) == {f"services.{service}{room}" for service in SERVICES}


@pytest.mark.parametrize("named", ["A domain knows", "The kernel knows of the contracts"])
def test_the_import_rules_name_each_services_contracts(named: str) -> None:
    forbidden = {each for each in rule(named)["forbidden_modules"] if each.startswith("shared.contracts.")}
    assert forbidden == {f"shared.contracts.{service}" for service in SERVICES}

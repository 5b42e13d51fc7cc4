"""What a service's process is told, and by whom it is called ready."""

import json
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import psutil
import pytest

from shared.embedded.postgres import Postgres
from shared.embedded.process import StackError, free_port
from wanpu import keys
from wanpu.demo import place
from wanpu.local import Stack, run
from wanpu.local.services import PythonProcess
from wanpu.local.stack import SERVERS
from wanpu.local.supervisor import Supervised, Supervisor


@pytest.fixture
def stack(postgres: Postgres, tmp_path: Path) -> Stack:
    """A stack on servers that are there already; nothing of it runs."""
    given = {"WANPU_POSTGRES_DSN": postgres.dsn(), "WANPU_KAFKA_BOOTSTRAP": "127.0.0.1:9", "WANPU_COD_LIMIT": "1"}
    keys.init(tmp_path / "keys")
    return Stack(tmp_path, env=given, quiet_sandbox=True)


def told_to(stack: Stack, owner: str, name: str) -> dict[str, str]:
    return stack.environment(owner, name, 8103)


def test_a_service_is_told_its_own_role_without_the_password(stack: Stack) -> None:
    told = told_to(stack, "orders", "orders-api")
    assert told["WANPU_POSTGRES_DSN"].startswith("postgresql://wanpu_orders@127.0.0.1:")
    assert told["WANPU_POSTGRES_DSN"].endswith("/wanpu")
    assert told["WANPU_SECRETS_DIR"] == str(stack.secrets / "orders")
    assert (told["WANPU_PORT"], told["WANPU_COD_LIMIT"]) == ("8103", "1")


def test_a_worker_has_its_port_for_health_alone(stack: Stack) -> None:
    assert told_to(stack, "orders", "orders-worker")["WANPU_METRICS_PORT"] == "8103"


def test_an_outside_party_never_learns_of_the_database(stack: Stack) -> None:
    told = told_to(stack, "sandbox-psp", "sandbox-psp")
    assert "WANPU_POSTGRES_DSN" not in told
    assert told["WANPU_QUIET_SANDBOX"] == "1"


def test_a_process_is_ready_when_it_says_so_and_bears_its_name(tmp_path: Path, stack: Stack) -> None:
    port = free_port()
    process = PythonProcess("orders-api", ("wanpu.tests.answering",), port, tmp_path / "orders-api.log")
    process.env = stack.environment("orders", "orders-api", port)
    supervisor = Supervisor(progress=lambda _: None)
    supervisor.start([Supervised("orders-api", (port,), process, process.log)])
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready") as answer:
        assert json.load(answer)["WANPU_NAME"] == "orders-api"
    assert "--name orders-api" in " ".join(psutil.Process(process.pid).cmdline())
    supervisor.stop()
    assert not process.is_running()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[set[str]]:
    """The servers that each stack was given which was started; none starts, though the environment names both."""
    for name in SERVERS:
        monkeypatch.setenv(name, "elsewhere")
    seen: list[set[str]] = []

    def refuse(stack: Stack) -> None:
        seen.append({*SERVERS} & stack._given.keys())
        raise StackError("enough")

    monkeypatch.setattr(Stack, "start", refuse)
    monkeypatch.setattr(Stack, "stop", lambda _stack: None)
    monkeypatch.setattr(run, "_interrupt_on_signals", lambda: None)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return seen


@pytest.mark.parametrize("opened", [place.embedded, partial(place.own_stack, env={})])
def test_a_stack_of_ones_own_leaves_the_servers_that_the_environment_names_alone(
    given: list[set[str]], opened: Callable[[place.Say], AbstractContextManager[object]]
) -> None:
    with pytest.raises(StackError, match="enough"), opened(lambda _: None):
        pass
    assert given == [set()]


def test_wanpu_up_and_a_demo_whose_data_is_kept_use_the_servers_that_are_named(
    given: list[set[str]], tmp_path: Path
) -> None:
    with pytest.raises(StackError, match="enough"):
        run.foreground(run.Request(tmp_path, 0, quiet_sandbox=True, json_logs=False))
    with pytest.raises(StackError, match="enough"), place.embedded(lambda _: None, tmp_path):
        pass
    assert given == [{*SERVERS}, {*SERVERS}]

"""What a service's process is told, and by whom it is called ready."""

import json
import urllib.request
from pathlib import Path

import psutil
import pytest

from shared.embedded.postgres import Postgres
from shared.embedded.process import free_port
from wanpu import keys
from wanpu.local import Stack
from wanpu.local.services import PythonProcess
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

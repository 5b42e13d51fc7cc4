"""The stack as people meet it: `wanpu up`, `status`, `down`, and what it says when it can't."""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.embedded.postgres import Postgres
from shared.embedded.process import StackError, is_alive
from wanpu.demo.place import free_offset
from wanpu.layout import API_PORTS, KAFKA_CONTROLLER_PORT, KAFKA_PORT, POSTGRES_PORT, SANDBOX_PORTS, WORKER_PORTS, Ports
from wanpu.local.stack import Stack

FIXED = (POSTGRES_PORT, KAFKA_PORT, KAFKA_CONTROLLER_PORT, *API_PORTS.values(), *WORKER_PORTS.values())
ROOT = Path(__file__).parents[2]


def wanpu(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("WANPU_")}
    command = [sys.executable, "-m", "wanpu", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=env)


def status(data: Path) -> dict[str, dict[str, object]]:
    rows = json.loads(wanpu("status", "--json", "--data", str(data)).stdout)
    return {row["name"]: row for row in rows}


@pytest.fixture
def offset() -> int:
    return free_offset()


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "stack"
    wanpu("down", "--data", str(tmp_path / "stack"))
    Postgres(tmp_path / "stack" / "postgres", 0).remove()  # run as root, its data may lie elsewhere


def test_data_survives_down_and_up_and_a_killed_supervisor(data: Path, offset: int) -> None:
    up = ("up", "--detach", "--data", str(data), "--port-offset", str(offset))
    assert "ready:" in wanpu(*up).stdout
    key = (data / "keys" / "operator" / "signing.key").read_bytes()
    running = status(data)
    assert {"postgres", "kafka"} <= running.keys()
    for name, row in running.items():
        assert row["state"] == "running"
        assert name in " ".join(psutil.Process(int(str(row["pid"]))).cmdline())

    again = wanpu(*up)
    assert again.returncode == 1
    assert "another stack runs on" in again.stdout + again.stderr

    supervisor = json.loads((data / "stack.json").read_text())["pid"]
    os.kill(supervisor, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(supervisor)] if psutil.pid_exists(supervisor) else [], timeout=10)
    assert {row["state"] for row in status(data).values()} == {"orphaned"}

    assert "ready:" in wanpu(*up).stdout
    assert not any(is_alive(int(str(row["pid"]))) for row in running.values())
    assert (data / "keys" / "operator" / "signing.key").read_bytes() == key
    assert "stopped" in wanpu("down", "--data", str(data)).stdout
    assert {row["state"] for row in status(data).values()} == {"stopped"}


def test_a_busy_port_is_named_and_nothing_is_left_running(data: Path, offset: int) -> None:
    with socket.create_server(("127.0.0.1", KAFKA_PORT + offset)):
        refused = wanpu("up", "--data", str(data), "--port-offset", str(offset))
    assert refused.returncode == 1
    assert f"port {KAFKA_PORT + offset}, needed by kafka, is in use" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert {row["state"] for row in status(data).values()} <= {"stopped"}


def test_a_live_lock_names_the_process_that_holds_it(data: Path) -> None:
    data.mkdir(parents=True)
    with (data / "stack.lock").open("w") as lock:
        lock.write("4711")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = wanpu("up", "--data", str(data))
    assert refused.returncode == 1
    assert f"another stack runs on {data} (process 4711): stop it with `wanpu down --data {data}`" in refused.stderr


def test_a_data_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = wanpu("up", "--data", str(tmp_path / "file" / "stack"))
    assert refused.returncode == 1
    assert "can't be written to" in refused.stderr


@pytest.mark.parametrize("said", ["much", "-1", "20", "1.5"])
def test_a_nice_that_is_none_is_refused_before_anything_starts(tmp_path: Path, said: str) -> None:
    with pytest.raises(StackError, match=r"WANPU_WORKERS_NICE is .* 0 to 19"):
        Stack(tmp_path, env={"WANPU_WORKERS_NICE": said})


def test_no_two_ports_of_a_stack_are_the_same() -> None:
    ports = (*FIXED, *SANDBOX_PORTS.values())
    assert len(set(ports)) == len(ports)


def test_an_offset_moves_every_address() -> None:
    assert Ports(1_000).urls()["WANPU_ORDERS_URL"] == "http://127.0.0.1:9103"
    assert not set(Ports(1_000).urls().values()) & set(Ports().urls().values())


def test_down_without_a_stack_is_no_error(tmp_path: Path) -> None:
    done = wanpu("down", "--data", str(tmp_path / "never"))
    assert (done.returncode, done.stdout.strip()) == (0, f"no stack runs on {tmp_path / 'never'}")


def test_help_lists_every_command() -> None:
    text = wanpu("--help").stdout
    for command in ("up", "status", "logs", "down", "keys", "token", "migrate", "topics", "relay"):
        assert f" {command} " in text


def test_a_token_without_keys_says_where_to_get_them(tmp_path: Path) -> None:
    refused = wanpu("token", "--role", "buyer", "--party", "b-1", "--dir", str(tmp_path))
    assert refused.returncode == 1
    assert "wanpu keys init" in refused.stderr

"""Processes are started, watched, started again and stopped in order: real ones, which answer by a file."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared.embedded.process import Child, StackError
from wanpu.local.supervisor import Supervised, Supervisor

PATIENCE_SECONDS = 20.0


class Program:
    """A Python one-liner as a supervised server: ready once it has written its file."""

    def __init__(self, name: str, folder: Path, code: str) -> None:
        self.ready_file = folder / f"{name}.ready"
        ready = f"import pathlib, time; pathlib.Path({str(self.ready_file)!r}).touch()"
        self._child = Child(name, [sys.executable, "-c", code or f"{ready}; time.sleep(60)"], folder / f"{name}.log")
        self.stopped_at = 0.0

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def prepare(self) -> None:
        self.ready_file.unlink(missing_ok=True)

    def spawn(self) -> None:
        self._child.spawn()

    def is_running(self) -> bool:
        return self._child.is_running()

    def is_ready(self) -> bool:
        return self.ready_file.exists()

    def stop(self) -> None:
        self._child.stop()
        self.stopped_at = time.monotonic()

    def kill(self) -> None:
        self._child.kill()


def supervised(name: str, folder: Path, code: str = "") -> Supervised:
    return Supervised(name, (), Program(name, folder, code), folder / f"{name}.log")


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = Supervisor(progress=lambda _: None)
    yield supervisor
    supervisor.stop()


def test_a_killed_process_runs_again_under_another_id(supervisor: Supervisor, tmp_path: Path) -> None:
    process = supervised("orders-api", tmp_path)
    supervisor.start([process])
    before = process.server.pid
    process.server.kill()
    until(lambda: process.restarts == 1 and process.state == "running")
    assert process.server.pid != before


def test_a_process_that_ends_again_and_again_is_given_up_with_its_own_words(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    process = supervised("orders-api", tmp_path, "raise SystemExit('WANPU_PORT is missing')")
    with pytest.raises(StackError, match=r"(?s)orders-api does not come up.*WANPU_PORT is missing"):
        supervisor.start([process])
    assert process.pause_seconds > 1


def test_processes_stop_in_reverse_order(supervisor: Supervisor, tmp_path: Path) -> None:
    processes = [supervised(name, tmp_path) for name in ("postgres", "orders-worker", "orders-api")]
    supervisor.start(processes)
    supervisor.stop()
    order = sorted(processes, key=lambda process: process.server.stopped_at)  # type: ignore[attr-defined]
    assert [process.name for process in order] == ["orders-api", "orders-worker", "postgres"]
    assert {process.state for process in processes} == {"stopped"}

"""A child process, and what the machine may refuse it."""

import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from shared.embedded.process import Child, StackError, free_port, is_alive, make_folder, require_port, stop_leftover

SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)", "--name", "sleeper")


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


def test_a_busy_port_is_named_together_with_the_way_out(busy_port: int) -> None:
    with pytest.raises(StackError, match=rf"port {busy_port}, needed by orders-api, .*--port-offset"):
        require_port(busy_port, "orders-api")


def test_a_free_port_is_let_through() -> None:
    require_port(free_port(), "orders-api")


def test_what_the_system_gives_to_others_is_never_handed_out(busy_port: int) -> None:
    """Else a connection that goes out between the asking and the using takes it away."""
    handed = [free_port() for _ in range(100)]
    assert len(set(handed)) == len(handed)
    assert busy_port > max(handed)


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StackError, match=r"can't be written to \(.*\): choose another folder"):
        make_folder(tmp_path / "file" / "data")


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="nothing could not be started"):
        Child("nothing", [str(tmp_path / "absent")], tmp_path / "log").spawn()


def test_a_child_that_ends_while_starting_shows_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child("brief", [sys.executable, "-c", "raise SystemExit('no such table')"], tmp_path / "log")
    child.spawn()
    with pytest.raises(StackError, match=r"(?s)brief ended while starting.*no such table"):
        child.wait_ready(lambda: False, 30)


def test_a_stopped_child_is_gone(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEPER, tmp_path / "log")
    child.spawn()
    assert child.pid is not None and is_alive(child.pid)
    child.stop()
    assert not child.is_running()


def test_a_leftover_is_ended_only_if_it_bears_our_mark(tmp_path: Path) -> None:
    child = Child("sleeper", SLEEPER, tmp_path / "log", env=dict(os.environ))
    child.spawn()
    assert child.pid is not None
    while "sleeper" not in " ".join(psutil.Process(child.pid).cmdline()):  # right after exec it is still empty
        time.sleep(0.01)
    stop_leftover(child.pid, "--name another")
    assert child.is_running()
    stop_leftover(child.pid, "--name sleeper")
    assert not child.is_running()

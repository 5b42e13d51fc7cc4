"""Forked processes are what `python -m` would have made: real ones, looked at from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from shared.embedded.process import is_alive
from wanpu.local.nursery import Forked
from wanpu.local.services import ROOT

PATIENCE_SECONDS = 20.0


def spawned(folder: Path, wanted: str, nice: int = 0) -> Forked:
    command = ("wanpu.tests.forked", wanted, "--name", wanted)
    process = Forked(wanted, command, folder / "log", {"WANPU_A": "1"}, ROOT, nice)
    process.spawn()
    return process


def said(folder: Path) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (folder / "log").exists() or b"\n" not in (folder / "log").read_bytes():
        assert time.monotonic() < deadline, "it said nothing"
        time.sleep(0.02)
    found: dict[str, Any] = json.loads((folder / "log").read_bytes().splitlines()[0])
    return found


def test_it_is_the_program_it_was_asked_to_be(tmp_path: Path) -> None:
    process = spawned(tmp_path, "stay")
    told = said(tmp_path)
    assert told["argv"] == ["stay", "--name", "stay"]
    assert (told["env"], told["cwd"], told["session"]) == ({"WANPU_A": "1"}, str(ROOT), True)
    assert psutil.Process(process.pid).cmdline()[0] == f"{sys.executable} -m wanpu.tests.forked stay --name stay"
    process.stop(5)
    assert not process.is_running()


def test_it_lets_others_go_first_when_told_to(tmp_path: Path) -> None:
    before = os.nice(0)
    process = spawned(tmp_path, "stay", nice=3)
    assert said(tmp_path)["nice"] == before + 3
    process.stop(5)


def test_what_it_says_of_its_end_is_in_its_log(tmp_path: Path) -> None:
    process = spawned(tmp_path, "fail")
    said(tmp_path)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.is_running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not process.is_running()
    assert (tmp_path / "log").read_text().splitlines()[1:] == ["no such table"]


def test_killed_it_takes_its_children_along(tmp_path: Path) -> None:
    process = spawned(tmp_path, "family")
    child = said(tmp_path)["child"]
    process.kill()
    assert not process.is_running()
    assert not is_alive(child)


def test_it_outlives_a_killed_parent_and_still_bears_its_name(tmp_path: Path) -> None:
    """So that `wanpu down` finds what a killed supervisor left."""
    code = (
        "import pathlib, sys, time; from wanpu.tests.test_nursery import spawned\n"
        "if __name__ == '__main__': spawned(pathlib.Path(sys.argv[1]), 'stay'); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    said(tmp_path)
    (child,) = [p for p in psutil.process_iter() if "forked stay --name stay" in " ".join(p.cmdline())]
    nursery = child.parent()
    assert nursery is not None
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert child.is_running()
    child.terminate()
    child.wait(PATIENCE_SECONDS)
    nursery.wait(PATIENCE_SECONDS)  # with the last of those it forked it goes as well

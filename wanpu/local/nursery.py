"""Python processes that begin with their libraries loaded: forked from one that imported them once.

Importing costs a process most of a second of processor time. A stack starts a dozen of them, and one comes back each
time one dies: on two cores a second a start is what those who serve have to wait.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from setproctitle import setproctitle

from shared.embedded.process import descendants, end, make_folder, rotate
from wanpu.layout import SERVICES

# What processes of ours are made of, and nothing that reads a setting when it is imported: only a `main` does.
_LOADED = ["shared.kernel.service", "shared.kernel.worker", "shared.kernel.http", "shared.contracts", __name__]
_LOADED += [f"services.{service}.{part}" for service in SERVICES for part in ("consumers", "http")]
_nursery = multiprocessing.get_context("forkserver")
_nursery.set_forkserver_preload(_LOADED)


@dataclass
class Forked:
    """`python -m <command>` in a session of its own, with its output in `log`, as `Child` starts other programs."""

    name: str
    command: Sequence[str]  # a module and its arguments
    log: Path
    env: Mapping[str, str]
    cwd: Path
    nice: int = 0  # how much it lets others go first, 0 to 19
    _process: ForkServerProcess | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def spawn(self) -> None:
        """Start it without waiting for it to be ready. Raises `StackError` when its log can't be written."""
        make_folder(self.log.parent)
        rotate(self.log)
        begun = (tuple(self.command), self.log, dict(self.env), self.cwd, self.nice)
        process = _nursery.Process(target=_become, args=begun, name=self.name, daemon=True)
        process.start()
        self._process = process

    def is_running(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def stop(self, grace_seconds: float) -> None:
        """Ask it to end, then make it end."""
        if self._process:
            self._process.terminate()
            self._process.join(grace_seconds)
            if self._process.is_alive():
                self.kill()

    def kill(self) -> None:
        """SIGKILL to it and to every process it started, and wait until all are gone."""
        if self._process and self._process.pid:
            family = descendants(self._process.pid)
            self._process.kill()
            self._process.join()
            end(family)


def _become(command: Sequence[str], log: Path, env: Mapping[str, str], cwd: Path, nice: int) -> None:
    """In the new process: be what `python -m` would have made."""
    os.setsid()
    _let_others_go_first(nice)
    setproctitle(" ".join([sys.executable, "-m", *command]))  # before the environment, whose memory it takes
    with log.open("ab", buffering=0) as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    gc.freeze()  # what the nursery loaded stays shared, and is no garbage of this one's
    module, *arguments = command
    sys.argv = [module, *arguments]
    sys.path[0] = str(cwd)
    sys.modules.pop(module, None)  # run as the program, not found as what was imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _let_others_go_first(nice: int) -> None:
    """Among processes, and where Linux gives each session an equal share of the processor, among sessions."""
    os.nice(nice)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))

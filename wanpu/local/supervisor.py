"""Keeps processes running: started in order, restarted with back-off, stopped in reverse order."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import psutil

from shared.embedded.process import Progress, StackError, tail

State = Literal["starting", "running", "restarting", "stopped"]

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
STEADY_SECONDS = 60.0  # who has run this long starts again with the shortest pause
WATCH_SECONDS = 0.1
READY_SECONDS = 180.0  # eight Python processes at once take 10 s on two free cores; 97 s were seen at a load of 20
GIVE_UP_RESTARTS = 3  # during the start: a process that ends three times will not come up by itself


class Server(Protocol):
    """What the supervisor needs of a process; PostgreSQL, Kafka and our own services all are one."""

    @property
    def pid(self) -> int | None: ...
    def prepare(self) -> None: ...
    def spawn(self) -> None: ...
    def is_running(self) -> bool: ...
    def is_ready(self) -> bool: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


@dataclass
class Supervised:
    """One process under supervision, and what became of it so far."""

    name: str
    ports: tuple[int, ...]
    server: Server
    log: Path
    state: State = "stopped"
    restarts: int = 0
    pause_seconds: float = FIRST_PAUSE_SECONDS
    since: float = 0.0  # monotonic: when it was last started, or when it is to be started again

    def row(self) -> dict[str, object]:
        """Its line of `wanpu status --json`."""
        pid = self.server.pid if self.state in {"starting", "running"} else None
        return {
            "name": self.name,
            "pid": pid,
            "ports": list(self.ports),
            "state": self.state,
            "restarts": self.restarts,
        }


class Supervisor:
    """Watches its processes from a thread of its own; `changed` is called after every change of a state."""

    def __init__(self, changed: Callable[[], None] = lambda: None, progress: Progress = print) -> None:
        self.processes: list[Supervised] = []
        self._changed = changed
        self._progress = progress
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    def start(self, processes: list[Supervised]) -> None:
        """Start these side by side and return when all of them are ready.

        Raises:
            StackError: a port is busy, or a process does not come up; with the end of its log.
        """
        for process in processes:
            process.server.prepare()
        with self._lock:
            self.processes += processes
            for process in processes:
                self._spawn(process)
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="supervisor", daemon=True)
            self._watcher.start()
        self._await_ready(processes)

    def stop(self) -> None:
        """Stop all, the last started first."""
        self._stopping.set()
        if self._watcher:
            self._watcher.join()
        for process in reversed(self.processes):
            process.server.stop()
            process.state = "stopped"
            self._changed()

    def _spawn(self, process: Supervised) -> None:
        process.server.spawn()
        process.state, process.since = "starting", time.monotonic()
        self._changed()

    def _await_ready(self, processes: list[Supervised]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        told: list[str] = []
        while waiting := [process for process in processes if process.state != "running"]:
            names = [process.name for process in waiting]
            if names != told:
                self._progress(f"waiting for {', '.join(names)}")
                told = names
            for process in waiting:
                if process.restarts >= GIVE_UP_RESTARTS or time.monotonic() > deadline:
                    raise StackError(f"{process.name} does not come up; the end of {process.log}:\n{tail(process.log)}")
            time.sleep(WATCH_SECONDS)

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            for process in list(self.processes):
                if self._stopping.is_set():
                    return
                with self._lock:
                    self._look_at(process)

    def _look_at(self, process: Supervised) -> None:
        """One step of one process: ended → restarting → starting → running."""
        now = time.monotonic()
        if process.state == "restarting":
            if now >= process.since:
                self._restart(process)
        elif not process.server.is_running():
            self._schedule_restart(process, now)
        elif process.state == "starting" and process.server.is_ready():
            process.state = "running"
            self._changed()

    def _schedule_restart(self, process: Supervised, now: float) -> None:
        if now - process.since > STEADY_SECONDS:
            process.pause_seconds = FIRST_PAUSE_SECONDS
        process.state, process.since = "restarting", now + process.pause_seconds
        process.restarts += 1
        self._progress(f"{process.name} ended, starting it again in {process.pause_seconds:.1f} s (see {process.log})")
        process.pause_seconds = min(process.pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        self._changed()

    def _restart(self, process: Supervised) -> None:
        try:
            process.server.prepare()
            self._spawn(process)
        except (StackError, OSError, psutil.Error) as error:
            self._progress(str(error))
            self._schedule_restart(process, time.monotonic())

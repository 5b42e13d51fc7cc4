"""The data folder's two files: a lock that one live stack holds, and `stack.json`, by which others know it."""

import contextlib
import fcntl
import json
import os
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import psutil

from shared.embedded.process import StackError, is_alive

Phase = Literal["starting", "ready", "failed", "stopping", "stopped"]


@dataclass
class StackState:
    """What `stack.json` says: the supervisor, how far it is, and its processes as `wanpu status --json` lists them."""

    pid: int = 0
    created: float = 0.0  # of the supervisor's process: a process id alone may have been given away again
    phase: Phase = "stopped"
    message: str = ""
    offset: int = 0
    urls: dict[str, str] = field(default_factory=dict)
    processes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_live(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        try:
            return bool(self.pid) and abs(psutil.Process(self.pid).create_time() - self.created) < 1
        except psutil.NoSuchProcess:
            return False

    def rows(self) -> list[dict[str, Any]]:
        """The processes as they are now; those of a dead supervisor are `orphaned` if they still run."""
        if self.is_live:
            return self.processes
        return [row | self._fate(row["pid"]) for row in self.processes]

    @staticmethod
    def _fate(pid: int | None) -> dict[str, Any]:
        alive = bool(pid) and is_alive(int(pid or 0))
        return {"state": "orphaned", "pid": pid} if alive else {"state": "stopped", "pid": None}


def state_file(data: Path) -> Path:
    return data / "stack.json"


def write_state(data: Path, state: StackState) -> None:
    """Replace `stack.json` in one step, so that a reader never sees half of it."""
    draft = state_file(data).with_suffix(f".{threading.get_ident()}.draft")  # two threads write: each its own
    draft.write_text(json.dumps(asdict(state), indent=1))
    draft.replace(state_file(data))


def read_state(data: Path) -> StackState:
    """The stack of this data folder; an empty one if there never was any."""
    try:
        return StackState(**json.loads(state_file(data).read_text()))
    except (OSError, ValueError, TypeError):
        return StackState()


class Lock:
    """Held by the live supervisor through the kernel, so that one that died holds nothing: a stale file is no lock."""

    def __init__(self, data: Path) -> None:
        self._path = data / "stack.lock"
        self._file: IO[str] | None = None

    def take(self, patience_seconds: float = 0.0) -> None:
        """Take the lock or say who has it.

        Raises:
            StackError: another stack runs on this folder; its process id.
        """
        self._file = self._path.open("a+")
        deadline = time.monotonic() + patience_seconds
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self._refuse()
                time.sleep(0.1)
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def _refuse(self) -> None:
        assert self._file is not None
        self._file.seek(0)
        holder = self._file.read().strip() or "unknown"
        self.release()
        raise StackError(
            f"another stack runs on {self._path.parent} (process {holder}): stop it with "
            f"`wanpu down --data {self._path.parent}`, or choose another folder with --data and --port-offset N"
        )

    def release(self) -> None:
        if self._file:
            with contextlib.suppress(OSError):
                self._file.close()
            self._file = None

"""One child process: its command, its log, whether it answers, how it is stopped, what a dead parent left."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.05  # short against the second or more that a server takes to start
LEFTOVER_SECONDS = 30.0  # what a database may need for its last checkpoint
FREE_PORTS = range(28_200, 32_768)  # below those that Linux gives to whoever connects, above the demo's
LOG_TAIL_LINES = 4  # what fits into one error message
LOG_MAX_BYTES = 50_000_000  # a log that has grown beyond it is rotated once, at the next start

Progress = Callable[[str], None]

_free_ports = cycle(random.sample(FREE_PORTS, len(FREE_PORTS)))


class StackError(Exception):
    """One clear sentence: what is wrong on this machine and what to do about it."""


def free_port() -> int:
    """A TCP port on loopback that nothing listens on right now, and that no outgoing connection takes until it is used.

    Raises:
        StackError: every one of `FREE_PORTS` is in use.
    """
    for port in islice(_free_ports, len(FREE_PORTS)):
        if not port_is_busy(port):
            return port
    raise StackError(f"no port from {FREE_PORTS[0]} to {FREE_PORTS[-1]} is free")


def port_is_busy(port: int) -> bool:
    """Whether binding the loopback port fails; a port in TIME_WAIT counts as free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
        return False


def require_port(port: int, name: str) -> None:
    """Refuse to start `name` on a port that another program holds.

    Raises:
        StackError: the port, and the two ways out of it.
    """
    if port_is_busy(port):
        raise StackError(
            f"port {port}, needed by {name}, is in use by another program: "
            f"stop that one, or move this stack with --port-offset N (for example --port-offset 1000)"
        )


def make_folder(folder: Path) -> Path:
    """Create a folder that will be written to.

    Raises:
        StackError: it can't be created or written to, and why.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_bytes(b"wanpu")
        probe.unlink()
    except OSError as error:
        raise StackError(f"{folder} can't be written to ({error.strerror}): {remedy(error)}") from error
    return folder


def remedy(error: OSError) -> str:
    """What to do about a failed write."""
    if error.errno in {28, 122}:  # ENOSPC, EDQUOT
        return "free some disk space, or choose another folder with --data"
    return "choose another folder with --data"


def is_alive(pid: int) -> bool:
    """Whether a process runs under this id; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def stop_leftover(pid: int, mark: str, stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """End a process whose parent died without ending it, if its command line still bears our mark."""
    try:
        process = psutil.Process(pid)
        if mark not in " ".join(process.cmdline()):
            return
        process.send_signal(stop_signal)
        process.wait(LEFTOVER_SECONDS)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(LEFTOVER_SECONDS)


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return ""
    text = log.read_bytes()[-4_000:].decode(errors="replace").strip()
    return "\n".join(text.splitlines()[-lines:])


@dataclass
class Child:
    """A process that we start, watch and end ourselves; it is never a daemon of its own.

    It leads a session of its own, so that Ctrl-C reaches the supervisor alone, which then stops all in order.
    """

    name: str
    command: Sequence[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path | None = None
    account: str | None = None  # the system user it runs as, when we are root and it must not be
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def spawn(self) -> None:
        """Start it without waiting for it to be ready.

        Raises:
            StackError: it could not be started at all.
        """
        make_folder(self.log.parent)
        rotate(self.log)
        try:
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    list(self.command),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=dict(self.env),
                    cwd=self.cwd,
                    start_new_session=True,
                    user=self.account,
                    group=self.account,
                    extra_groups=[] if self.account else None,
                )
        except OSError as error:
            raise StackError(f"{self.name} could not be started ({error}): {remedy(error)}") from error

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll() if self._process else None

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready` says so.

        Raises:
            StackError: it ended, or did not answer in time; with the end of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.is_running():
                raise StackError(f"{self.name} ended while starting ({self.log}):\n{tail(self.log)}")
            if time.monotonic() > deadline:
                self.kill()
                raise StackError(f"{self.name} did not answer within {seconds:.0f} s ({self.log}):\n{tail(self.log)}")
            time.sleep(POLL_SECONDS)

    def stop(self, grace_seconds: float = 15) -> None:
        """Ask it to end, then make it end."""
        if not self._process:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to it and to every process it started, and wait until all are gone."""
        if not self._process:
            return
        family = descendants(self._process.pid)
        self._process.kill()
        self._process.wait()
        end(family)


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def end(family: Sequence[psutil.Process]) -> None:
    """SIGKILL to each, and wait until all are gone."""
    for orphan in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            orphan.kill()
    psutil.wait_procs(family, timeout=LEFTOVER_SECONDS)


def rotate(log: Path) -> None:
    """Keep one older log beside the current one, so that a log never fills the disk over many starts."""
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.replace(log.with_suffix(".1.log"))

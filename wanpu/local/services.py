"""The Python processes of the stack: how each is started and asked whether it is ready."""

import http.client
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from shared.embedded.process import LOOPBACK, require_port
from wanpu.local.nursery import Forked

ROOT = Path(__file__).parents[2]  # of the checkout: `python -m` finds the packages from there
READY_SECONDS = 1.0  # a readiness answer that takes longer is none
STOP_SECONDS = 20.0  # a worker finishes its batch, a server its requests


class PythonProcess:
    """A service's API or worker, or an outside party of the sandbox."""

    def __init__(self, name: str, command: tuple[str, ...], port: int, log: Path, nice: int = 0) -> None:
        self.name = name
        self.command = (*command, "--name", name)
        self.port = port
        self.env: Mapping[str, str] = {}
        self.log = log
        self.nice = nice
        self._child: Forked | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def prepare(self) -> None:
        """Refuse a port that another program holds, before the process says so in its own words."""
        require_port(self.port, self.name)

    def spawn(self) -> None:
        self._child = Forked(self.name, self.command, self.log, self.env, ROOT, self.nice)
        self._child.spawn()

    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running()

    def is_ready(self) -> bool:
        """Its own `/health/ready`."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=READY_SECONDS)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        if self._child:
            self._child.stop(STOP_SECONDS)

    def kill(self) -> None:
        if self._child:
            self._child.kill()


def exists(module: str) -> bool:
    """Whether a module can be imported; asked without importing it."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False

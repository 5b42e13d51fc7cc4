"""Programs under measurement as processes of their own: `python -m bench.jobs <name>`.

A job reads what it is to do as one line of JSON from standard input (it names a password, which has no place on a
command line) and answers with one line of JSON on standard output, before which it may say `ready`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
import uvloop

from bench.servers import Servers

JOB_SECONDS = 300.0  # the longest takes a minute on two free cores
READY = "ready"


@dataclass(frozen=True, slots=True)
class Job:
    """What a measured process is told."""

    dsn: str
    bootstrap: str
    schema: str
    topic: str
    events: int
    postgres_pid: int
    kafka_pid: int
    seconds: float = 0.0

    @classmethod
    def on(cls, servers: Servers, schema: str, topic: str, events: int) -> Job:
        return cls(servers.dsn, servers.kafka.bootstrap, schema, topic, events, *servers.pids)


Doing = Callable[[Job], Coroutine[Any, Any, Any]]


class JobFailed(Exception):
    """A measured process ended badly: its own words are above."""


class Running:
    """A started job."""

    def __init__(self, name: str, job: Job) -> None:
        self.name = name
        # Through a file: a long answer printed into the pipe came out cut off once in ten runs.
        self._answer = Path(tempfile.mkstemp(prefix="wanpu-bench-", suffix=".json")[1])
        command = [sys.executable, "-m", "bench.jobs", name, str(self._answer)]
        folder, pipe = Path(__file__).parents[1], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asdict(job)) + "\n")
        self.process.stdin.flush()

    def wait_ready(self) -> Running:
        """Return when the job says that it is."""
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != READY:
            raise JobFailed(self.name)
        return self

    def answer(self) -> Any:
        """What it measured.

        Raises:
            JobFailed: when it ended with an error.
        """
        if self.process.wait(JOB_SECONDS):
            raise JobFailed(self.name)
        return json.loads(self._answer.read_text())

    def stop(self) -> None:
        """End it if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self._answer.unlink(missing_ok=True)
        with self.process:
            return


def run(name: str, job: Job) -> Any:
    """Start a job and wait for what it measured."""
    running = Running(name, job)
    try:
        return running.answer()
    finally:
        running.stop()


def _quiet() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def main() -> None:
    """The process's side: do what is named and write down what came of it."""
    from bench import consuming, latency, relaying

    doings: dict[str, Doing] = {**relaying.JOBS, **consuming.JOBS, **latency.JOBS}
    job = Job(**json.loads(sys.stdin.readline()))
    _quiet()
    Path(sys.argv[2]).write_text(json.dumps(uvloop.run(doings[sys.argv[1]](job))))


if __name__ == "__main__":
    main()

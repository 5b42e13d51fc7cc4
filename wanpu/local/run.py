"""`wanpu up`, in the foreground and detached, and `wanpu down`."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from shared.embedded.process import StackError, make_folder
from wanpu.local.stack import Stack, end_orphans, named_servers
from wanpu.local.state import read_state, state_file

DOWN_SECONDS = 180.0  # sixteen processes, each with its grace, in reverse order
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Request:
    """What `wanpu up` was asked for."""

    data: Path
    port_offset: int
    quiet_sandbox: bool
    json_logs: bool

    def command(self) -> list[str]:
        """The command of the process that a detached stack runs in."""
        flags = ["--quiet-sandbox"] * self.quiet_sandbox + ["--json-logs"] * self.json_logs
        place = ["--data", str(self.data), "--port-offset", str(self.port_offset)]
        return [sys.executable, "-m", "wanpu", "up", *place, *flags]


def foreground(request: Request) -> None:
    """Run the stack until SIGINT or SIGTERM; a second one is not needed, the first always ends in a full stop."""
    _interrupt_on_signals()
    stack = Stack(
        request.data,
        request.port_offset,
        env=named_servers(),
        quiet_sandbox=request.quiet_sandbox,
        json_logs=request.json_logs,
        progress=say,
    )
    try:
        stack.start()
        say(welcome(stack.urls, request.data))
        threading.Event().wait()  # for ever: only a signal ends it
    except KeyboardInterrupt:
        say("stopping")
    _ignore_signals()
    stack.stop()
    say("stopped; the data stays")


def detached(request: Request) -> None:
    """Start the stack in a session of its own and return when all of it is ready.

    Raises:
        StackError: it could not be started; its own sentence.
    """
    log = make_folder(request.data / "logs") / "stack.log"
    with log.open("ab") as out:
        shown = log.stat().st_size
        child = subprocess.Popen(
            request.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    while True:
        ended = child.poll() is not None
        shown = _pass_on(log, shown)
        if ended:
            raise StackError(f"the stack did not start: see above, or {log}")
        state = read_state(request.data)
        if state.pid == child.pid and state.phase == "ready":
            _pass_on(log, shown)
            return
        time.sleep(POLL_SECONDS)


def down(data: Path) -> None:
    """Stop the stack of this folder, also what a killed supervisor left behind.

    Raises:
        StackError: it does not end.
    """
    state = read_state(data)
    if not state.is_live:
        orphans = end_orphans(data) if state_file(data).exists() else []
        say(f"stopped what was left over: {', '.join(orphans)}" if orphans else f"no stack runs on {data}")
        return
    say(f"stopping the stack on {data}")
    os.kill(state.pid, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while state.is_live:
        if time.monotonic() > deadline:
            raise StackError(f"the stack (process {state.pid}) still runs after {DOWN_SECONDS:.0f} s: see {data}/logs")
        time.sleep(POLL_SECONDS)
    say("stopped; the data stays")


def welcome(urls: Mapping[str, str], data: Path) -> str:
    """What is printed once everything answers."""
    names = {key.removeprefix("WANPU_").removesuffix("_URL").lower(): url for key, url in urls.items()}
    lines = [f"  {name:<11}{url}" for name, url in names.items()]
    return "\n".join(["ready:", *lines, f"  logs       {data}/logs", f"stop it with: wanpu down --data {data}"])


def table(rows: Sequence[Mapping[str, Any]], data: Path) -> str:
    """`wanpu status` for people."""
    if not rows:
        return f"no stack has run on {data}: start one with `wanpu up --data {data}`"
    lines = [f"{'name':<20}{'pid':<10}{'ports':<14}{'state':<12}restarts"]
    for row in rows:
        ports = ",".join(map(str, row["ports"]))
        lines.append(f"{row['name']:<20}{row['pid'] or '-':<10}{ports:<14}{row['state']:<12}{row['restarts']}")
    return "\n".join(lines)


def say(message: str) -> None:
    print(message, flush=True)


def _pass_on(log: Path, shown: int) -> int:
    """Print what the log has gained since, and return its length."""
    with log.open("rb") as lines:
        lines.seek(shown)
        text = lines.read()
    sys.stdout.write(text.decode(errors="replace"))
    sys.stdout.flush()
    return shown + len(text)


def _interrupt_on_signals() -> None:
    """SIGTERM ends the start, or the wait after it, like Ctrl-C does; also where a shell has SIGINT ignored."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, interrupt)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

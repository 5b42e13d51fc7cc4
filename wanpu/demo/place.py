"""Where the demo runs: a stack of its own, or the one that docker compose keeps."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from shared.embedded.process import LOOPBACK, StackError, port_is_busy
from shared.kernel.settings import with_password
from wanpu import keys
from wanpu.layout import AUDITOR, DATABASE, KAFKA_PORT, POSTGRES_PORT, SANDBOX, SERVICES, Ports
from wanpu.local.stack import Stack, named_servers

OFFSETS = range(10_000, 20_000, 100)  # beside a stack on the usual ports, below those that systems give away
# A week in seconds: a code or a payment is waited for as long as the rest of the demo takes.
PERIODS = {
    "WANPU_COD_CONFIRM_SECONDS": "20",
    "WANPU_PREPAID_EXPIRE_SECONDS": "20",
    "WANPU_AFTER_SALE_SECONDS": "60",  # buyers ask for their money back when the cash is on its way
    "WANPU_HOLD_SECONDS": "10",
    "WANPU_PAYOUT_APPROVAL_ABOVE": "150000",  # what suppliers ask for takes a second person here
    # A day of the carrier's lasts a second: what it collects is missing when no statement names it for half a minute.
    "WANPU_CARRIER_CONTRACTS": '{"sandbox": {"unit_seconds": 1, "cycle": {"days": 20}, "grace": 10, "bank_grace": 60}}',
    "WANPU_SANDBOX_PACE": "0.1",
}
COMPOSE_KEYS = Path("secrets")

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A stack that runs; `keys` holds the operator's folder, `logs` says where to look when something is wrong."""

    urls: dict[str, str]
    keys: Path
    bootstrap: str
    auditor_dsn: str
    logs: str


@contextmanager
def embedded(
    say: Say, data: Path | None = None, port_offset: int | None = None, env: Mapping[str, str] = PERIODS
) -> Iterator[Place]:
    """A stack of our own, at the demo's pace unless `env` says otherwise.

    Only one whose `data` is kept may use the servers that the environment names: it keeps their passwords as well.
    """
    servers = named_servers() if data else {}
    with own_stack(say, data, port_offset, env={**env, **servers}) as stack:
        yield place_of(stack)


@contextmanager
def own_stack(
    say: Say, data: Path | None = None, port_offset: int | None = None, *, env: Mapping[str, str]
) -> Iterator[Stack]:
    """A stack that is stopped in the end; its folder is removed if we made it, unless somebody needs its logs."""
    folder = data or Path(tempfile.mkdtemp(prefix="wanpu-demo-"))
    offset = free_offset() if port_offset is None else port_offset
    stack = Stack(folder, offset, env=env, quiet_sandbox=True, progress=say)
    needed = data is not None
    try:
        with until_signal():
            stack.start()
            yield stack
    except Exception:
        needed = True
        raise
    finally:
        say("stopping the stack")
        with _undisturbed():
            stack.stop()
            if not needed:
                stack.remove()


def place_of(stack: Stack) -> Place:
    """Where a stack that runs is found."""
    return Place(
        urls=by_name(stack.urls),
        keys=stack.secrets,
        bootstrap=stack.bootstrap,
        auditor_dsn=stack.auditor_dsn(),
        logs=f"the logs are in {stack.data / 'logs'}",
    )


@contextmanager
def compose(_say: Say) -> Iterator[Place]:
    """The stack of docker compose on its usual ports.

    Raises:
        StackError: its keys are not where compose puts them, or not ours to read.
    """
    folder = Path(os.environ.get("WANPU_KEYS_DIR", COMPOSE_KEYS)).absolute()
    password = _auditor_password(folder)
    with until_signal():
        yield Place(
            urls=by_name(Ports().urls()),
            keys=folder,
            bootstrap=f"{LOOPBACK}:{KAFKA_PORT}",
            auditor_dsn=with_password(f"postgresql://{AUDITOR}@{LOOPBACK}:{POSTGRES_PORT}/{DATABASE}", password),
            logs="see `docker compose logs`",
        )


def _auditor_password(folder: Path) -> str:
    try:
        return keys.read(folder, keys.OPERATOR, keys.AUDITOR_PASSWORD)
    except PermissionError as error:
        raise StackError(
            f"the keys in {folder} belong to another user: write WANPU_UID={os.getuid()} (yours) into .env and run "
            "`docker compose up --build --wait` again, which gives them to you"
        ) from error
    except OSError as error:
        raise StackError(
            f"no keys in {folder} ({error.strerror}): run `docker compose up --build --wait` first, "
            "or name their folder in WANPU_KEYS_DIR"
        ) from error


def by_name(variables: dict[str, str]) -> dict[str, str]:
    """`{"orders": "http://127.0.0.1:8103", …}` from the variables that processes are told."""
    return {name: variables[f"WANPU_{name.upper()}_URL"] for name in (*SERVICES, *SANDBOX)}


def free_offset() -> int:
    """An offset at which every port is free; two demos that start at once look in different places first.

    Raises:
        StackError: there is none.
    """
    first = os.getpid() % len(OFFSETS)
    for offset in chain(OFFSETS[first:], OFFSETS[:first]):
        ports = Ports(offset)
        wanted = [ports.postgres, ports.kafka, ports.kafka_controller, *map(ports.sandbox, SANDBOX)]
        if not any(map(port_is_busy, [*wanted, *map(ports.api, SERVICES), *map(ports.worker, SERVICES)])):
            return offset
    raise StackError("no hundred ports from 10000 on are free: name an offset with --port-offset N")


@contextmanager
def until_signal() -> Iterator[None]:
    """SIGTERM ends it as Ctrl-C does, also where a shell has Ctrl-C ignored, so that nothing is left running."""
    with handling({signal.SIGINT: signal.default_int_handler, signal.SIGTERM: _interrupt}):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of it running."""
    with handling({signal.SIGINT: signal.SIG_IGN, signal.SIGTERM: signal.SIG_IGN}):
        yield


@contextmanager
def handling(handlers: dict[signal.Signals, Any]) -> Iterator[None]:
    """These handlers inside the block, those that were there before after it."""
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    signal.raise_signal(signal.SIGINT)

"""`python -m load run` offers orders and ends non-zero when they were not taken or left a mark on the books.
Its exit codes: 0, 1 (not so, or the load test could not be run), 2 (input that can't be right), 130 (interrupted).

`python -m load prepare` builds the market and writes what other load tools need to order in it.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console
from rich.markup import escape

from load import report
from load.drive import INTERRUPTED, Plan, drive
from load.market import VARIANTS
from load.orders import BUYERS, Mix
from load.prepared import FILE, prepare
from load.target import Target, reach
from shared.embedded.process import StackError
from wanpu.demo.client import DemoError
from wanpu.token import DAY_SECONDS

PLAN = Plan()
FASTEST = 20_000  # orders a second: several times what one Python process sends
OTHER_FILES = 200  # that a client has open beside its connections: HTTP to build the market, the auditor, modules


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; what is wrong with the stack or the market is one sentence and exit code 1."""
    given = _given(arguments)
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    try:
        _make(given.out if given.start else given.file.parent)
        with reach(given.stack, given.data, lambda line: console.print(f"[dim]{line}[/]"), start=given.start) as target:
            console.print(f"the target is {target.what}, orders at {' '.join(target.orders_urls)}", markup=False)
            code: int = given.do(given, target, console)
            return code
    except (DemoError, StackError, ConnectionError) as error:
        console.print(f"[bold red]The load test failed:[/] {escape(str(error))}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted: nothing was written")
        return INTERRUPTED


def _run(given: argparse.Namespace, target: Target, console: Console) -> int:
    _allow_files(given.connections + OTHER_FILES)
    outcome = uvloop.run(drive(target, _plan(given), console))
    written = report.write(outcome, given.out)  # first: nothing that goes wrong on a terminal may lose it
    report.show(outcome, console)
    console.print(f"written: {written}", markup=False)
    return outcome.exit_code


def _prepare(given: argparse.Namespace, target: Target, console: Console) -> int:
    uvloop.run(prepare(target, given.variants, given.buyers, given.file))
    console.print(f"written: {given.file}", markup=False)
    return 0


def _plan(given: argparse.Namespace) -> Plan:
    shape = (given.rate, given.duration, given.connections, given.variants)
    return Plan(*shape, Mix(given.hot, given.cod), given.retry, given.live)


def _make(folder: Path) -> None:
    """The folder for results, before anything is measured."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StackError(f"results can't be written to {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise StackError(f"results can't be written to {folder}: it is not yours to write to")


def _allow_files(wanted: int) -> None:
    """Raise the soft limit as far as it may be; connections that don't stand all the same are told with the result."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _given(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.start and not _plan(given).orders:
        parser.error(f"{given.rate:g} orders a second for {given.duration:g} s make not one order")
    return given


def _parser() -> argparse.ArgumentParser:
    where = argparse.ArgumentParser(add_help=False)
    folder = Path(os.environ.get("WANPU_DATA", ".wanpu"))
    where.add_argument("--stack", choices=("embedded", "compose"), default="embedded", help="see docs/load-testing.md")
    where.add_argument("--data", type=Path, default=folder, help="the folder of a stack that may run here")
    where.add_argument("--variants", type=_count, default=VARIANTS, help="on sale in the load test's shop")
    parser = argparse.ArgumentParser(prog="python -m load", description=__doc__)
    commands = parser.add_subparsers(required=True)
    _add_run(commands.add_parser("run", parents=[where], help="offer orders, compare the books"))
    other = commands.add_parser("prepare", parents=[where], help="build the market for locust, k6 and the like")
    other.add_argument("--buyers", type=_count, default=BUYERS, help="with a token each")
    other.add_argument("--file", type=Path, default=FILE, help="holds tokens: keep it to yourself")
    other.set_defaults(do=_prepare, start=False)  # one of its own would be gone before anybody orders
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument("--rate", type=_rate, default=PLAN.rate, help="orders offered a second")
    run.add_argument("--duration", type=_seconds, default=PLAN.seconds, help="seconds")
    run.add_argument("--connections", type=_count, default=PLAN.connections)
    run.add_argument("--hot", type=_share, default=PLAN.mix.hot, help="share of orders for one and the same listing")
    run.add_argument("--cod", type=_share, default=PLAN.mix.cod, help="share of orders paid on delivery")
    run.add_argument("--retry", action="store_true", help="send what got 429, 503 or no answer again, with its key")
    run.add_argument("--live", action="store_true", help="real buyers order meanwhile: their books may move")
    run.add_argument("--out", type=Path, default=report.RESULTS, help="the folder for JSON and plot")
    run.set_defaults(do=_run, start=True)


def _above_zero(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: give a number above zero")
    return value


def _rate(text: str) -> float:
    value = _above_zero(text)
    if value > FASTEST:
        raise argparse.ArgumentTypeError(
            f"{text!r}: one process sends no more than {FASTEST:,} a second; start several"
        )
    return value


def _seconds(text: str) -> float:
    value = _above_zero(text)
    if value > DAY_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r}: buyers' tokens are good for a day, {DAY_SECONDS:,} s")
    return value


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a share from 0 to 1")
    return value


def _count(text: str) -> int:
    value = _number(text)
    if value < 1 or value % 1:
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number from 1 on")
    return int(value)


def _number(text: str) -> float:
    """NaN, which no limit lets through, when it is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


if __name__ == "__main__":
    sys.exit(main())

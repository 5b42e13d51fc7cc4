"""`python -m load run` offers orders and ends non-zero when they were not taken or left a mark on the books.

`python -m load prepare` builds the market and writes what other load tools need to order in it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich.console import Console

from load import report
from load.drive import Plan, drive
from load.market import VARIANTS
from load.orders import BUYERS, Mix
from load.prepared import FILE, prepare
from load.target import Target, reach
from shared.embedded.process import StackError
from wanpu.demo.client import DemoError

PLAN = Plan()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; what is wrong with the stack or the market is one sentence and exit code 1."""
    given = _parser().parse_args(arguments)
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    try:
        with reach(given.stack, given.data, lambda line: console.print(f"[dim]{line}[/]"), start=given.start) as target:
            code: int = given.do(given, target, console)
            return code
    except (DemoError, StackError, ConnectionError) as error:
        console.print(f"[bold red]The load test failed:[/] {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(given: argparse.Namespace, target: Target, console: Console) -> int:
    mix = Mix(given.hot, given.cod)
    shape = (given.rate, given.duration, given.connections, given.variants)
    outcome = uvloop.run(drive(target, Plan(*shape, mix, given.retry, given.live), console))
    report.show(outcome, console)
    console.print(f"written: {report.write(outcome, given.out)}")
    return 0 if outcome.accepted and not outcome.moved else 1


def _prepare(given: argparse.Namespace, target: Target, console: Console) -> int:
    uvloop.run(prepare(target, given.variants, given.buyers, given.file))
    console.print(f"written: {given.file}")
    return 0


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
    run.add_argument("--rate", type=_above_zero, default=PLAN.rate, help="orders offered a second")
    run.add_argument("--duration", type=_above_zero, default=PLAN.seconds, help="seconds")
    run.add_argument("--connections", type=_count, default=PLAN.connections)
    run.add_argument("--hot", type=_share, default=PLAN.mix.hot, help="share of orders for one and the same listing")
    run.add_argument("--cod", type=_share, default=PLAN.mix.cod, help="share of orders paid on delivery")
    run.add_argument("--retry", action="store_true", help="send what got 429, 503 or no answer again, with its key")
    run.add_argument("--live", action="store_true", help="real buyers order meanwhile: their books may move")
    run.add_argument("--out", type=Path, default=report.RESULTS, help="the folder for JSON and plot")
    run.set_defaults(do=_run, start=True)


def _above_zero(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("give a number above zero")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("give a share from 0 to 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("give a whole number from 1 on")
    return value


if __name__ == "__main__":
    sys.exit(main())

"""`python -m bench [row …] [--quick] [--out DIR]`: ends non-zero when a row misses its target."""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from bench import commissions, consuming, end_to_end, growth, intake, latency, memory, relaying, statements
from bench.end_to_end import town
from bench.report import RESULTS, Report, print_report, print_summary, write_results
from bench.servers import servers
from bench.stand import stand

FEW = 20  # variants and buyers of a market in a quick run

Measure = Callable[[Any], Awaitable[Report]]
Place = Callable[[], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """What is measured, where; `quick` shows that a row works, not how fast it is."""

    place: Place
    measure: Measure
    quick: Measure
    asked_for: bool = False  # takes many minutes: only when it is named


street = partial(town, loadtest=False)  # real orders: those of load tests earn nobody anything

ROWS: dict[str, Row] = {
    "intake": Row(stand, intake.intake, partial(intake.intake, seconds=1, pairs=1)),
    "hot": Row(stand, intake.hot, partial(intake.hot, seconds=1, pairs=1)),
    "alone": Row(stand, intake.alone, partial(intake.alone, seconds=1, pairs=1)),
    "batch": Row(stand, intake.batch, partial(intake.batch, seconds=1, pairs=1)),
    "end_to_end": Row(town, end_to_end.measure, partial(end_to_end.measure, start=50, step_seconds=1, seconds=2)),
    "commissions": Row(street, commissions.measure, partial(commissions.measure, rate=20, seconds=3)),
    "relay": Row(servers, relaying.measure, partial(relaying.measure, events=5_000, pairs=1)),
    "consumer": Row(servers, consuming.measure, partial(consuming.measure, events=5_000, pairs=1)),
    "latency": Row(servers, latency.measure, partial(latency.measure, seconds=2.0)),
    "statements": Row(servers, statements.measure, partial(statements.measure, rows=2_000)),
    "growth": Row(
        stand,
        growth.growth,
        partial(growth.growth, stock_rows=2_000, orders=(1_000, 2_000), seconds=1),
        asked_for=True,
    ),
    "memory": Row(stand, memory.memory, partial(memory.memory, minutes=0.1, look_seconds=0.5), asked_for=True),
}
QUICK: Mapping[Place, Place] = {
    stand: partial(stand, FEW, FEW),
    town: partial(town, FEW, FEW),
    street: partial(street, FEW, FEW),
    servers: servers,
}


async def bench(here: Any, rows: Sequence[str], *, quick: bool, folder: Path, console: Console) -> list[Report]:
    """Measure rows of one place one after the other, print each and write its results."""
    reports = []
    for name in rows:
        row = ROWS[name]
        report = await (row.quick if quick else row.measure)(here)
        print_report(report, console)
        command = f"python -m bench {name}{' --quick' if quick else ''}"
        console.print(f"written: {write_results(report, command, folder).name}\n")
        reports.append(report)
    return reports


async def _everywhere(rows: Sequence[str], *, quick: bool, folder: Path, console: Console) -> list[Report]:
    """Each place is there for its own rows only, so that no other is measured beside it."""
    reports: list[Report] = []
    for place, names in itertools.groupby(rows, key=lambda name: ROWS[name].place):
        async with (QUICK[place] if quick else place)() as here:
            reports += await bench(here, list(names), quick=quick, folder=folder, console=console)
    print_summary(reports, console)
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    usual = [name for name, row in ROWS.items() if not row.asked_for]
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    told = f"of {', '.join(ROWS)}; when none is named {', '.join(usual)}"
    parser.add_argument("rows", nargs="*", metavar="row", help=told)
    parser.add_argument("--quick", action="store_true", help="few events: shows that it works, not how fast")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for JSON and plots")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.rows) - ROWS.keys()):
        parser.error(f"no row {', '.join(unknown)}: there are {', '.join(ROWS)}")
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # no stack may outlive its bench
    console = Console(width=None if Console().is_terminal else 140)
    reports = uvloop.run(_everywhere(given.rows or usual, quick=given.quick, folder=given.out, console=console))
    return 0 if given.quick or all(report.reached for report in reports) else 1


if __name__ == "__main__":
    sys.exit(main())

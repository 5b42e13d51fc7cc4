"""`python -m bench [row …] [--quick] [--out DIR]`: ends non-zero when a row misses its target."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console

from bench import consuming, latency, relaying
from bench.report import RESULTS, Report, print_report, print_summary, write_results
from bench.servers import Servers, servers

Measure = Callable[[Servers], Awaitable[Report]]

ROWS: dict[str, Measure] = {
    "relay": relaying.measure,
    "consumer": consuming.measure,
    "latency": latency.measure,
}
QUICK: dict[str, Measure] = {  # shows that a row works, not how fast it is
    "relay": lambda here: relaying.measure(here, events=5_000, pairs=1),
    "consumer": lambda here: consuming.measure(here, events=5_000, pairs=1),
    "latency": lambda here: latency.measure(here, seconds=2.0),
}


async def bench(here: Servers, rows: Sequence[str], *, quick: bool, folder: Path, console: Console) -> list[Report]:
    """Measure the rows one after the other, print each and write its results."""
    reports = []
    command = " ".join(["python -m bench", *rows, *(["--quick"] if quick else [])])
    for row in rows:
        report = await (QUICK if quick else ROWS)[row](here)
        print_report(report, console)
        console.print(f"written: {write_results(report, command, folder).name}\n")
        reports.append(report)
    print_summary(reports, console)
    return reports


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="row", help=f"of {', '.join(ROWS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="few events: shows that it works, not how fast")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the folder for JSON and plots")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.rows) - ROWS.keys()):
        parser.error(f"no row {', '.join(unknown)}: there are {', '.join(ROWS)}")
    rows = given.rows or list(ROWS)
    reports = asyncio.run(_on_servers_of_its_own(rows, quick=given.quick, folder=given.out))
    return 0 if given.quick or all(report.reached for report in reports) else 1


async def _on_servers_of_its_own(rows: Sequence[str], *, quick: bool, folder: Path) -> list[Report]:
    async with servers() as here:
        return await bench(here, rows, quick=quick, folder=folder, console=Console())


if __name__ == "__main__":
    sys.exit(main())

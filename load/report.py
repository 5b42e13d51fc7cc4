"""What a load test found: a table, a JSON file with the machine it ran on, a plot."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from load.drive import Outcome
from load.run import UNKNOWN

RESULTS = Path(__file__).parent / "results"
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}
DOTS = 20_000  # in the plot: more only make the file larger


def show(outcome: Outcome, console: Console) -> None:
    """The figures and the verdict."""
    plan, run = outcome.plan, outcome.run
    table = Table(
        "answer", "requests", "a second", *PERCENTILES, title=f"{plan.rate:g} orders/s for {plan.seconds:g} s"
    )
    table.caption = "milliseconds from the moment an order was due, waiting for a connection included"
    for column in table.columns[1:]:
        column.justify = "right"
    for status, count in run.answers.items():
        taken = (f"{1000 * run.percentile(percent, status):,.1f}" for percent in PERCENTILES.values())
        table.add_row(_name(status), f"{count:,}", f"{count / run.seconds:,.1f}", *taken)
    if run.unsent:
        table.add_row("never sent", f"{run.unsent:,}")
    console.print(table)
    console.print(f"the load itself took {1e6 * _cpu_each(outcome):.0f} µs of CPU a request")
    for sentence in verdict(outcome):
        console.print(sentence)


def verdict(outcome: Outcome) -> list[str]:
    """One sentence a question: was the rate accepted, are the books as they were?"""
    good, bad = "[green]✓[/]", "[bold red]✗[/]"
    plan, run = outcome.plan, outcome.run
    took = f"{run.goodput:,.1f} orders a second were taken of {plan.rate:g} offered"
    said = [f"{good if outcome.accepted else bad} {took}"]
    if outcome.tally.refusal:
        said.append(f"  the last refusal: {outcome.tally.refusal[:300].decode(errors='replace')}")
    if outcome.left:
        said.append(f"[yellow]![/] still on its way when the books were read again: {'; '.join(outcome.left)}")
    if outcome.moved:
        advice = (
            "real buyers ordered meanwhile? then say LIVE=1" if not plan.live else "this is a bug: please report it"
        )
        return [*said, f"{bad} the books moved ({advice})", *(f"  {each}" for each in outcome.moved)]
    return [*said, f"{good} no balance and no journal has moved"]


def write(outcome: Outcome, folder: Path = RESULTS) -> Path:
    """`<time>-load.json`, and the plot beside it; returns the JSON's path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y-%m-%dT%H%M%S}-load.json"
    path.write_text(json.dumps({"measured_at": now.isoformat(timespec="seconds"), **found(outcome)}, indent=2) + "\n")
    _plot(outcome, path.with_suffix(".png"))
    return path


def found(outcome: Outcome) -> dict[str, Any]:
    """All figures, seconds as seconds."""
    run = outcome.run
    latency = {
        name: round(run.percentile(percent, 201), 6) for name, percent in PERCENTILES.items() if 201 in run.taken
    }
    return {
        "offered": asdict(outcome.plan),
        "seconds": round(run.seconds, 3),
        "orders_per_second": round(run.goodput, 2),
        "answers": {_name(status): count for status, count in run.answers.items()},
        "never_sent": run.unsent,
        "latency_of_orders_seconds": latency,
        "client_cpu_seconds_per_request": round(_cpu_each(outcome), 7),
        "accepted": outcome.accepted,
        "books_moved": outcome.moved,
        "still_on_its_way": outcome.left,
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "system": f"{platform.system()} {platform.release()}",
            "python": platform.python_version(),
        },
    }


def _name(status: int) -> str:
    return "unknown" if status == UNKNOWN else str(status)


def _cpu_each(outcome: Outcome) -> float:
    return outcome.run.cpu_seconds / max(1, len(outcome.tally.status))


def _plot(outcome: Outcome, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, (over_time, shares) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    for status in outcome.run.answers:
        _draw_over_time(over_time, outcome, status)
        taken = sorted(outcome.run.taken[status])
        shares.plot(
            [1000 * each for each in taken],
            [100 * (n + 1) / len(taken) for n in range(len(taken))],
            label=_name(status),
        )
    over_time.set(xlabel="seconds since the start (when due)", ylabel="milliseconds", yscale="log")
    shares.set(xlabel="milliseconds", ylabel="% within", xscale="log")
    for axes in (over_time, shares):
        axes.grid(alpha=0.3)
        if outcome.run.answers:
            axes.legend()
    figure.suptitle(f"{outcome.plan.rate:g} orders/s offered, {outcome.run.goodput:,.0f} taken", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _draw_over_time(axes: Any, outcome: Outcome, status: int) -> None:
    tally = outcome.tally
    places = [place for place, each in enumerate(tally.status) if each == status]
    shown = places[:: max(1, len(places) // DOTS)]
    axes.plot(
        [tally.due[n] for n in shown], [1000 * tally.taken[n] for n in shown], ".", markersize=2, label=_name(status)
    )

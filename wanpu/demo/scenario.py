"""The demo's acts in their order."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from rich.console import Console

from wanpu.demo import fulfilment, market, shopping, story
from wanpu.demo.client import DemoError, Platform
from wanpu.demo.market import Market
from wanpu.demo.place import Place
from wanpu.demo.shopping import Fate, Order
from wanpu.reconcile import History, load_routers, reconcile, report, until_quiet

QUIET_SECONDS = 30.0

T = TypeVar("T")


class Stage:
    """Says what is going on, and how long each act took."""

    def __init__(self, console: Console) -> None:
        self.console = console

    async def act(self, doing: str, act: Awaitable[T]) -> T:
        """One act under its name."""
        began = time.monotonic()
        with self.console.status(doing):
            result = await act
        self.console.print(f"[green]✓[/] {doing} [dim]{time.monotonic() - began:.1f} s[/]")
        return result


async def play(place: Place, console: Console, seed: int) -> bool:
    """Play all acts; whether every invariant holds.

    Raises:
        DemoError: something did not happen; one sentence on what.
    """
    stage = Stage(console)
    async with Platform(place.urls, place.keys) as platform:
        town = Market(platform)
        await stage.act("3 suppliers publish 20 products, deliver stock and make 6 offers", market.supply(town))
        await stage.act("5 creators open shops, adopt offers and write articles", market.open_shops(town))
        orders = await _sell(stage, town, random.Random(seed))
        ends = await _fulfil(stage, platform, orders)
        console.print(story.fates(ends))
        events = await stage.act("the topics are read from their beginning", story.told(place.bootstrap))
        console.print(story.trail(story.exemplary(orders), events))
        console.print(await story.owed(town, events))
        return await check(stage, place, platform.history)


async def _sell(stage: Stage, town: Market, chance: random.Random) -> list[Order]:
    orders = await stage.act("buyers come by six ways and order", shopping.place_orders(town, chance))
    scarce, refused = await stage.act("four buyers want five pieces", shopping.sell_out(town))
    stage.console.print(f"  {refused} of them were refused: out of stock")
    doing = "buyers pay, type codes from their phones, change their minds"
    await stage.act(doing, shopping.settle(town.platform, orders))
    return orders + scarce


async def _fulfil(stage: Stage, platform: Platform, orders: list[Order]) -> Counter[tuple[Fate, str]]:
    await stage.act("buyers cancel what still stands at the supplier's", fulfilment.call_back(platform, orders))
    doing = "suppliers hand over; two buyers cancel too late"
    parcels = await stage.act(doing, fulfilment.hand_over(platform, orders))
    stage.console.print(f"  {parcels} parcels are with the carrier")
    return await stage.act("the carrier delivers, collects, fails, loses", fulfilment.see_ends(platform, orders))


async def check(stage: Stage, place: Place, history: History) -> bool:
    """Invariants 1 to 8 over all schemas and topics, and over what was promised to us; whether all hold."""
    routers = load_routers()
    waiting = until_quiet(place.auditor_dsn, place.bootstrap, routers, seconds=QUIET_SECONDS)
    left = await stage.act("nothing is left to send or to apply", waiting)
    if left:
        raise DemoError(f"after {QUIET_SECONDS:.0f} s there still was: {'; '.join(left)}")
    checking = reconcile(place.auditor_dsn, place.bootstrap, history, routers=routers)
    findings = await stage.act("every schema is compared with every topic", checking)
    stage.console.print(report(findings))
    return all(finding.holds for finding in findings)

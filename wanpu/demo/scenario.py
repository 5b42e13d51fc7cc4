"""The demo's acts in their order."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from rich.console import Console

from wanpu.demo import cash, fulfilment, market, payouts, shopping, story, tables
from wanpu.demo.cash import Desk
from wanpu.demo.client import DemoError, Platform
from wanpu.demo.market import Market
from wanpu.demo.payouts import Payout
from wanpu.demo.place import Place
from wanpu.demo.shopping import Fate, Order
from wanpu.demo.topics import told
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
        desk = Desk(town, orders, place.bootstrap)
        paid = await _settle_up(stage, desk)
        events = await stage.act("the topics are read from their beginning", told(place.bootstrap))
        console.print(story.trail(story.exemplary(orders), events))
        console.print(tables.cash(await cash.where(desk)))
        console.print(tables.discrepancies(await cash.discrepancies(desk)))
        if paid:
            console.print(tables.payouts(paid, town.names))
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


async def _settle_up(stage: Stage, desk: Desk) -> list[Payout]:
    """From the couriers' pockets to the bank, and from there to everybody; the payouts that were made."""
    stating = cash.state(desk, cash.SLIPS)
    matched = await stage.act("the carrier states its cash, with five slips in it; rows are matched", stating)
    stage.console.print(f"  {matched} rows of it were matched without a hand")
    await stage.act("the bank credits the statement in two parts", cash.credit(desk))
    await stage.act("two buyers want money back for a piece; suppliers approve", payouts.ask_refunds(desk))
    await stage.act("an operator decides what does not fit", cash.decide(desk))
    routes = await stage.act("refunds go back to cards and accounts", payouts.pay_refunds(desk))
    stage.console.print("  " + ", ".join(f"{count} by {route}" for route, count in sorted(routes.items())))
    await stage.act("the payment provider settles, less its fee", payouts.settle(desk))
    left_out = set((await desk.waybills("missing")).values())
    waiting = payouts.until_available(desk, left_out)
    held_until = await stage.act("holds end; what is banked becomes available", waiting)
    if held_until:
        stage.console.print(f"  held until {held_until:%Y-%m-%d %H:%M}, as in real life: nobody is paid out today")
        await stage.act("the carrier states what it had left out, and the bank has it", _bank_the_rest(desk))
        return []
    asking = payouts.pay_out(desk)
    paid = await stage.act("suppliers and creators are paid; one transfer fails, one comes back", asking)
    await _late_cash(stage, desk)
    return paid


async def _late_cash(stage: Stage, desk: Desk) -> None:
    """What the carrier left out is found by the clock; then it comes, and its parties have theirs as well."""
    await stage.act("cash that no statement names is found missing", cash.find_missing(desk))
    await stage.act("the next statement names it, and the bank has it", _bank_the_rest(desk))
    await stage.act("what was held for it becomes available", payouts.until_available(desk))


async def _bank_the_rest(desk: Desk) -> None:
    await cash.state(desk)
    await cash.credit(desk)
    await cash.decide(desk)


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

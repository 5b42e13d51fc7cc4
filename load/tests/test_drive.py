"""An interruption ends what is waited for, and nothing that was measured is lost."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from rich.console import Console

from load import books, drive, market, orders
from load.books import Books
from load.drive import Outcome, Plan
from load.market import Listing, Market
from load.orders import Buyer
from load.target import Target
from load.tests.server import answer, serving
from load.wire import Address
from wanpu.demo import place as places
from wanpu.demo.client import DemoError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PLAN = Plan(rate=200, seconds=30, connections=2)
Go = Callable[[int], None]


class Town:
    """A server that takes every order, and what is done when it has taken so many."""

    def __init__(self) -> None:
        self.address: Address = ("", 0)
        self.taken = 0
        self.then: dict[int, Callable[[], None]] = {}

    async def take(self, _request: bytes, writer: asyncio.StreamWriter) -> None:
        self.taken += 1
        writer.write(answer())
        self.then.get(self.taken, lambda: None)()

    async def load(self, plan: Plan = PLAN) -> Outcome:
        urls = {"orders": f"http://127.0.0.1:{self.address[1]}"}
        return await drive.drive(Target(urls, (self.address,), Path(), None, None), plan, Console(file=io.StringIO()))


@pytest.fixture
async def town(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    """Its market is there already and its books stand still."""
    listing = Listing("l", "v", 5_000)

    async def build(*_: object) -> Market:
        return Market("shop", "supplier", "creator", "referrer", (listing,))

    async def arrive(*_: object) -> list[Buyer]:
        return [Buyer("buyer", "token", "touch")]

    async def read(*_: object) -> Books:
        return Books({"balance of the supplier": 0})

    monkeypatch.setattr(market, "build", build)
    monkeypatch.setattr(orders, "arrive", arrive)
    monkeypatch.setattr(books, "read", read)
    monkeypatch.setattr(books, "BLIND_SECONDS", 0.0)
    made = Town()
    async with serving(made.take) as made.address:
        yield made


async def test_a_run_that_nobody_interrupts_is_whole(town: Town) -> None:
    found = await town.load(Plan(rate=200, seconds=0.1, connections=2))
    assert (found.run.due, found.run.answers, found.exit_code) == (20, {201: 20}, 0)


@pytest.mark.parametrize("number", SIGNALS)
async def test_an_interrupted_load_ends_and_compares_the_books(town: Town, number: int) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    town.then[10] = lambda: os.kill(os.getpid(), number)
    found = await asyncio.wait_for(town.load(), 10)
    assert found.interrupted
    assert 10 <= found.run.due < PLAN.orders
    assert found.run.answers == {201: found.run.due}
    assert (found.moved, found.exit_code) == ([], drive.INTERRUPTED)
    assert [signal.getsignal(each) for each in SIGNALS] == before


async def test_an_interruption_while_events_arrive_keeps_what_was_measured(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle(_target: Target) -> list[str]:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(books, "settle", settle)
    found = await asyncio.wait_for(town.load(Plan(rate=200, seconds=0.1, connections=2)), 10)
    assert (found.run.answers, found.interrupted, found.moved) == ({201: 20}, True, None)


async def test_books_that_cannot_be_read_again_keep_what_was_measured(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def settle(_target: Target) -> list[str]:
        raise DemoError("the platform is gone")

    monkeypatch.setattr(books, "settle", settle)
    found = await town.load(Plan(rate=200, seconds=0.1, connections=2))
    assert (found.moved, found.left, found.exit_code) == (None, ["DemoError: the platform is gone"], 1)


async def test_without_the_auditor_a_fixed_time_is_waited_for_events(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert await books.settle(Target({}, (), Path(), None, None)) == []
    assert slept == [books.BLIND_SECONDS]


async def test_a_second_interruption_does_what_the_first_did_before() -> None:
    seen: list[int] = []
    usual = {number: lambda number, _frame: seen.append(number) for number in SIGNALS}
    with places.handling(usual):
        for number in SIGNALS:
            with drive._stopping() as stop:
                signal.raise_signal(number)
                await asyncio.wait_for(stop.wait(), 5)
                assert seen == []
                signal.raise_signal(number)
                assert seen == [number]
                seen.clear()

"""Random histories through the service's own use cases on a real PostgreSQL, held against the pure domain's.

`PG_HISTORIES=500` plays more of them than a test run does (`make fault`, F15).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from services.orders.domain.ledger import JournalKind
from services.orders.tests.histories import ledger
from services.orders.tests.histories.dice import play as pure
from services.orders.tests.histories.dice import steps
from services.orders.tests.histories.planted import IN_THE_SERVICE, Plant
from services.orders.tests.histories.real import Real
from services.orders.tests.histories.world import World
from services.orders.tests.journey import Journey
from services.orders.tests.market import Market
from shared.kernel.database import Database
from shared.kernel.testing import Templates

HISTORIES = int(os.environ.get("PG_HISTORIES", "40"))
SEED = int(os.environ.get("HISTORIES_SEED", "15"))
SHORTEST, LONGEST = 10, 90  # bytes
AT_ONCE = 20  # histories in one test, so that a failing one is named and the others go on

Play = Callable[[bytes], Awaitable[World]]


def histories(count: int, seed: int = SEED) -> list[bytes]:
    """The same histories for a seed."""
    chance = random.Random(seed)
    return [chance.randbytes(chance.randint(SHORTEST, LONGEST)) for _ in range(count)]


@pytest.fixture
def play(templates: Templates) -> Play:
    """Play a history on a database of its own."""

    @asynccontextmanager
    async def fresh() -> AsyncIterator[Database]:
        dsn = await templates.copy("orders", None)
        db = await Database.open(dsn, "orders", size=2)
        yield db
        await db.close()
        await templates.drop(dsn)

    async def run(history: bytes) -> World:
        async with fresh() as db:
            world = World()
            real = Real(Journey(Market(db)), world)
            over = False
            for _ in steps(world, history):
                await real.catch_up()
                if not over and "the last order" in world.orders:
                    over = True
                    await ledger.compare(real)
            await real.catch_up()
            await ledger.compare(real)
            await ledger.check(db)
            return world

    return run


@pytest.mark.parametrize("first", range(0, HISTORIES, AT_ONCE))
async def test_the_service_books_what_the_pure_domain_books(play: Play, first: int) -> None:
    for history in histories(HISTORIES)[first : first + AT_ONCE]:
        try:
            await play(history)
        except Exception as error:
            error.add_note(f"the history was {history.hex()}")
            raise


ENOUGH = 25  # telling histories until a planted bug must have shown
SEEN_THROUGH = 600  # in memory, to find so many


def telling(kinds: set[JournalKind]) -> list[bytes]:
    """The histories that book these most often: in others a bug in them hardly shows."""

    def count(history: bytes) -> int:
        booked = Counter(kind for _, kind, _ in pure(history).books.posted)
        return min(booked[kind] for kind in kinds)

    return sorted(histories(SEEN_THROUGH), key=count, reverse=True)[:ENOUGH]


@pytest.mark.parametrize("plant", IN_THE_SERVICE, ids=[plant.__name__ for plant in IN_THE_SERVICE])
async def test_the_histories_find_it_in_the_service(play: Play, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = telling(IN_THE_SERVICE[plant])
    plant(monkeypatch)
    for history in chosen:
        try:
            await play(history)
        except AssertionError:
            return
    pytest.fail(f"none of {len(chosen)} histories noticed it")

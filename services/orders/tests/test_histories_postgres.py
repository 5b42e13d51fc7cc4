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

from services.orders.domain import payouts
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
USUAL_SEED = 15
SEED = int(os.environ.get("HISTORIES_SEED", USUAL_SEED))
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
        try:
            yield db
        finally:
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


# What random histories found once is played in every run.
FOUND = {
    "a sum in another currency that was settled as if it were in the order's": (
        "c17717af2abe4c9109c262c40d880413d61012482ecb85fbc1c2f021b7863e4d00442e604ad1218637da53e4bfbd717d455d1f5d"
        "02c1ec784d374f912fd1a70418934090195ba8e4cd60d9ceaf58147ebfee28eea5b664"
    ),
    "a share that waited for nothing but a refund that was refused": (
        "e2026457de3a01a75aeb3d72f2e7d3dcbee0904bb06a959ef50e70628662880e2104f5fc29755114329a8082910619b9469b9b9b"
        "bb5d30c8062e096583dd89"
    ),
    "a cent that two parties might give back": (
        "8018cf0c18a28887081dba0360187e1437801cfaf5719fbe9c1dcfb23a73dc173b1c2b3c6ee8972368f701e577a557d1e6c77303"
        "a104120cdb9cdbf24b26dd53a98c6b06b7297f5e0bb9a9320d3fe5cd3adf11"
    ),
    "a payout that came back after the bank had taken its money": (
        "a72265282832a62d9834b0e3e36432f608215da5da619f51adb7890ed2b4ac0737a6ae7fd6238a2875d3899a4b2caf474835d10a"
        "8947dbd8b5689a7c3c384fb345fba307ba62ee46b8ac2ac45f5fbfc40a01"
    ),
}


@pytest.mark.parametrize("what", FOUND)
async def test_what_a_history_found_once_stays_mended(play: Play, what: str) -> None:
    await play(bytes.fromhex(FOUND[what]))


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
    """The histories that book these most often: in others a bug in them hardly shows. Without any, those in which the
    bank's account refuses most payouts."""

    def count(history: bytes) -> int:
        refused, posted = seen_through(history)
        return min((posted[kind] for kind in kinds), default=refused)

    return sorted(histories(SEEN_THROUGH, USUAL_SEED), key=count, reverse=True)[:ENOUGH]


def seen_through(history: bytes) -> tuple[int, Counter[str]]:
    """In memory: how often the bank's account refused a payout, and how many journals of each kind were booked."""
    refused, right = 0, payouts.check_banked

    def check_banked(amount: int, free: int) -> None:
        nonlocal refused
        refused += amount > free
        right(amount, free)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(payouts, "check_banked", check_banked)
        world = pure(history)
    return refused, Counter(kind for _, kind, _ in world.books.posted)


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

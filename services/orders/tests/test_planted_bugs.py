"""The histories find what is wrong: each planted bug within a bounded number of them, the same ones every time.

A bug of the domain is looked for in memory, one of the use cases or the SQL on PostgreSQL.
"""

from __future__ import annotations

import pytest

from services.orders.tests.histories.dice import play
from services.orders.tests.histories.planted import PURE, Plant
from services.orders.tests.test_histories import seeded
from shared.kernel.errors import Rejected

ENOUGH = 400  # histories; the rarest bug shows in about one of fifty


def test_without_a_bug_these_histories_are_sound() -> None:
    for history in seeded(ENOUGH):
        play(history)


@pytest.mark.parametrize("plant", PURE, ids=[plant.__name__ for plant in PURE])
def test_the_histories_find_it(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    assert found_after(ENOUGH), "no history noticed it"


def found_after(enough: int) -> int | None:
    """How many histories it took until one noticed."""
    for number, history in enumerate(seeded(enough), 1):
        try:
            play(history)
        except (AssertionError, Rejected):  # or the product's own second line refuses what it let through
            return number
    return None

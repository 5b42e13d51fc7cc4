"""Random histories on the pure domain: after every step the laws of money hold, and in the end the books close.

`HISTORIES=20000` plays more of them than a test run does (`make fault`, F15).
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.orders.domain.ledger import JournalKind
from services.orders.tests.histories.dice import play

HISTORIES = int(os.environ.get("HISTORIES", "2000"))
LONGEST = 260  # bytes: about a hundred steps
KINDS = set(JournalKind.__args__)  # type: ignore[attr-defined]


def histories(longest: int = LONGEST) -> st.SearchStrategy[bytes]:
    """Their length is drawn first, so that a shorter one is looked for first when one fails."""
    return st.integers(0, longest).flatmap(lambda size: st.binary(min_size=size, max_size=size))


@settings(
    max_examples=HISTORIES,
    deadline=None,
    derandomize="HISTORIES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(history=histories())
def test_whatever_happens_the_laws_of_money_hold(history: bytes) -> None:
    play(history)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_histories_book_every_row_of_the_ledgers_table(kind: str, booked: set[str]) -> None:
    assert kind in booked


@pytest.fixture(scope="module")
def booked() -> set[str]:
    """The kinds of journals in a few hundred histories."""
    found: set[str] = set()
    for history in seeded(400):
        found |= {kind for _, kind, _ in play(history).books.posted}
    return found


def seeded(count: int, seed: int = 15) -> list[bytes]:
    """The same histories every time."""
    import random

    chance = random.Random(seed)
    return [chance.randbytes(chance.randint(20, LONGEST)) for _ in range(count)]

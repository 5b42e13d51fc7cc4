"""As many are let in as can be decided in time."""

from __future__ import annotations

import pytest

from shared.kernel.errors import Rejected
from shared.kernel.group_commit.admission import ALWAYS, IN_TIME, KNOWN_SECONDS, Admission, Limits


def room(door: Admission, now: float, waiting: int = 0) -> int:
    """How many may be inside at most."""
    for inside in range(10_000):
        try:
            door.admit(inside, waiting, now)
        except Rejected as refused:
            assert refused.code == "too_many_requests"
            return inside
    return 10_000


def pressed(rate: float, *, seconds: float = 3.0, start: float = 100.0) -> tuple[Admission, float]:
    """A door behind which so many are decided a second while more than enough wait."""
    door, now = Admission(Limits()), start
    for _ in range(int(seconds * 10)):
        door.decided(int(rate / 10), 1_000, now)
        now += 0.1
    return door, now


def test_nothing_is_known_at_first_and_the_queue_alone_is_a_bound() -> None:
    door = Admission(Limits(queue=5))
    door.admit(9_999, 4, 1.0)
    with pytest.raises(Rejected, match="too_many_requests"):
        door.admit(5, 5, 1.0)


@pytest.mark.parametrize("rate", [50.0, 500.0, 2_000.0])
def test_no_more_are_inside_than_can_be_decided_in_time(rate: float) -> None:
    door, now = pressed(rate)
    assert room(door, now) == pytest.approx(IN_TIME * 3.0 * rate, rel=0.05)


def test_two_batches_that_end_in_one_moment_are_no_high_rate() -> None:
    door = Admission(Limits())
    for tenth in range(30):
        for moment in (0.0, 0.00002):
            door.decided(50, 1_000, tenth / 10 + moment)
    assert room(door, 3.0) == pytest.approx(IN_TIME * 3.0 * 1_000, rel=0.1)


def test_what_is_decided_without_pressure_says_nothing() -> None:
    door = Admission(Limits())
    for tenth in range(100):
        door.decided(1, 3, tenth / 10)
    assert room(door, 10.0) == 10_000


def test_a_fault_says_nothing_of_how_fast_it_goes() -> None:
    door, now = pressed(50.0)
    door.decided(0, 1_000, now + 3)
    assert room(door, now + 3) == 10_000


def test_a_pause_is_no_measure() -> None:
    door = Admission(Limits())
    door.decided(1, 1_000, 100.0)
    door.decided(1, 1_000, 100.4)
    assert room(door, 100.4) == 10_000


def test_a_few_are_let_in_however_slow_it_goes_so_that_it_is_found_out_when_it_is_fast_again() -> None:
    door, now = pressed(10.0)
    assert room(door, now) == ALWAYS
    for _ in range(20):  # somebody is turned away between any two answers
        room(door, now)
        now += 0.02
        door.decided(ALWAYS, 0, now)
    assert room(door, now) > 4 * ALWAYS


def test_what_was_measured_long_ago_is_forgotten() -> None:
    door, now = pressed(50.0)
    assert room(door, now + KNOWN_SECONDS - 0.2) < 200
    assert room(door, now + KNOWN_SECONDS + 0.2) == 10_000


def test_who_is_turned_away_learns_when_those_inside_will_be_decided() -> None:
    door, now = pressed(100.0)
    with pytest.raises(Rejected) as refused:
        door.admit(1_000, 0, now)
    assert refused.value.retry_after_seconds == pytest.approx(10, abs=1)


@pytest.mark.parametrize("rate", [0.5, 9.0, 1_000.0])
def test_a_cap_of_any_size_lets_somebody_in(rate: float) -> None:
    door, taken = Admission(Limits(rate=rate)), 0
    for tick in range(1_000):  # ten seconds, asked every hundredth
        try:
            door.admit(0, 0, 1.0 + tick / 100)
        except Rejected:
            continue
        door.count()
        taken += 1
    assert taken == pytest.approx(min(1_000, 10 * rate), rel=0.1)

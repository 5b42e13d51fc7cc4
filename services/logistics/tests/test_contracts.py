"""What was agreed with a carrier, alone: fees, and the day by which money is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logistics.domain import Contract, Cycle, Fee
from services.logistics.settings import Settings

MONDAY = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)
CYCLES = st.one_of(
    st.builds(Cycle, days=st.integers(0, 60)),
    st.builds(Cycle, weekdays=st.sets(st.integers(0, 6), min_size=1, max_size=2).map(tuple)),
)
CONTRACTS = st.builds(
    Contract,
    cycle=CYCLES,
    grace=st.floats(0, 10, allow_nan=False),
    unit_seconds=st.sampled_from([1.0, 2.5, 60.0, 86_400.0]),
)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zone is given


@pytest.mark.parametrize(
    ("cycle", "due"),
    [
        (Cycle(days=0), 24),
        (Cycle(days=1), 25),
        (Cycle(weekdays=(0,)), 31),  # collected on a Monday: the next one
        (Cycle(weekdays=(1, 4)), 25),
        (Cycle(weekdays=(4,)), 28),
    ],
)
def test_cash_is_due_by_the_end_of_its_day(cycle: Cycle, due: int) -> None:
    end = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=due - 1)
    assert Contract(cycle=cycle, grace=0).remit_by(MONDAY) == end
    assert Contract(cycle=cycle, grace=1.5).remit_by(MONDAY) == end + timedelta(days=1.5)


@given(CONTRACTS, MOMENTS, MOMENTS)
def test_what_is_collected_later_is_not_due_earlier_and_all_is_due_after_it_was_collected(
    contract: Contract, one: datetime, other: datetime
) -> None:
    first, second = sorted((one, other))
    assert contract.remit_by(first) <= contract.remit_by(second)
    unit = timedelta(seconds=contract.unit_seconds)
    longest = (contract.cycle.days if contract.cycle.days is not None else 7) + 1
    wait = contract.remit_by(first) - first - contract.grace * unit
    assert timedelta(0) < wait + timedelta(microseconds=1)
    assert wait <= longest * unit + timedelta(microseconds=1)


@given(st.sets(st.integers(0, 6), min_size=1).map(tuple), MOMENTS)
def test_a_cycle_by_weekday_ends_with_one_of_its_days(weekdays: tuple[int, ...], at: datetime) -> None:
    due = Contract(cycle=Cycle(weekdays=weekdays), grace=0).remit_by(at) - timedelta(microseconds=1)
    assert due.weekday() in weekdays
    assert due.date() > at.date()


@given(st.builds(Fee, st.integers(0, 10**6), st.integers(0, 10**6)), st.integers(0, 10**12))
def test_a_fee_is_its_share_rounded_half_up_and_not_below_the_minimum(fee: Fee, gross: int) -> None:
    kept = fee.of(gross)
    if gross == 0:
        assert kept == 0
    elif kept > fee.minimum:
        assert abs(2 * kept * 10**6 - 2 * gross * fee.ppm) <= 10**6
    else:
        assert kept == fee.minimum
    assert Fee(5_000, 0).of(100) == 1  # half a unit counts


def test_a_way_back_costs_what_the_contract_says_of_its_reason() -> None:
    contract = Contract()
    assert contract.charge("refused") == (800, "supplier")
    assert contract.charge("undeliverable") == (800, "platform")
    assert contract.charge(None) is None
    assert Contract(return_fee={"refused": 0}).charge("refused") is None


def test_contracts_come_from_the_settings_and_a_misspelt_one_ends_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    told = (
        '{"swift": {"fee": {"ppm": 20000}, "cycle": {"weekdays": [0, 3]}, "unit_seconds": 2}, "default": {"grace": 9}}'
    )
    monkeypatch.setenv("WANPU_CARRIER_CONTRACTS", told)
    rules = Settings.load().rules
    assert rules.contract("swift").fee == Fee(20_000, 100)
    assert rules.contract("swift").cycle.weekdays == (0, 3)
    assert rules.contract("other").grace == 9
    for wrong in (
        '{"a": {"fees": {}}}',
        '{"a": {"fee": {"ppm": 1000001}}}',
        '{"a": {"cycle": {}}}',
        '{"a": {"cycle": {"weekdays": [7]}}}',
        '{"a": {"cycle": {"days": 1000}}}',
        '{"a": {"unit_seconds": 0}}',
        '{"a": {"return_fee": {"refused": -1}}}',
        '{"a": {"currency": "yuan"}}',
    ):
        monkeypatch.setenv("WANPU_CARRIER_CONTRACTS", wrong)
        with pytest.raises(SystemExit, match="CARRIER_CONTRACTS"):
            Settings.load()

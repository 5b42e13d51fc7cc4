"""The parcel's machine, alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logistics.domain import ENDED, LEGAL, MAX_ATTEMPTS, Parcel, ParcelKind, Report, hear
from services.logistics.domain.parcel import AHEAD
from shared.contracts.values import ParcelState

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
KINDS: tuple[ParcelKind, ...] = get_args(ParcelKind)
HANDED_OVER = Parcel("HANDED_OVER")


def at(minutes: int, kind: ParcelKind, reason: str | None = None) -> Report:
    return Report(kind, NOON + timedelta(minutes=minutes), reason)


def travel(*reports: Report, parcel: Parcel = HANDED_OVER) -> Parcel:
    for report in reports:
        parcel = (*([parcel]), *hear(parcel, report).steps)[-1]
    return parcel


reports = st.lists(st.builds(at, st.integers(0, 20), st.sampled_from(KINDS), st.sampled_from([None, "damaged"])))


def test_every_state_has_its_place_in_the_machine() -> None:
    assert set(LEGAL) == set(get_args(ParcelState))
    assert {following for states in LEGAL.values() for following in states} <= set(LEGAL)


@given(reports)
def test_whatever_is_reported_in_whatever_order_each_step_is_one_the_machine_allows(told: list[Report]) -> None:
    parcel = HANDED_OVER
    for report in told:
        for step in hear(parcel, report).steps:
            assert step.state in AHEAD[parcel.state]
            assert parcel.attempts <= step.attempts <= MAX_ATTEMPTS
            parcel = step


@given(reports)
def test_a_parcel_that_ended_stays_as_it_ended(told: list[Report]) -> None:
    parcel = HANDED_OVER
    for report in told:
        after = travel(report, parcel=parcel)
        assert parcel.state not in ENDED or after == parcel
        parcel = after


@given(reports, st.data())
def test_a_report_heard_twice_moves_nothing_the_second_time(told: list[Report], data: st.DataObject) -> None:
    parcel = HANDED_OVER
    for report in told:
        parcel = travel(report, parcel=parcel)
        assert travel(report, parcel=parcel) == parcel


@given(st.lists(st.sampled_from(["scan", "out_for_delivery", "attempt_failed"]), max_size=2), st.permutations(range(3)))
def test_a_delivery_ends_the_parcel_wherever_its_earlier_reports_turn_up(
    before: list[ParcelKind], order: list[int]
) -> None:
    told = [at(minute, kind) for minute, kind in enumerate(before)] + [at(10, "delivered")]
    shuffled = [told[place] for place in order if place < len(told)]
    assert travel(*shuffled).state == "DELIVERED"


def test_a_parcel_reported_step_by_step_takes_each_step() -> None:
    told = [at(0, "scan"), at(1, "out_for_delivery"), at(2, "attempt_failed"), at(3, "out_for_delivery")]
    states = [travel(*told[: count + 1]).state for count in range(len(told))]
    assert states == ["IN_TRANSIT", "OUT_FOR_DELIVERY", "ATTEMPT_FAILED", "OUT_FOR_DELIVERY"]
    assert travel(*told, at(4, "delivered")).state == "DELIVERED"


def test_the_third_failed_attempt_turns_the_parcel_round() -> None:
    twice = travel(at(0, "attempt_failed"), at(1, "out_for_delivery"), at(2, "attempt_failed"))
    assert (twice.state, twice.attempts) == ("ATTEMPT_FAILED", 2)
    turned = travel(at(3, "attempt_failed"), parcel=twice)
    assert (turned.state, turned.attempts, turned.turned_by) == ("RETURNING", 3, "attempts_exhausted")


def test_a_refused_parcel_goes_back_and_onto_the_shelf() -> None:
    refused = travel(at(0, "out_for_delivery"), at(1, "refused"))
    assert (refused.state, refused.turned_by) == ("RETURNING", "refused")
    assert [step.state for step in hear(refused, at(2, "returned")).steps] == ["RETURNED", "RESTOCKED"]


def test_what_comes_back_damaged_is_written_off() -> None:
    heard = hear(Parcel("RETURNING", turned_by="refused"), at(1, "returned", "damaged"))
    assert [step.state for step in heard.steps] == ["RETURNED", "WRITTEN_OFF"]


def test_a_parcel_that_comes_back_for_no_known_reason_was_undeliverable() -> None:
    assert hear(Parcel("IN_TRANSIT"), at(1, "returned")).steps[0].turned_by == "undeliverable"


def test_a_report_older_than_the_last_move_is_late() -> None:
    parcel = travel(at(5, "out_for_delivery"))
    assert hear(parcel, at(4, "scan")).effect == "late"
    assert hear(parcel, at(4, "scan")).finding is None


def test_an_ending_that_comes_too_late_to_count_is_looked_at() -> None:
    heard = hear(travel(at(5, "out_for_delivery")), at(4, "delivered"))
    assert (heard.effect, heard.finding) == ("late", "late")


def test_a_second_scan_is_noted() -> None:
    assert hear(travel(at(0, "scan")), at(1, "scan")).effect == "noted"


@pytest.mark.parametrize("kind", ["refused", "returned", "lost", "damaged"])
def test_another_ending_contradicts_a_delivery_whatever_its_time(kind: ParcelKind) -> None:
    delivered = travel(at(5, "delivered"))
    assert {hear(delivered, at(minute, kind)).finding for minute in (4, 5, 6)} == {"contradiction"}


@pytest.mark.parametrize(
    ("minute", "effect", "finding"), [(4, "late", None), (5, "late", None), (6, "contradicts", "contradiction")]
)
def test_an_attempt_contradicts_a_delivery_only_after_it(minute: int, effect: str, finding: str | None) -> None:
    heard = hear(travel(at(5, "delivered")), at(minute, "attempt_failed"))
    assert (heard.effect, heard.finding) == (effect, finding)


def test_a_delivery_of_a_parcel_on_its_way_back_is_a_contradiction() -> None:
    assert hear(travel(at(0, "refused")), at(1, "delivered")).finding == "contradiction"


def test_the_same_ending_told_twice_is_no_contradiction() -> None:
    assert hear(travel(at(5, "delivered")), at(6, "delivered")).effect == "noted"
    assert hear(travel(at(5, "damaged")), at(6, "returned")).effect == "noted"
    assert hear(travel(at(4, "refused"), at(5, "returned")), at(3, "refused")).effect == "late"

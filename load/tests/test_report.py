"""What a run leaves behind, and when it counts as passed."""

from __future__ import annotations

import io
import json
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from load import report
from load.books import Books
from load.drive import INTERRUPTED, Outcome, Plan
from load.run import UNKNOWN, Run, Shown
from load.tally import Tally
from load.target import Target

AUDITED = Target({"orders": "http://10.0.0.5:8103"}, (("10.0.0.5", 8103),), Path(), "dsn", "kafka:9092", "a deployment")
BLIND = replace(AUDITED, dsn=None, bootstrap=None)
LATE = 3.5  # seconds: longer than a caller waits
BEGAN = 50.0  # on the monotonic clock


def outcome(taken: int = 98, *, late: int = 0, lost: int = 0, refused: int = 2, plan: Plan | None = None) -> Outcome:
    """Of ten seconds with ten orders each (or as planned) so many taken, taken late, refused, never answered."""
    plan = plan or Plan(rate=10, seconds=10, connections=2)
    ends = [(201, 0.25)] * taken + [(201, LATE)] * late + [(429, 0.5)] * refused + [(UNKNOWN, 10.0)] * lost
    tally = Tally()
    for number, (status, seconds) in enumerate(ends):
        due = BEGAN + number / plan.rate
        tally(
            Shown(None, status, due, due + 0.001, due + seconds, b'{"code":"too [/] many"}' if status == 429 else None)
        )
    statuses = {status for status, _ in ends}
    times = {status: array("d", [seconds for each, seconds in ends if each == status]) for status in statuses}
    ended = max(due + seconds for due, seconds in zip(tally.due, tally.taken, strict=True)) - BEGAN
    run = Run(times, ended, 0.1, sent=len(ends), due=len(ends), standing=plan.connections, began=BEGAN, busy=0.3)
    return Outcome(AUDITED, plan, run, tally, [], [])


def said(found: Outcome) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    report.show(found, console)
    return console.export_text()


def test_a_load_that_was_taken_and_left_no_mark_has_passed() -> None:
    good = outcome()
    assert (good.accepted, good.exit_code) == (True, 0)
    assert "✓ 98 of 100 orders were taken within 3 s: 9.8 a second of 10 offered" in said(good)
    assert "✓ no balance and no journal has moved\n" in said(good)


@pytest.mark.parametrize(("taken", "late", "lost"), [(97, 0, 1), (97, 1, 0), (97, 0, 3)])
def test_some_that_were_late_or_never_answered_do_not_fail_a_run(taken: int, late: int, lost: int) -> None:
    found = outcome(taken, late=late, lost=lost, refused=100 - taken - late - lost)
    assert (found.accepted, found.taken_a_second) == (True, 9.7)
    assert found.run.goodput < 9.7


@pytest.mark.parametrize(("late", "lost", "refused"), [(4, 0, 0), (0, 4, 0), (0, 0, 4)])
def test_what_is_late_lost_or_refused_was_not_taken(late: int, lost: int, refused: int) -> None:
    found = outcome(96, late=late, lost=lost, refused=refused)
    assert (found.accepted, found.exit_code) == (False, 1)
    assert "✗ 96 of 100 orders" in said(found)


def test_the_verdict_does_not_depend_on_how_long_the_run_was() -> None:
    for seconds in (1, 10, 300):
        count = 100 * seconds
        found = outcome(count * 97 // 100, lost=1, refused=count * 3 // 100 - 1, plan=Plan(rate=100, seconds=seconds))
        assert (found.accepted, found.taken_a_second) == (True, 97)


def test_the_drain_is_told_apart() -> None:
    assert outcome(99, lost=1, refused=0).drain_seconds == pytest.approx(10)
    assert "all was over 0.2 s after the last one was due" in said(outcome(100, refused=0))


def test_nothing_due_is_nothing_accepted(tmp_path: Path) -> None:
    nothing = replace(outcome(), run=Run({}, 1e-9, 0.0, unsent=5), tally=Tally())
    assert (nothing.accepted, nothing.exit_code) == (False, 1)
    assert "never sent" in said(nothing)
    assert json.loads(report.write(nothing, tmp_path).read_text())["never_sent"] == 5


def test_what_a_service_said_is_shown_as_it_said_it() -> None:
    assert '{"code":"too [/] many"}' in said(outcome())


def test_books_that_moved_are_named() -> None:
    moved = replace(outcome(), moved=["all journals [x]: 1 before, 2 after"])
    assert moved.exit_code == 1
    assert "all journals [x]: 1 before, 2 after" in said(moved)


def test_without_the_auditor_nothing_is_said_of_journals() -> None:
    blind = replace(outcome(), target=BLIND)
    assert "✓ no balance has moved; journals were not looked at (name WANPU_POSTGRES_DSN" in said(blind)
    assert blind.exit_code == 0


def test_what_is_still_on_its_way_may_yet_move_the_books() -> None:
    early = replace(outcome(), left=["orders: 3 events [still] to be sent"])
    assert early.exit_code == 1
    assert "3 events [still] to be sent" in said(early)
    assert "✗ no balance and no journal has moved so far" in said(early)


def test_of_real_buyers_orders_something_is_always_on_its_way() -> None:
    plan = replace(outcome().plan, live=True)
    live = replace(outcome(), plan=plan, left=["orders: 3 events still to be sent"])
    assert live.exit_code == 0
    assert "✓ no balance and no journal of the load test's has moved so far" in said(live)


def test_books_that_nobody_compared_are_no_success() -> None:
    found = replace(outcome(), moved=None, left=["DemoError: GET /balances/platform was answered 503"])
    assert found.exit_code == 1
    assert "✗ the books were not compared: DemoError" in said(found)


def test_an_interrupted_run_tells_what_it_found(tmp_path: Path) -> None:
    found = replace(outcome(), plan=Plan(rate=10, seconds=60, connections=2), interrupted=True)
    assert (found.exit_code, found.seconds, found.taken_a_second) == (INTERRUPTED, 10, 9.8)
    assert "interrupted after 10.0 s of 60" in said(found)
    assert json.loads(report.write(found, tmp_path).read_text())["interrupted"] is True


def test_a_client_that_was_the_bottleneck_says_so() -> None:
    assert not report.warnings(outcome())
    busy = replace(outcome(), run=replace(outcome().run, busy=0.93))
    assert "the load itself was busy for 93% of the time" in said(busy)
    few = replace(outcome(), run=replace(outcome().run, standing=1))
    assert "1 of 2 connections stood" in said(few)


def test_while_real_buyers_order_only_the_load_tests_own_books_must_stand_still() -> None:
    before = Books({"balance of the supplier": 0}, {"all journals": 1})
    assert before.moved(before, live=False) == []
    assert before.moved(Books(before.ours, {"all journals": 2}), live=True) == []
    assert before.moved(Books(before.ours, {"all journals": 2}), live=False) == ["all journals: 1 before, 2 after"]
    leak = Books({"balance of the supplier": 5}, before.everybodys)
    assert before.moved(leak, live=True) == ["balance of the supplier: 0 before, 5 after"]


def test_json_and_plot_are_written(tmp_path: Path) -> None:
    path = report.write(outcome(97, late=1, lost=1, refused=1), tmp_path)
    found = json.loads(path.read_text())
    assert found["target"] == {"what": "a deployment", "orders": ["http://10.0.0.5:8103"], "audited": True}
    assert (found["orders_due"], found["orders_in_time"], found["orders_per_second"]) == (100, 97, 9.7)
    assert found["answers"] == {"unknown": 1, "201": 98, "429": 1}
    assert found["latency_of_orders_seconds"]["max"] == LATE
    assert (found["requests_sent"], found["connections_standing"], found["client_cpu_share"]) == (100, 2, 0.3)
    assert found["send_lag_p99_seconds"] == 0.001
    assert (found["accepted"], found["interrupted"], found["books_moved"]) == (True, False, [])
    assert found["offered"]["rate"] == 10
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [1, report.DOTS, report.DOTS + 1, 2 * report.DOTS - 1, 2 * report.DOTS])
def test_a_plot_has_so_many_dots_at_most_and_the_last_one(count: int) -> None:
    shown = report._some(range(count))
    assert len(shown) <= report.DOTS
    assert max(shown) == count - 1

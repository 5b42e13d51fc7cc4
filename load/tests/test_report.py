"""What a run leaves behind, and when it counts as passed."""

from __future__ import annotations

import io
import json
from array import array
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from load import report
from load.books import Books
from load.drive import Outcome, Plan
from load.run import UNKNOWN, Run, Shown
from load.tally import Tally


def outcome(rate: float = 10, taken: int = 100, moved: list[str] | None = None) -> Outcome:
    """Of ten seconds, so many orders taken, one refused, one never answered."""
    tally = Tally(began=0.0)
    for number in range(taken):
        tally(Shown(None, 201, number / 10, number / 10, number / 10 + 0.01 * (number + 1)))
    tally(Shown(None, 429, 9.9, 9.9, 9.901, b'{"code":"too_many_requests"}', 1))
    tally(Shown(None, UNKNOWN, 9.9, 9.9, 10.0))
    times = {status: array("d") for status in (201, 429, UNKNOWN)}
    for status, seconds in zip(tally.status, tally.taken, strict=True):
        times[status].append(seconds)
    return Outcome(Plan(rate=rate, seconds=10), Run(times, 10.0, 0.1), tally, moved or [], [])


def said(found: Outcome) -> str:
    console = Console(width=160, record=True, file=io.StringIO())
    report.show(found, console)
    return console.export_text()


def test_a_load_that_was_taken_and_left_no_mark_has_passed() -> None:
    good = outcome()
    assert good.accepted
    assert "10.0 orders a second were taken of 10 offered" in said(good)
    assert "no balance and no journal has moved" in said(good)


def test_a_load_that_was_not_taken_says_what_was_answered_instead() -> None:
    bad = outcome(rate=20)
    assert not bad.accepted
    assert "too_many_requests" in said(bad)
    assert "unknown" in said(bad)


def test_books_that_moved_are_named() -> None:
    assert "all journals: 1 before, 2 after" in said(outcome(moved=["all journals: 1 before, 2 after"]))


def test_while_real_buyers_order_only_the_load_tests_own_books_must_stand_still() -> None:
    before = Books({"balance of the supplier": 0}, {"all journals": 1})
    assert before.moved(before, live=False) == []
    assert before.moved(Books(before.ours, {"all journals": 2}), live=True) == []
    assert before.moved(Books(before.ours, {"all journals": 2}), live=False) == ["all journals: 1 before, 2 after"]
    leak = Books({"balance of the supplier": 5}, before.everybodys)
    assert before.moved(leak, live=True) == ["balance of the supplier: 0 before, 5 after"]


def test_json_and_plot_are_written(tmp_path: Path) -> None:
    path = report.write(outcome(), tmp_path)
    found = json.loads(path.read_text())
    assert found["answers"] == {"unknown": 1, "201": 100, "429": 1}
    assert found["latency_of_orders_seconds"]["max"] == 1.0
    assert (found["accepted"], found["books_moved"], found["offered"]["rate"]) == (True, [], 10)
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_an_answer_can_be_told_too(tmp_path: Path) -> None:
    nothing = replace(outcome(), run=Run({}, 1e-9, 0.0, unsent=5), tally=Tally())
    assert "never sent" in said(nothing)
    assert json.loads(report.write(nothing, tmp_path).read_text())["never_sent"] == 5

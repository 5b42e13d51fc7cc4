"""Refusals carry a stable code, and each code has one status."""

from __future__ import annotations

import pytest

from shared.kernel.errors import STATUS, NotReady, Rejected, status_of


def test_a_refusal_reads_as_its_code_and_its_reason() -> None:
    assert str(Rejected("not_found", "No such shop.")) == "not_found: No such shop."
    assert str(Rejected("not_found")) == "not_found"


def test_a_refusal_keeps_what_the_caller_needs_to_know() -> None:
    assert Rejected("limit", left=3).extra == {"left": 3}


def test_what_has_not_arrived_yet_says_when_to_try_again() -> None:
    refusal = NotReady()
    assert (refusal.code, refusal.retry_after_seconds) == ("not_ready", 1)


def test_a_service_gives_its_own_codes_their_status() -> None:
    assert status_of("shut", {"shut": 409}) == 409
    assert status_of("not_found", {"shut": 409}) == 404


def test_a_code_nobody_mapped_is_a_bug() -> None:
    with pytest.raises(LookupError, match=r"'nonsense'.*CODES"):
        status_of("nonsense", {})


def test_every_shared_status_is_an_error() -> None:
    assert all(400 <= status < 600 for status in STATUS.values())

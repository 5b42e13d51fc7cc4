"""The cash axis, alone."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from services.logistics.domain import Cash, Collection, collect
from shared.contracts.values import CashState, Money


def yuan(amount: int, currency: str = "CNY") -> Money:
    return Money(amount=amount, currency=currency)


DUE = Cash("DUE", yuan(12_900))


def test_the_exact_sum_counts_and_nothing_is_found() -> None:
    assert collect(DUE, yuan(12_900)) == Collection(True)


def test_too_little_or_too_much_counts_and_is_found() -> None:
    for taken, kind in ((12_000, "short"), (13_000, "over")):
        collection = collect(DUE, yuan(taken))
        (finding,) = collection.findings
        assert collection.counts
        assert (finding.kind, finding.expected, finding.actual) == (kind, 12_900, taken)


def test_a_second_collection_is_a_duplicate() -> None:
    collection = collect(Cash("COLLECTED", yuan(12_900)), yuan(12_900))
    assert not collection.counts
    assert [finding.kind for finding in collection.findings] == ["duplicate"]


def test_a_buyer_who_refused_first_may_still_have_paid() -> None:
    assert collect(Cash("REFUSED", yuan(12_900)), yuan(12_900)).counts


@given(
    st.none() | st.builds(Cash, st.sampled_from(get_args(CashState)), st.builds(yuan, st.integers(1, 10**9))),
    st.none() | st.builds(yuan, st.integers(-10, 10**9), st.sampled_from(["CNY", "USD"])),
)
def test_money_is_counted_or_found_and_never_lost(cash: Cash | None, taken: Money | None) -> None:
    collection = collect(cash, taken)
    assert collection.counts or collection.findings
    for finding in collection.findings:
        assert taken is None or taken.amount <= 0 or finding.actual == taken.amount

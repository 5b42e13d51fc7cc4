"""A row held against its parcel, and the decisions a discrepancy allows, alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logistics.domain import (
    Bad,
    CashFacts,
    Columns,
    Contract,
    Judged,
    Layout,
    Moved,
    Open,
    ParcelFacts,
    Row,
    decide,
    judge,
    possible,
)
from services.logistics.domain.findings import Source
from shared.contracts.values import CashState, DiscrepancyKind, ParcelState
from shared.kernel.errors import Rejected

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CONTRACT = Contract()
LAYOUT = Layout.of("waybill,collected_at,gross,fee,net", Columns(), "CNY")


def row(gross: int = 12_900, fee: int | None = None) -> Row:
    return Row(2, "W-1", NOW, gross, CONTRACT.fee.of(gross) if fee is None else fee)


def parcel(state: Any = "DELIVERED", cash: CashFacts | None = None, **facts: Any) -> ParcelFacts:
    return ParcelFacts(state, cash=cash, **facts)


def paid(state: CashState = "COLLECTED", collected: int | None = 12_900, **facts: Any) -> CashFacts:
    return CashFacts(state, 12_900, facts.pop("currency", "CNY"), collected, **facts)


def judged(what: Row, of: ParcelFacts | None, **given: Any) -> Judged:
    return judge(what, of, CONTRACT, NOW, **given)


def found(what: Row, of: ParcelFacts | None, **given: Any) -> tuple[str, int | None, int | None]:
    outcome = judged(what, of, **given)
    assert outcome.outcome == "found" and outcome.finding is not None
    return outcome.finding.kind, outcome.finding.expected, outcome.finding.actual


def test_waybill_amount_and_fee_make_a_match() -> None:
    assert judged(row(), parcel(cash=paid())) == Judged("remitted")


def test_each_difference_has_its_name() -> None:
    due = paid("DUE", None)
    assert found(row(), None) == ("unmatched", None, 12_900)
    assert found(row(12_000), parcel(cash=paid())) == ("short", 12_900, 12_000)
    assert found(row(13_000), parcel(cash=paid())) == ("over", 12_900, 13_000)
    assert found(row(0), parcel(cash=paid())) == ("short", 12_900, 0)
    assert found(row(fee=130), parcel(cash=paid())) == ("fee_differs", 129, 130)
    assert found(row(), parcel()) == ("over", 0, 12_900)
    assert found(row(), parcel(cash=due)) == ("delivered_without_cash", 12_900, 12_900)
    assert found(row(), parcel("IN_TRANSIT", due)) == ("cash_without_delivery", 0, 12_900)
    assert found(row(), parcel("RESTOCKED", paid("REFUSED", None))) == ("cash_without_delivery", 0, 12_900)
    assert found(row(), parcel(cash=paid("REMITTED"))) == ("duplicate", 12_900, 12_900)
    assert found(row(), parcel(cash=paid()), repeated=True)[0] == "duplicate"
    assert found(row(), parcel(cash=paid(currency="USD")))[0] == "cash_unclear"


def test_a_row_after_its_time_still_matches_and_is_late() -> None:
    late = judged(row(), parcel(cash=paid(remit_by=NOW - timedelta(seconds=1))))
    assert late.outcome == "remitted" and late.finding is not None and late.finding.kind == "late"
    assert judged(row(), parcel(cash=paid(remit_by=NOW))) == Judged("remitted")


def test_a_way_back_is_charged_once_and_by_the_contract() -> None:
    back: dict[str, Any] = {"state": "RESTOCKED", "cash": paid("REFUSED", None), "turned_by": "refused"}
    assert judged(row(0, 800), parcel(**back)) == Judged("charged")
    assert found(row(0, 900), parcel(**back)) == ("fee_differs", 800, 900)
    assert found(row(0, 800), parcel(**back, charged=True))[0] == "duplicate"
    assert found(row(0, 800), parcel("IN_TRANSIT", paid("DUE", None))) == ("fee_differs", 0, 800)
    assert judged(row(0, 800), parcel("RETURNED", turned_by="undeliverable")) == Judged("charged")


@given(
    st.builds(Row, st.just(2), st.just("W"), st.just(NOW), st.integers(0, 30_000), st.integers(0, 1_000)),
    st.none()
    | st.builds(
        ParcelFacts,
        st.sampled_from(get_args(ParcelState)),
        st.sampled_from([None, "refused", "undeliverable"]),
        st.none()
        | st.builds(
            CashFacts,
            st.sampled_from(get_args(CashState)),
            st.integers(1, 30_000),
            st.sampled_from(["CNY", "USD"]),
            st.none() | st.integers(1, 30_000),
            st.none() | st.just(NOW),
        ),
        st.booleans(),
    ),
    st.booleans(),
)
def test_no_money_passes_unseen(what: Row, of: ParcelFacts | None, repeated: bool) -> None:
    """What is remitted is exactly what was collected, at the agreed fee; whatever else has money in it is found."""
    outcome = judged(what, of, repeated=repeated)
    if outcome.outcome == "remitted":
        assert of is not None and of.cash is not None
        assert (what.gross, what.fee) == (of.cash.collected, CONTRACT.fee.of(what.gross))
    elif outcome.outcome == "noted":
        assert what.gross == what.fee == 0
    elif outcome.outcome == "charged":
        assert of is not None and not of.charged and what.gross == 0
    else:
        assert outcome.finding is not None


GOOD = "W-1,2026-11-25T12:00:00Z,12900,129,12771"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("W-1,2026-11-25T12:00:00Z,12900,129", "columns_missing"),
        ("W 1,2026-11-25T12:00:00Z,12900,129,12771", "waybill_invalid"),
        (",2026-11-25T12:00:00Z,12900,129,12771", "waybill_invalid"),
        ("W-1,2026-11-25T12:00:00,12900,129,12771", "time_invalid"),
        ("W-1,yesterday,12900,129,12771", "time_invalid"),
        ("W-1,0001-01-01T00:00:00Z,12900,129,12771", "time_invalid"),
        ("W-1,2026-11-25T12:00:00Z,129.00,1.29,127.71", "amount_invalid"),
        ("W-1,2026-11-25T12:00:00Z,,129,12771", "amount_invalid"),
        ("W-1,2026-11-25T12:00:00Z,１２９,0,129", "amount_invalid"),
        ("W-1,2026-11-25T12:00:00Z,-12900,129,-13029", "amount_negative"),
        ("W-1,2026-11-25T12:00:00Z,12900,-129,13029", "amount_negative"),
        (f"W-1,2026-11-25T12:00:00Z,{10**12 + 1},0,{10**12 + 1}", "amount_too_large"),
        (f"W-1,2026-11-25T12:00:00Z,{10**60},0,{10**60}", "amount_too_large"),
        ("W-1,2026-11-25T12:00:00Z,12900,129,12770", "net_differs"),
        ('"W-1,2026-11-25T12:00:00Z,12900,129,12771', "malformed"),
    ],
)
def test_a_bad_row_is_told_by_its_line_and_code(line: str, code: str) -> None:
    assert LAYOUT.read(7, line) == Bad(7, code)  # type: ignore[arg-type]


def test_a_good_row_is_read_quoted_spaced_and_in_any_order_of_columns() -> None:
    wanted = Row(3, "W-1", NOW, 12_900, 129)
    assert LAYOUT.read(3, GOOD) == LAYOUT.read(3, '"W-1", 2026-11-25T12:00:00Z ,"12900",129,12771,more') == wanted
    own = Columns(waybill="运单号", gross="代收")
    other = Layout.of("net,fee,代收,collected_at,币种,运单号", own, "CNY")
    assert other.read(3, "12771,129,12900,2026-11-25T20:00:00+08:00,CNY,W-1") == wanted


def test_two_currencies_in_one_file_are_told_row_by_row() -> None:
    both = Layout.of("waybill,collected_at,gross,fee,net,currency", Columns(), "CNY")
    assert both.read(2, GOOD + ",CNY") == Row(2, "W-1", NOW, 12_900, 129)
    assert both.read(3, GOOD + ",USD") == Bad(3, "currency_mismatch")


def test_missing_columns_are_named() -> None:
    with pytest.raises(Rejected) as refusal:
        Layout.of("waybill;collected_at;gross", Columns(), "CNY")
    assert refusal.value.code == "wrong_columns"
    assert refusal.value.extra["missing"] == ["waybill", "collected_at", "gross", "fee", "net"]


@given(st.text(max_size=200))
def test_any_line_is_a_row_or_a_bad_row(text: str) -> None:
    assert isinstance(LAYOUT.read(2, text), Row | Bad)


@pytest.mark.parametrize("source", get_args(Source))
@pytest.mark.parametrize("kind", get_args(DiscrepancyKind))
def test_every_discrepancy_can_be_decided_somehow_and_each_way_moves_a_known_sum(
    source: Source, kind: DiscrepancyKind
) -> None:
    for free in (True, False):
        for collected in (True, False):
            case = Open(source, kind, 100, 80, 78, free=free, collected=collected)
            assert possible(case)
            for decision in possible(case):
                moved = decide(case, decision, "supplier")
                assert (moved.amount is None) == (decision in ("accept", "retry", "dismiss"))


def test_what_a_decision_moves() -> None:
    def amounts(source: Source, kind: DiscrepancyKind, expected: int, actual: int) -> dict[str, Moved]:
        case = Open(source, kind, expected, actual, actual - 1, collected=False)
        return {decision: decide(case, decision, "supplier") for decision in possible(case)}

    assert amounts("report", "short", 100, 80)["bear"] == Moved("none", 20)
    assert amounts("report", "over", 100, 130)["refund_buyer"] == Moved("none", 30)
    assert amounts("time", "delivered_without_cash", 100, 0)["bear"] == Moved("write_off", 100)
    assert amounts("time", "cash_without_delivery", 0, 100)["refund_buyer"] == Moved("none", 100)
    assert amounts("statement", "short", 100, 80)["bear"] == Moved("remit", 20)
    assert amounts("statement", "over", 100, 130)["return_to_carrier"] == Moved("remit", 30)
    assert amounts("statement", "fee_differs", 1, 2)["accept"] == Moved("remit")
    assert decide(Open("statement", "fee_differs", 800, 900, charge=True), "accept", None) == Moved("remit", 100)
    assert amounts("statement", "delivered_without_cash", 100, 100)["accept"] == Moved("collect")
    assert amounts("statement", "cash_without_delivery", 0, 100)["accept"] == Moved("collect")
    assert amounts("statement", "duplicate", 100, 100)["return_to_carrier"] == Moved("none", 99)
    assert amounts("time", "missing", 100, 0)["bear"] == Moved("write_off", 100)
    assert decide(Open("time", "missing", 100), "bear", "carrier") == Moved("none", 100)


def test_a_row_whose_cash_came_by_another_is_a_duplicate_by_now() -> None:
    assert possible(Open("statement", "short", free=False)) == ("return_to_carrier", "retry", "dismiss")
    assert possible(Open("statement", "over", free=False)) == ("retry", "dismiss")
    assert possible(Open("statement", "delivered_without_cash", collected=True)) == ("retry",)

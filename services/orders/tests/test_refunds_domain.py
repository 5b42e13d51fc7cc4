"""Refunds on paper: how much of a line can go back, and where a refund may go from where it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.lifecycle import Line, Order
from services.orders.domain.refunds import (
    FOLLOWS,
    Piece,
    Refund,
    Wish,
    check_collected,
    covered,
    left_of,
    pieces_asked,
)
from shared.contracts.values import (
    CreatorId,
    LineId,
    OrderId,
    RefundId,
    RefundState,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
)
from shared.kernel.errors import Rejected

ORDER = Order(
    *(OrderId("o"), "1", "buyer-1", "buyer-1", StorefrontId("s"), CreatorId("c"), "FULFILLED", None, "prepaid"),
    *(None, "CNY", None, 0, False, False, None),
)


def line(name: str = "l", qty: int = 3, amount: int = 100, part: str = "p", state: str = "DELIVERED") -> Line:
    who = (LineId(name), OrderId("o"), SupplierOrderId(part), SupplierId("s"))
    return Line(*who, state, "good", None, qty, amount, (), None)  # type: ignore[arg-type]


def refund(state: RefundState = "REQUESTED") -> Refund:
    who = (RefundId("r"), OrderId("o"), SupplierOrderId("p"), "refund_only")
    return Refund(*who, state, "broken", "buyer", "card", None, 100, "CNY", "c")  # type: ignore[arg-type]


@given(st.data())
def test_whatever_is_asked_a_line_never_gives_more_than_it_has(data: st.DataObject) -> None:
    sold = line(qty=data.draw(st.integers(1, 9)), amount=data.draw(st.integers(0, 1_000)))
    taken: list[Piece] = []
    for _ in range(data.draw(st.integers(1, 12))):
        amount = data.draw(st.none() | st.integers(1, 1_000))
        wish = Wish(sold.line_id, data.draw(st.integers(1, 9)), amount, None if amount is None else "CNY")
        try:
            taken += pieces_asked(ORDER, [sold], [wish], taken)
        except Rejected as refusal:
            assert refusal.code == "refund_exceeds_line"
        left = left_of(sold, taken)
        assert left.qty >= 0
        assert left.amount >= 0


@given(st.integers(1, 9), st.integers(1, 10_000))
def test_piece_by_piece_the_whole_line_goes_back_to_the_cent(qty: int, amount: int) -> None:
    sold, taken = line(qty=qty, amount=amount + qty), list[Piece]()
    for _ in range(qty):
        taken += pieces_asked(ORDER, [sold], [Wish(sold.line_id, 1)], taken)
    assert sum(piece.amount for piece in taken) == sold.amount
    amounts = [piece.amount for piece in taken]
    assert max(amounts) - min(amounts) <= 1


def test_the_first_of_three_pieces_takes_the_odd_cent() -> None:
    (piece,) = pieces_asked(ORDER, [line()], [Wish(LineId("l"), 1)], [])
    assert piece.amount == 33
    (pair,) = pieces_asked(ORDER, [line()], [Wish(LineId("l"), 2)], [])
    assert pair.amount == 67


@pytest.mark.parametrize(
    ("lines", "wishes", "code"),
    [
        ([line()], [Wish(LineId("x"), 1)], "unknown_line"),
        ([line("a"), line("b", part="q")], [Wish(LineId("a"), 1), Wish(LineId("b"), 1)], "several_suppliers"),
        ([line(state="SHIPPED")], [Wish(LineId("l"), 1)], "not_refundable"),
        ([line()], [Wish(LineId("l"), 1, 5, "USD")], "currency_mismatch"),
        ([line()], [Wish(LineId("l"), 4)], "refund_exceeds_line"),
        ([line()], [Wish(LineId("l"), 1, 101, "CNY")], "refund_exceeds_line"),
        ([line(amount=0)], [Wish(LineId("l"), 1)], "refund_exceeds_line"),
    ],
)
def test_a_wish_that_does_not_fit_is_refused_by_name(lines: list[Line], wishes: list[Wish], code: str) -> None:
    with pytest.raises(Rejected) as refused:
        pieces_asked(ORDER, lines, wishes, [])
    assert refused.value.code == code


def test_what_the_courier_did_not_take_is_not_given_back() -> None:
    check_collected(60, 40, 100)
    check_collected(60, 40, None)
    with pytest.raises(Rejected, match="refund_exceeds_line"):
        check_collected(60, 41, 100)


@given(st.lists(st.sampled_from(list(FOLLOWS)), max_size=12))
def test_no_history_leaves_the_machine(steps: list[RefundState]) -> None:
    here = refund()
    for step in steps:
        was = here
        try:
            here = here.to(step)
        except Rejected as refusal:
            assert refusal.code == "illegal_transition"
            assert step not in FOLLOWS[was.state]
        else:
            assert step in FOLLOWS[was.state]
            assert here.version == was.version + 1


def test_no_money_goes_out_before_the_supplier_has_agreed() -> None:
    """Each way to DUE leads through APPROVED, each way to the buyer through DUE."""
    for goal, gate in (("DUE", "APPROVED"), ("REFUNDED", "DUE"), ("REFUNDED", "SUBMITTED")):
        reached: set[RefundState] = {"REQUESTED"}
        frontier = reached
        while frontier:
            frontier = {n for s in frontier for n in FOLLOWS[s] if n != gate} - reached
            reached |= frontier
        assert goal not in reached


@given(st.lists(st.integers(1, 50), max_size=8), st.integers(-20, 200))
def test_the_banks_money_is_never_promised_twice(amounts: list[int], free: int) -> None:
    waiting = [(RefundId(str(place)), amount) for place, amount in enumerate(amounts)]
    chosen = covered(waiting, free)
    assert sum(amounts[int(one)] for one in chosen) <= max(0, free)
    assert chosen == sorted(chosen, key=int)

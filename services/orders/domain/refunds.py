"""What buyers get back: what may be asked for, and how a refund goes on from there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, Literal

from services.orders.domain.lifecycle import DELIVERED, Line, Order
from services.orders.domain.split import apportion
from shared.contracts.values import LineId, OrderId, PaymentId, RefundId, RefundState, SupplierOrderId
from shared.kernel.errors import Rejected

CODES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "several_suppliers": 422,
        "unknown_line": 422,
        "route_not_possible": 422,
        "not_refundable": 409,
        "refund_exceeds_line": 409,
    }
)

RefundKind = Literal["refund_only", "return_and_refund", "automatic"]
RefundRoute = Literal["card", "transfer", "wallet"]

# A failed one is sent again; one that the bank gave back has failed after all.
FOLLOWS: Final[Mapping[RefundState, frozenset[RefundState]]] = MappingProxyType(
    {
        "REQUESTED": frozenset({"APPROVED", "REJECTED"}),
        "APPROVED": frozenset({"AWAITING_RETURN", "DUE"}),
        "REJECTED": frozenset(),
        "AWAITING_RETURN": frozenset({"INSPECTED"}),
        "INSPECTED": frozenset({"DUE", "REJECTED"}),
        "DUE": frozenset({"SUBMITTED"}),
        "SUBMITTED": frozenset({"REFUNDED", "FAILED"}),
        "REFUNDED": frozenset({"FAILED"}),
        "FAILED": frozenset({"SUBMITTED"}),
    }
)
ENDED: Final[tuple[RefundState, ...]] = ("REJECTED", "REFUNDED")  # nothing is open any more


@dataclass(frozen=True, slots=True)
class Piece:
    """So many pieces of a line and what goes back for them, in minor units."""

    line_id: LineId
    qty: int
    amount: int


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it is; its order's lock guards it. `events` counts what was told of it."""

    refund_id: RefundId
    order_id: OrderId
    supplier_order_id: SupplierOrderId | None
    kind: RefundKind
    state: RefundState
    reason: str
    requested_by: str
    route: RefundRoute
    payment_id: PaymentId | None
    amount: int
    currency: str
    cause: str
    lines: tuple[Piece, ...] = ()
    note: str | None = None
    paid_ref: str | None = None
    approve_by: datetime | None = None
    version: int = 1
    events: int = 0

    def to(self, state: RefundState) -> Refund:
        """One step on. Raises `illegal_transition` for one that the machine does not have."""
        if state not in FOLLOWS[self.state]:
            raise self._illegal(state)
        return replace(self, state=state, version=self.version + 1)

    def expect(self, state: RefundState, wanted: str) -> None:
        """Raise `illegal_transition` unless that is the state."""
        if self.state != state:
            raise self._illegal(wanted)

    def _illegal(self, wanted: str) -> Rejected:
        detail = f"The refund is {self.state} and can't be {wanted}; see GET /refunds."
        return Rejected("illegal_transition", detail, state=self.state)

    def told(self) -> Refund:
        """The same with one event more in its stream."""
        return replace(self, events=self.events + 1)

    @property
    def pays_the_order_back(self) -> bool:
        """Whether its money had paid the order; what came too late or too much had paid nothing."""
        return self.supplier_order_id is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer wants back of a line; without an amount what is left of it for so many pieces."""

    line_id: LineId
    qty: int
    amount: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What earlier refunds of a line have left, open ones counted."""

    qty: int
    amount: int


def left_of(line: Line, earlier: Sequence[Piece]) -> Left:
    """A line without what was asked for before."""
    mine = [piece for piece in earlier if piece.line_id == line.line_id]
    return Left(line.qty - sum(piece.qty for piece in mine), line.amount - sum(piece.amount for piece in mine))


def pieces_asked(
    order: Order, lines: Sequence[Line], wishes: Sequence[Wish], earlier: Sequence[Piece]
) -> tuple[Piece, ...]:
    """What exactly goes back for the wishes.

    Raises:
        Rejected: `unknown_line`, `several_suppliers`, `not_refundable`, `currency_mismatch`, `refund_exceeds_line`.
    """
    known = {line.line_id: line for line in lines}
    for wish in wishes:
        if wish.line_id not in known:
            raise Rejected("unknown_line", "The order has no such line; see GET /orders.", line_id=wish.line_id)
    asked = [known[wish.line_id] for wish in wishes]
    if len({line.supplier_order_id for line in asked}) > 1:
        raise Rejected("several_suppliers", "Ask each supplier for itself: one refund a supplier order.")
    for line in asked:
        _check_refundable(order, line)
    found = tuple(_piece(order, known[wish.line_id], wish, earlier) for wish in wishes)
    if not any(piece.amount for piece in found):
        raise Rejected("refund_exceeds_line", "Nothing of it is left to be paid back.", remaining=0)
    return found


def _check_refundable(order: Order, line: Line) -> None:
    if order.loadtest:
        raise Rejected("not_refundable", "A load test's order is in no book.")
    if order.state == "COMPLETED":
        raise Rejected("not_refundable", "The after-sale window is closed.", state=order.state)
    if line.state not in DELIVERED:
        raise Rejected(
            "not_refundable",
            "Only what was delivered is refunded on request; what never arrives is paid back by itself.",
            line_id=line.line_id,
            state=line.state,
        )


def _piece(order: Order, line: Line, wish: Wish, earlier: Sequence[Piece]) -> Piece:
    if wish.currency not in (None, order.currency):
        raise Rejected("currency_mismatch", f"The order is in {order.currency}.", line_id=line.line_id)
    left = left_of(line, earlier)
    if wish.qty > left.qty:
        raise _exceeds(line, left, f"At most {left.qty} pieces of the line are left to refund.")
    amount = apportion(left.amount, [wish.qty, left.qty - wish.qty])[0] if wish.amount is None else wish.amount
    if amount > left.amount:
        raise _exceeds(line, left, f"At most {left.amount} minor units of the line are left to refund.")
    return Piece(line.line_id, wish.qty, amount)


def _exceeds(line: Line, left: Left, detail: str) -> Rejected:
    return Rejected("refund_exceeds_line", detail, line_id=line.line_id, qty=left.qty, remaining=left.amount)


def check_collected(asked: int, earlier: int, collected: int) -> None:
    """Refuse what is more than the courier is known to have taken. Raises `refund_exceeds_line`."""
    if asked + earlier > collected:
        left = max(0, collected - earlier)
        detail = f"Of the cash that the carrier has reported {left} minor units are left to refund."
        raise Rejected("refund_exceeds_line", detail, remaining=left)


def covered(waiting: Sequence[tuple[RefundId, int]], free: int) -> list[RefundId]:
    """Those of the refunds, first come first served, that the free money pays; a small one may pass a large one."""
    found = []
    for refund_id, amount in waiting:
        if amount <= free:
            found.append(refund_id)
            free -= amount
    return found

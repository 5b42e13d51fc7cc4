"""An order from placement to its end: what may follow what, who may ask for it, and when it is over."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from services.orders.domain.split import Split
from services.orders.domain.stock import StockId
from shared.contracts.values import (
    CreatorId,
    LineId,
    LineKind,
    LineState,
    OrderId,
    OrderState,
    PaymentId,
    PaymentMode,
    ShipmentId,
    SlotId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)
from shared.kernel.errors import Rejected

CODES: Final[Mapping[str, int]] = MappingProxyType({"wrong_code": 409, "code_expired": 409, "handed_over": 409})

Canceller = Literal["buyer", "supplier", "operator"]
Cancellation = Literal["REQUESTED", "REFUSED", "DONE"]
SupplierOrderState = Literal[
    "PLACED", "CONFIRMED", "HANDED_OVER", "DELIVERED", "CANCELLED", "RETURNED", "LOST", "RELEASED"
]

LIVE: Final[frozenset[LineState]] = frozenset({"RESERVED", "CONFIRMED", "SHIPPED"})
DELIVERED: Final[frozenset[LineState]] = frozenset({"DELIVERED", "COMPLETED"})


@dataclass(frozen=True, slots=True)
class Order:
    """A locked order row; `overdue` by the database's clock."""

    order_id: OrderId
    order_no: str
    buyer_ref: str
    placed_by: str
    storefront_id: StorefrontId
    creator_id: CreatorId
    state: OrderState
    cancellation: Cancellation | None
    payment_mode: PaymentMode
    payment_id: PaymentId | None
    currency: str
    code_hash: bytes | None
    code_tries: int
    overdue: bool
    loadtest: bool
    correlation_id: str | None

    @property
    def prepaid(self) -> bool:
        return self.payment_mode == "prepaid"


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it is; `amount` in minor units of the order's currency, which its split sums to.

    `hold_seconds` is how long after delivery its parties wait, as its offer said at placement; None: as long as usual.
    """

    line_id: LineId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    state: LineState
    kind: LineKind
    variant_id: VariantId | None
    qty: int
    amount: int
    split: Split
    hold_seconds: int | None
    slot_id: SlotId | None = None

    @property
    def stock_id(self) -> StockId | None:
        """Where its pieces are reserved; a fee has none."""
        return self.slot_id or self.variant_id


@dataclass(frozen=True, slots=True)
class SupplierOrder:
    """One supplier's part of an order: the parcel's counterpart here. Amounts in minor units."""

    supplier_order_id: SupplierOrderId
    order_id: OrderId
    supplier_id: SupplierId
    state: SupplierOrderState
    cancellation: Cancellation | None
    shipment_id: ShipmentId | None
    cod_amount: int | None
    cod_collected: int | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for something to be done to an order; a service speaks for the buyers it placed orders for."""

    role: str
    party: str

    def may_act_on(self, order: Order) -> bool:
        match self.role:
            case "operator":
                return True
            case "buyer":
                return order.buyer_ref == self.party
            case "service":
                return order.placed_by == self.party
            case _:
                return False

    @property
    def speaks_as(self) -> Canceller:
        if self.role == "supplier":
            return "supplier"
        return "operator" if self.role == "operator" else "buyer"


def code_digest(order_id: OrderId, code: str) -> bytes:
    """What is kept of a confirmation code: who reads the database does not see it; it fits no other order."""
    return hashlib.sha256(f"{order_id}/{code}".encode()).digest()


def code_fits(order: Order, code: str, tries: int) -> bool:
    """Whether `code` confirms the order; never after `tries` wrong ones.

    Raises:
        Rejected: `code_expired`; `illegal_transition` for an order that no code can confirm.
    """
    if order.state == "EXPIRED" or (order.state == "PLACED" and order.overdue):
        raise Rejected("code_expired", "The code's time is over and the order with it; place the order anew.")
    if order.code_hash is None or order.state not in ("PLACED", "CONFIRMED"):
        raise illegal(order, "confirmed by a code")
    right = hmac.compare_digest(order.code_hash, code_digest(order.order_id, code))
    return right and order.code_tries < tries


def illegal(order: Order, wanted: str) -> Rejected:
    """The refusal of a step that the order's state does not allow."""
    return Rejected(
        "illegal_transition", f"The order is {order.state} and can't be {wanted}; see GET /orders.", state=order.state
    )


def ending(lines: Iterable[Line]) -> Literal["FULFILLED", "CLOSED"] | None:
    """The state of a confirmed order whose last line has ended: fulfilled if anything was delivered."""
    states = {line.state for line in lines}
    if states & LIVE:
        return None
    return "FULFILLED" if states & DELIVERED else "CLOSED"


def pieces(lines: Iterable[Line]) -> dict[StockId, int]:
    """How many of each variant and slot the lines hold."""
    held: dict[StockId, int] = {}
    for line in lines:
        if line.stock_id is not None:
            held[line.stock_id] = held.get(line.stock_id, 0) + line.qty
    return held

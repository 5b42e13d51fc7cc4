"""What does not fit, and what was decided about it."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import (
    Bearer,
    DiscrepancyId,
    DiscrepancyKind,
    Money,
    OrderId,
    ShipmentId,
    StatementId,
    SupplierId,
    SupplierOrderId,
)
from .topics import DISCREPANCIES

Decision = Literal["bear", "refund_buyer", "return_to_carrier", "accept", "retry", "dismiss"]


class DiscrepancyFact(Event):
    """One thing that does not fit, told of by every event about it."""

    topic: ClassVar[Topic] = DISCREPANCIES

    discrepancy_id: DiscrepancyId
    kind: DiscrepancyKind
    source: Literal["report", "statement", "bank", "time"] = Field(description="What it was found by.")
    carrier: str | None = None
    waybill: str | None = None
    shipment_id: ShipmentId | None = None
    order_id: OrderId | None = None
    supplier_order_id: SupplierOrderId | None = None
    supplier_id: SupplierId | None = None
    statement_id: StatementId | None = None
    expected: Money | None = None
    actual: Money | None = None


class DiscrepancyFound(DiscrepancyFact):
    """Two things that are said of one parcel or one sum can't both be so."""

    type: ClassVar[str] = "wanpu.logistics.DiscrepancyFound.v1"

    found_at: AwareDatetime


class DiscrepancyResolved(DiscrepancyFact):
    """Somebody decided, or what was missing came.

    Under `bear` the bearer makes good `amount`; under `refund_buyer` and `return_to_carrier` it goes back to whom the
    decision names. Any other decision moves no money by itself.
    """

    type: ClassVar[str] = "wanpu.logistics.DiscrepancyResolved.v1"

    decision: Decision
    bearer: Bearer | None = None
    amount: Money | None = None
    note: str | None = None
    resolved_by: str = Field(description="A person's party, or `rule`.")
    resolved_at: AwareDatetime

"""Where the money is that a courier took: collected, remitted and banked are facts of their own."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import Bearer, CashState, Money, OrderId, ShipmentId, StatementId, SupplierId, SupplierOrderId
from .topics import COD


class ShipmentCOD(Event):
    """The courier handed the parcel over and took this much for it.

    Says nothing of the money having reached us: that it was remitted and banked are facts of their own.
    """

    topic: ClassVar[Topic] = COD
    type: ClassVar[str] = "wanpu.logistics.ShipmentCOD.v1"

    shipment_id: ShipmentId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    carrier: str
    waybill: str
    collection_id: str = Field(description="Names the collection: the same id is the same money.")
    due: Money
    collected: Money
    method: Literal["cash", "pos", "qr"]
    collected_at: AwareDatetime = Field(description="The carrier's time.")
    cash_state: CashState


class CashFact(Event):
    """The cash for one parcel as it is after the event, carried by what is said of it once it was collected."""

    topic: ClassVar[Topic] = COD

    shipment_id: ShipmentId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    carrier: str
    waybill: str
    statement_id: StatementId
    row_id: str = Field(description="Names the statement's row: the same id is the same money.")
    gross: Money = Field(description="What the courier took, as the carrier's statement says.")
    fee: Money = Field(description="What the carrier keeps of it.")
    net: Money = Field(description="gross - fee: what reaches the bank.")
    cash_state: CashState


class CodRemitted(CashFact):
    """A row of the carrier's statement names this cash: it is on its way to the bank, less the carrier's fee."""

    type: ClassVar[str] = "wanpu.logistics.CodRemitted.v1"

    fee_bearer: Bearer = Field(description="Who pays the fee, by the carrier's contract.")
    remitted_at: AwareDatetime


class CodBanked(CashFact):
    """The bank has it: the statement was credited whole."""

    type: ClassVar[str] = "wanpu.logistics.CodBanked.v1"

    banked_at: AwareDatetime


class CodBankingReversed(CashFact):
    """The bank took the credit back: the money is on its way again."""

    type: ClassVar[str] = "wanpu.logistics.CodBankingReversed.v1"

    reversed_at: AwareDatetime

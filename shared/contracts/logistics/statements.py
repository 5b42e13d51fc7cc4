"""Carriers' statements, and the bank's credits for them."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import Money, OrderId, ShipmentId, StatementId, SupplierOrderId
from .topics import STATEMENTS


class StatementFact(Event):
    """A carrier's statement as it is after the event."""

    topic: ClassVar[Topic] = STATEMENTS

    statement_id: StatementId
    carrier: str
    statement_ref: str = Field(description="The carrier's own name of it.")
    state: Literal["RECEIVED", "MATCHED", "PART_BANKED", "BANKED"]
    rows: int = Field(ge=0, description="Those that could be read.")
    gross: Money
    fee: Money
    net: Money = Field(description="What the bank is to credit for all of its rows.")
    credited: Money = Field(description="What the bank has credited so far, less what it took back.")


class StatementReceived(StatementFact):
    """A statement came; its rows are looked at one after the other."""

    type: ClassVar[str] = "wanpu.logistics.StatementReceived.v1"

    received_at: AwareDatetime


class StatementMatched(StatementFact):
    """Every row was held against its parcel."""

    type: ClassVar[str] = "wanpu.logistics.StatementMatched.v1"

    matched: int = Field(ge=0)
    discrepancies: int = Field(ge=0)
    bad_rows: int = Field(ge=0)
    matched_at: AwareDatetime


class BankCreditReceived(StatementFact):
    """The bank credited the statement, whole or in part; with the last part each matched row's cash is banked."""

    type: ClassVar[str] = "wanpu.logistics.BankCreditReceived.v1"

    bank_ref: str = Field(description="The bank's name of the credit: the same one is the same money.")
    amount: Money
    value_date: date
    complete: bool = Field(description="The statement is credited whole.")
    received_at: AwareDatetime


class BankCreditReversed(StatementFact):
    """The bank took a credit back."""

    type: ClassVar[str] = "wanpu.logistics.BankCreditReversed.v1"

    bank_ref: str
    amount: Money
    reason: str
    reversed_at: AwareDatetime


class ReturnChargeSettled(StatementFact):
    """A row of the statement charges for a parcel's way back; its amount was kept of what the carrier remits."""

    type: ClassVar[str] = "wanpu.logistics.ReturnChargeSettled.v1"

    shipment_id: ShipmentId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    row_id: str
    amount: Money
    settled_at: AwareDatetime

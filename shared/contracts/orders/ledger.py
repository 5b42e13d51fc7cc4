"""The books, journal by journal."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime, Field

from ..event import Event, Topic
from ..values import Account, Currency, JournalId, LineId, OrderId, ShipmentId, Value
from .topics import LEDGER


class LedgerEntry(Value):
    """One side of a journal, in minor units: either `debit` or `credit` is zero."""

    account: Account
    party: str | None = None
    line_id: LineId | None = None
    shipment_id: ShipmentId | None = None
    debit: int = Field(default=0, ge=0)
    credit: int = Field(default=0, ge=0)


class LedgerPosted(Event):
    """A journal was entered into the books; its debits equal its credits.

    It is never changed, only reversed by another. Whoever adds up all of them from the first has the books.
    """

    topic: ClassVar[Topic] = LEDGER
    type: ClassVar[str] = "wanpu.orders.LedgerPosted.v1"

    stream_id: str = Field(description="The order, statement or payout that the journal belongs to.")
    journal_id: JournalId
    kind: str = Field(description="What is booked: with `cause` and `subject` it names the journal.")
    # `cause` in JSON: an event's own cause is what it inherits in its headers.
    cause_id: str = Field(alias="cause", description="The event or timer that led to it.")
    subject: str = Field(description="The line, shipment, statement row or payout it is about.")
    order_id: OrderId | None = None
    currency: Currency
    entries: tuple[LedgerEntry, ...]
    posted_at: AwareDatetime

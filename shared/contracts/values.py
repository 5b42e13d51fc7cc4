"""Types that appear inside events, shared by every service: ids, money, parties."""

from __future__ import annotations

from typing import Annotated, Literal, NewType

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

# Each id is a UUID's canonical text: a string in JSON, a `uuid` in SQL.
SupplierId = NewType("SupplierId", str)
ProductId = NewType("ProductId", str)
VariantId = NewType("VariantId", str)
OfferId = NewType("OfferId", str)
SlotId = NewType("SlotId", str)
DeliveryId = NewType("DeliveryId", str)
CreatorId = NewType("CreatorId", str)
StorefrontId = NewType("StorefrontId", str)
AdoptionId = NewType("AdoptionId", str)
ListingId = NewType("ListingId", str)
ContentId = NewType("ContentId", str)
GroupId = NewType("GroupId", str)
TouchId = NewType("TouchId", str)
OrderId = NewType("OrderId", str)
LineId = NewType("LineId", str)
SupplierOrderId = NewType("SupplierOrderId", str)
PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
JournalId = NewType("JournalId", str)
ShipmentId = NewType("ShipmentId", str)

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]  # ISO 4217
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]  # ISO 3166-2
Ppm = Annotated[int, Field(ge=0, le=1_000_000)]
Quantity = Annotated[int, Field(ge=1, le=10_000)]

PartyKind = Literal["supplier", "creator", "referrer", "platform"]
EntryPoint = Literal["search", "account", "article", "share", "group", "direct"]
VariantKind = Literal["good", "service"]
PaymentMode = Literal["cod", "prepaid"]
Availability = Literal["yes", "few", "no"]


class Value(BaseModel):
    """A frozen value inside an event; like events it ignores fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Money(Value):
    """Integer minor units of one currency (CNY 129.00 is 12900). Never a float."""

    amount: int
    currency: Currency


class Share(Value):
    """One party's part of a line's money; a line's shares sum to the line to the minor unit."""

    party_kind: PartyKind
    party: str
    rate_ppm: Ppm | None = None
    amount: Money

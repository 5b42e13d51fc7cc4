"""Types that appear inside events, shared by every service: ids, money, parties."""

from __future__ import annotations

from typing import Annotated, Literal, NewType

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

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
StatementId = NewType("StatementId", str)
DiscrepancyId = NewType("DiscrepancyId", str)
PayoutId = NewType("PayoutId", str)

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]  # ISO 4217
Region = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]  # ISO 3166-2
Ppm = Annotated[int, Field(ge=0, le=1_000_000)]
Quantity = Annotated[int, Field(ge=1, le=10_000)]

PartyKind = Literal["supplier", "creator", "referrer", "platform"]
EntryPoint = Literal["search", "account", "article", "share", "group", "direct"]
VariantKind = Literal["good", "service"]
PaymentMode = Literal["cod", "prepaid"]
Availability = Literal["yes", "few", "no"]
LineKind = Literal["good", "service", "fee"]
ContentKind = Literal["article", "post", "live", "video"]
Channel = Literal["account", "group", "person"]
Version = Annotated[int, Field(ge=1)]  # of a row: every change of state adds one

OrderState = Literal["PLACED", "CONFIRMED", "FULFILLED", "COMPLETED", "EXPIRED", "CANCELLED", "CLOSED"]
LineState = Literal[
    "RESERVED",
    "CONFIRMED",
    "SHIPPED",
    "DELIVERED",
    "COMPLETED",
    "RELEASED",
    "CANCELLED",
    "REFUSED",
    "RETURNED",
    "LOST",
]
PaymentState = Literal["PENDING", "CAPTURED", "FAILED", "EXPIRED", "PART_REFUNDED", "REFUNDED"]
ParcelState = Literal[
    "CREATED",
    "CANCELLED",
    "HANDED_OVER",
    "IN_TRANSIT",
    "OUT_FOR_DELIVERY",
    "ATTEMPT_FAILED",
    "DELIVERED",
    "RETURNING",
    "RETURNED",
    "RESTOCKED",
    "WRITTEN_OFF",
    "LOST",
    "DAMAGED",
]
CashState = Literal[
    "DUE",
    "COLLECTED",
    "REMITTED",
    "BANKED",
    "SETTLED",
    "SHORT",
    "REFUSED",
    "OVERDUE",
    "DISPUTED",
    "REVERSED",
    "WRITTEN_OFF",
]
RefundState = Literal[
    "REQUESTED",
    "APPROVED",
    "REJECTED",
    "AWAITING_RETURN",
    "INSPECTED",
    "DUE",
    "SUBMITTED",
    "REFUNDED",
    "FAILED",
]
PayoutState = Literal["REQUESTED", "APPROVED", "SUBMITTED", "PAID", "FAILED", "RETURNED"]
CommissionState = Literal["ESTIMATED", "EARNED", "AVAILABLE", "IN_PAYOUT", "PAID", "VOID", "REVERSED", "FROZEN"]
# What must happen before a party's share is available.
WaitsFor = Literal["delivery", "hold", "cash_banked", "provider_settlement", "shortage_decided", "refund_decided"]
Bearer = Literal["supplier", "creator", "platform", "carrier"]  # who pays a fee, or makes good what is missing
DiscrepancyKind = Literal[
    "unmatched",  # nobody handed this waybill over (yet)
    "contradiction",  # it can't be true beside what ended the parcel
    "late",  # it came after its time
    "report_changed",  # a report id used again for something else
    "short",
    "over",
    "duplicate",  # the same money a second time
    "missing",  # collected, and in no statement within the carrier's time
    "fee_differs",  # the carrier kept another fee than its contract says
    "cash_unclear",  # a collection without an amount, or in another currency than the one due
    "delivered_without_cash",
    "cash_without_delivery",
    "not_credited",  # a statement that the bank has not credited in time
]
Account = Literal[
    "psp_clearing",
    "psp_fees",
    "bank",
    "buyer_deposits",
    "carrier_cash",
    "cash_in_transit",
    "carrier_fees",
    "carrier_payable",
    "refund_payable",
    "return_costs",
    "losses",
    "platform_revenue",
    "payable:held",
    "payable:available",
    "payable:in_payout",
]


class Value(BaseModel):
    """A frozen value inside an event; like events it ignores fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


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


class CommissionTerms(Value):
    """The supplier sets the retail price; creator, referrer and platform earn their rate, the supplier the rest."""

    kind: Literal["commission"]
    creator_ppm: Ppm
    referrer_ppm: Ppm
    platform_ppm: Ppm


class Floor(Value):
    """What the supplier gets for one piece of a variant under wholesale terms."""

    variant_id: VariantId
    price: Money


class WholesaleTerms(Value):
    """The supplier gets the floor, the platform its rate; the creator sets the retail price and keeps the rest."""

    kind: Literal["wholesale"]
    platform_ppm: Ppm
    floors: tuple[Floor, ...]


Terms = Annotated[CommissionTerms | WholesaleTerms, Field(discriminator="kind")]


class OfferVersion(Value):
    """One version of an offer's terms. In force is the highest version whose `effective_from` has passed."""

    version: Version
    terms: Terms
    effective_from: AwareDatetime
    hold_seconds: int | None = Field(
        default=None,
        ge=1,
        description="How long after delivery a creator's commission is held; null: the platform's usual hold.",
    )


class ShipTo(Value):
    """Where a parcel goes and to whom: personal data, found on `orders.personal` and nowhere else."""

    name: str
    phone: str
    region: Region
    address: str

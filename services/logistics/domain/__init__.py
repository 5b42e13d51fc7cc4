"""What logistics decides, without a database: where a parcel may go, and what became of the cash for it."""

from .cash import Cash, Collection, collect
from .findings import Finding, FindingKind
from .parcel import (
    ENDED,
    LEGAL,
    MAX_ATTEMPTS,
    Effect,
    Heard,
    Parcel,
    ParcelKind,
    Report,
    ReportKind,
    ReturnReason,
    hear,
    restockable,
)
from .shipment import Shipment, hand_over

__all__ = [
    "CODES",
    "ENDED",
    "LEGAL",
    "MAX_ATTEMPTS",
    "Cash",
    "Collection",
    "Effect",
    "Finding",
    "FindingKind",
    "Heard",
    "Parcel",
    "ParcelKind",
    "Report",
    "ReportKind",
    "ReturnReason",
    "Shipment",
    "collect",
    "hand_over",
    "hear",
    "restockable",
]

CODES: dict[str, int] = {
    "already_handed_over": 409,
    "cancelled": 409,
    "delivery_details_missing": 409,
    "loadtest": 409,
    "waybill_taken": 409,
    "unknown_carrier": 422,
}

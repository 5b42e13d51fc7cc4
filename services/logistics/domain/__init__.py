"""What logistics decides, without a database: where a parcel may go, and what became of the cash for it."""

from .cash import Cash, Collection, collect
from .contracts import Columns, Contract, Cycle, Fee, Rules
from .deciding import DecisionEffect, DecisionKind, Moved, Open, decide, possible
from .findings import Finding, Source
from .lines import Bad, BadCode, Layout, Row
from .matching import CashFacts, Judged, Outcome, ParcelFacts, judge
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
    "Bad",
    "BadCode",
    "Cash",
    "CashFacts",
    "Collection",
    "Columns",
    "Contract",
    "Cycle",
    "DecisionEffect",
    "DecisionKind",
    "Effect",
    "Fee",
    "Finding",
    "Heard",
    "Judged",
    "Layout",
    "Moved",
    "Open",
    "Outcome",
    "Parcel",
    "ParcelFacts",
    "ParcelKind",
    "Report",
    "ReportKind",
    "ReturnReason",
    "Row",
    "Rules",
    "Shipment",
    "Source",
    "collect",
    "decide",
    "hand_over",
    "hear",
    "judge",
    "possible",
    "restockable",
]

CODES: dict[str, int] = {
    "already_handed_over": 409,
    "already_resolved": 409,
    "already_reversed": 409,
    "bank_ref_changed": 409,
    "cancelled": 409,
    "credit_exceeds_statement": 409,
    "decision_not_possible": 409,
    "delivery_details_missing": 409,
    "loadtest": 409,
    "statement_not_banked": 409,
    "statement_changed": 409,
    "statement_running": 409,
    "still_differs": 409,
    "waybill_taken": 409,
    "bearer_required": 422,
    "empty_statement": 422,
    "not_utf8": 422,
    "other_carrier": 422,
    "unknown_carrier": 422,
    "wrong_columns": 422,
}

"""What logistics tells: where a parcel is, and where the money the courier took for it is."""

from __future__ import annotations

from .cash import CashFact, CodBanked, CodBankingReversed, CodRemitted, ShipmentCOD
from .discrepancies import Decision, DiscrepancyFact, DiscrepancyFound, DiscrepancyResolved
from .shipments import (
    CancellationRefused,
    DeliveryAttemptFailed,
    ShipmentCancelled,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentLine,
    ShipmentReturned,
    ShipmentState,
    ShipmentStatusChanged,
)
from .statements import (
    BankCreditReceived,
    BankCreditReversed,
    ReturnChargeSettled,
    StatementFact,
    StatementMatched,
    StatementReceived,
)
from .topics import COD, DISCREPANCIES, SHIPMENTS, STATEMENTS, VISITS

__all__ = [
    "COD",
    "DISCREPANCIES",
    "SHIPMENTS",
    "STATEMENTS",
    "VISITS",
    "BankCreditReceived",
    "BankCreditReversed",
    "CancellationRefused",
    "CashFact",
    "CodBanked",
    "CodBankingReversed",
    "CodRemitted",
    "Decision",
    "DeliveryAttemptFailed",
    "DiscrepancyFact",
    "DiscrepancyFound",
    "DiscrepancyResolved",
    "ReturnChargeSettled",
    "ShipmentCOD",
    "ShipmentCancelled",
    "ShipmentCreated",
    "ShipmentDelivered",
    "ShipmentHandedOver",
    "ShipmentLine",
    "ShipmentReturned",
    "ShipmentState",
    "ShipmentStatusChanged",
    "StatementFact",
    "StatementMatched",
    "StatementReceived",
]

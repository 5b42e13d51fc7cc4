"""Parcels and cash as events: each carries the parcel as it is after it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

from shared.contracts.logistics import (
    DeliveryAttemptFailed,
    ShipmentDelivered,
    ShipmentReturned,
    ShipmentState,
    ShipmentStatusChanged,
)
from shared.contracts.values import Money

from ..domain import Contract, Row, Shipment, restockable
from ..store.statements import Statement


def facts(shipment: Shipment) -> dict[str, Any]:
    """What every event about a parcel says of it."""
    names = ("shipment_id", "order_id", "supplier_order_id", "supplier_id", "carrier", "waybill", "region", "lines")
    return {name: getattr(shipment, name) for name in names} | {
        "parcel_state": shipment.parcel.state,
        "attempts": shipment.parcel.attempts,
        "cod_amount": shipment.cod,
    }


def statement_facts(statement: Statement) -> dict[str, Any]:
    """What every event about a statement says of it."""
    names = ("statement_id", "carrier", "statement_ref", "state", "rows")
    sums = ("gross", "fee", "net", "credited")
    return {name: getattr(statement, name) for name in names} | {
        name: statement.money(getattr(statement, name)) for name in sums
    }


def row_facts(statement: Statement, row: Row) -> dict[str, Any]:
    """What the events of a parcel's cash say of its statement's row."""
    return {
        "carrier": statement.carrier,
        "waybill": row.waybill,
        "statement_id": statement.statement_id,
        "row_id": statement.row_id(row.line),
        **{name: statement.money(getattr(row, name)) for name in ("gross", "fee", "net")},
    }


def _way_back(parcel: Shipment, contract: Contract) -> dict[str, Any]:
    """What the carrier asks for a parcel's way back, if it asks anything."""
    agreed = contract.charge(parcel.parcel.turned_by)
    if agreed is None:
        return {}
    amount, bearer = agreed
    return {"return_charge": Money(amount=amount, currency=contract.currency), "charge_bearer": bearer}


def moved(
    before: Shipment, after: Shipment, *, reason: str | None, told_at: datetime, contract: Contract
) -> ShipmentState:
    """The event of one step that a carrier's report made."""
    known = facts(after)
    if after.parcel.attempts > before.parcel.attempts:
        attempt = after.parcel.attempts
        return DeliveryAttemptFailed(**known, attempt=attempt, reason=reason or "unknown", failed_at=told_at)
    state = after.parcel.state
    match state:
        case "DELIVERED":
            return ShipmentDelivered(**known, delivered_at=told_at)
        case "RETURNED":
            why = after.parcel.turned_by
            known |= _way_back(after, contract) | {"reason": why, "restock": restockable(reason)}
            return ShipmentReturned(**known, returned_at=told_at)
        case (
            "IN_TRANSIT"
            | "OUT_FOR_DELIVERY"
            | "ATTEMPT_FAILED"
            | "RETURNING"
            | "RESTOCKED"
            | "WRITTEN_OFF"
            | "LOST"
            | "DAMAGED"
        ):
            previous = before.parcel.state
            return ShipmentStatusChanged(**known, previous_state=previous, changed_at=told_at, reason=reason)
        case "CREATED" | "CANCELLED" | "HANDED_OVER":
            raise AssertionError(f"no report leads to {state}")
        case _:
            assert_never(state)

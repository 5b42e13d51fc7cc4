"""Events as the platform tells them, for parties under test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from shared.contracts.logistics import (
    BankCreditReceived,
    CodRemitted,
    DiscrepancyFound,
    ReturnChargeSettled,
    ShipmentCOD,
    ShipmentReturned,
    StatementMatched,
)
from shared.contracts.orders import (
    PaymentCaptured,
    PaymentRefunded,
    PaymentSettled,
    PayoutFailed,
    PayoutPaid,
    PayoutSubmitted,
    RefundFailed,
    RefundSubmitted,
)
from shared.contracts.values import Money

ID = "0190f3a0-0000-7000-8000-00000000000"
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(position: int) -> dict[str, str]:
    """An event's headers, as far as parties look at them."""
    return {"ce_aggregateversion": str(position)}


def yuan(amount: int) -> Money:
    return Money(amount=amount, currency="CNY")


def payout_submitted(payout_id: str = "po-1", amount: int = 5_000) -> PayoutSubmitted:
    return PayoutSubmitted(**_payout(payout_id, amount, "SUBMITTED"), submitted_at=NOON)


def payout_paid(payout_id: str = "po-1") -> PayoutPaid:
    return PayoutPaid(**_payout(payout_id, 5_000, "PAID"), bank_ref="b", paid_at=NOON)


def payout_failed(payout_id: str = "po-1") -> PayoutFailed:
    return PayoutFailed(**_payout(payout_id, 5_000, "FAILED"), failure="f", failed_at=NOON)


def _payout(payout_id: str, amount: int, state: str) -> dict[str, Any]:
    return {"payout_id": payout_id, "party": "s-1", "amount": yuan(amount), "state": state}


def refund_submitted(refund_id: str = "re-1", route: str = "transfer") -> RefundSubmitted:
    return RefundSubmitted(**_refund(refund_id, route, "SUBMITTED"), submitted_at=NOON)


def refund_failed(refund_id: str = "re-1", route: str = "transfer") -> RefundFailed:
    return RefundFailed(**_refund(refund_id, route, "FAILED"), failure="f", failed_at=NOON)


def _refund(refund_id: str, route: str, state: str) -> dict[str, Any]:
    return {
        "refund_id": refund_id,
        "order_id": ID + "1",
        "buyer_ref": "b-1",
        "kind": "refund_only",
        "reason": "torn",
        "state": state,
        "amount": yuan(1_290),
        "route": route,
        "payment_id": "pay-1" if route == "card" else None,
    }


def captured(payment_id: str = "pay-1", amount: int = 12_900) -> PaymentCaptured:
    money = yuan(amount)
    return PaymentCaptured(
        **_payment(payment_id, amount, "CAPTURED"), captured=money, outcome="applied", captured_at=NOON
    )


def refunded(payment_id: str = "pay-1", amount: int = 1_290, refund_id: str = "re-1") -> PaymentRefunded:
    said = _payment(payment_id, 12_900, "PART_REFUNDED")
    return PaymentRefunded(**said, refund_id=refund_id, refunded=yuan(amount), refunded_at=NOON)


def settled(payment_id: str = "pay-1", gross: int = 12_900, settlement_id: str = "s-1") -> PaymentSettled:
    said = _payment(payment_id, 12_900, "CAPTURED") | {"settlement_id": settlement_id, "bank_ref": "b"}
    return PaymentSettled(**said, gross=yuan(gross), fee=yuan(0), settled_at=NOON)


def _payment(payment_id: str, due: int, state: str) -> dict[str, Any]:
    return {"payment_id": payment_id, "order_id": ID + "1", "state": state, "due": yuan(due), "psp": "sandbox"}


def collected(waybill: str, amount: int = 12_900, when: datetime = NOON) -> ShipmentCOD:
    said = _shipment(waybill) | {"collection_id": f"c-{waybill}", "due": yuan(amount), "collected": yuan(amount)}
    return ShipmentCOD(**said, method="cash", collected_at=when, cash_state="COLLECTED")


def came_back(waybill: str, charge: int | None = 800) -> ShipmentReturned:
    said = _shipment(waybill) | {"parcel_state": "RETURNED", "attempts": 0, "cod_amount": None, "region": "CN-ZJ"}
    money = yuan(charge) if charge else None
    said |= {"lines": (), "reason": "refused", "restock": True, "returned_at": NOON, "return_charge": money}
    return ShipmentReturned(**said)


def remitted(waybill: str) -> CodRemitted:
    said = _shipment(waybill) | {"statement_id": "st-0", "row_id": "r", "cash_state": "REMITTED"}
    return CodRemitted(**said, gross=yuan(1), fee=yuan(0), net=yuan(1), fee_bearer="supplier", remitted_at=NOON)


def charge_settled(waybill: str) -> ReturnChargeSettled:
    said = _statement("SB-0", 0) | {name: _shipment(waybill)[name] for name in SHIPMENT_IDS}
    return ReturnChargeSettled(**said, row_id="r", amount=yuan(800), settled_at=NOON)


def found(waybill: str, source: str) -> DiscrepancyFound:
    said = {"discrepancy_id": "d-1", "kind": "short", "source": source, "carrier": "sandbox", "waybill": waybill}
    return DiscrepancyFound(**said, found_at=NOON)


def matched(statement_ref: str = "SB-1", net: int = 10_001) -> StatementMatched:
    said = _statement(statement_ref, net)
    return StatementMatched(**said, matched=1, discrepancies=0, bad_rows=0, matched_at=NOON)


def credited(bank_ref: str, statement_ref: str = "SB-1") -> BankCreditReceived:
    said = _statement(statement_ref, 10_001) | {"bank_ref": bank_ref, "amount": yuan(1), "value_date": NOON.date()}
    return BankCreditReceived(**said, complete=False, received_at=NOON)


SHIPMENT_IDS = ("shipment_id", "order_id", "supplier_order_id")


def _statement(statement_ref: str, net: int) -> dict[str, Any]:
    sums = {"gross": yuan(net), "fee": yuan(0), "net": yuan(net), "credited": yuan(0)}
    named = {"statement_id": f"id-{statement_ref}", "carrier": "sandbox", "statement_ref": statement_ref}
    return named | sums | {"state": "MATCHED", "rows": 1}


def _shipment(waybill: str) -> dict[str, Any]:
    ids = dict.fromkeys((*SHIPMENT_IDS[1:], "supplier_id"), ID + "2")
    return ids | {"shipment_id": f"sh-{waybill}", "carrier": "sandbox", "waybill": waybill}

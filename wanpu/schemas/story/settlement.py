"""The money's part of the story: the cash on its way to the bank, what does not fit, who is paid, what goes back."""

from __future__ import annotations

from typing import Any

from shared.contracts.event import Event
from shared.contracts.logistics import (
    BankCreditReceived,
    BankCreditReversed,
    CodBanked,
    CodBankingReversed,
    CodRemitted,
    DiscrepancyFound,
    DiscrepancyResolved,
    ReturnChargeSettled,
    StatementMatched,
    StatementReceived,
)
from shared.contracts.orders import (
    BalanceAfter,
    CommissionAvailable,
    CommissionEarned,
    CommissionEstimated,
    CommissionHeldAgain,
    CommissionInPayout,
    CommissionPaid,
    CommissionReversed,
    CommissionVoided,
    PaymentRefunded,
    PaymentSettled,
    PayoutApproved,
    PayoutFailed,
    PayoutPaid,
    PayoutRequested,
    PayoutReturned,
    PayoutSubmitted,
    RefundApproved,
    RefundFailed,
    RefundInspected,
    RefundLine,
    RefundPaid,
    RefundRejected,
    RefundRequested,
    RefundSubmitted,
)
from shared.contracts.values import DiscrepancyId, PayoutId, RefundId, StatementId

from .catalog import SUPPLIER
from .logistics import SHIPMENT, WAYBILL
from .orders import LINE, ORDER, PAYABLE, SUPPLIER_ORDER, payment
from .storefront import CONTENT, CREATOR
from .telling import after, because, cny, named

_DAY = 24 * 60
_STATEMENT = StatementId(named("statement"))
_REF = "SBX-2026-03-05"
_PARCEL = {
    "shipment_id": SHIPMENT,
    "order_id": ORDER,
    "supplier_order_id": SUPPLIER_ORDER,
    "supplier_id": SUPPLIER,
    "carrier": "sandbox",
    "waybill": WAYBILL,
}
_FEE, _NET = cny(258), cny(25_542)
_ROW = {"statement_id": _STATEMENT, "row_id": f"{_STATEMENT}/17", "gross": PAYABLE, "fee": _FEE, "net": _NET}
_UPLOAD, _CREDIT = "POST /carriers/sandbox/statements", "POST /bank-credits"


def _statement(state: str, credited: int = 0) -> dict[str, Any]:
    sums = {"rows": 41, "gross": cny(812_000), "fee": cny(8_120), "net": cny(803_880), "credited": cny(credited)}
    return {"statement_id": _STATEMENT, "carrier": "sandbox", "statement_ref": _REF, "state": state} | sums


_FOUND: dict[str, Any] = _PARCEL | {
    "discrepancy_id": DiscrepancyId(named("discrepancy")),
    "kind": "short",
    "source": "report",
    "expected": PAYABLE,
    "actual": cny(25_000),
}
_CASH: tuple[Event, ...] = (
    CodRemitted(**_PARCEL, **_ROW, cash_state="REMITTED", fee_bearer="supplier", remitted_at=after(3 * _DAY)).at(
        2, because(_UPLOAD)
    ),
    CodBanked(**_PARCEL, **_ROW, cash_state="BANKED", banked_at=after(4 * _DAY)).at(3, because(_CREDIT)),
    CodBankingReversed(**_PARCEL, **_ROW, cash_state="REMITTED", reversed_at=after(5 * _DAY)).at(
        4, because("POST /bank-credits/{bank_ref}/reverse")
    ),
    StatementReceived(**_statement("RECEIVED"), received_at=after(3 * _DAY)).at(1, because(_UPLOAD)),
    StatementMatched(
        **_statement("MATCHED"), matched=39, discrepancies=2, bad_rows=1, matched_at=after(3 * _DAY + 1)
    ).at(2, because(_UPLOAD)),
    BankCreditReceived(
        **_statement("BANKED", 803_880),
        bank_ref="BK-0305-1",
        amount=cny(803_880),
        value_date=after(4 * _DAY).date(),
        complete=True,
        received_at=after(4 * _DAY),
    ).at(3, because(_CREDIT)),
    BankCreditReversed(
        **_statement("MATCHED"),
        bank_ref="BK-0305-1",
        amount=cny(803_880),
        reason="credited by mistake",
        reversed_at=after(5 * _DAY),
    ).at(4, because("POST /bank-credits/{bank_ref}/reverse")),
    ReturnChargeSettled(
        **_statement("MATCHED"),
        shipment_id=SHIPMENT,
        order_id=ORDER,
        supplier_order_id=SUPPLIER_ORDER,
        row_id=f"{_STATEMENT}/18",
        amount=cny(800),
        settled_at=after(3 * _DAY),
    ).at(2, because(_UPLOAD)),
    DiscrepancyFound(**_FOUND, found_at=after(2_990)).at(1, because("POST /carriers/sandbox/reports")),
    DiscrepancyResolved(
        **_FOUND,
        decision="bear",
        bearer="carrier",
        amount=cny(800),
        note="The courier gave wrong change.",
        resolved_by="operator-2",
        resolved_at=after(2 * _DAY + 200),
    ).at(2, because("POST /discrepancies/{id}/resolve")),
)


def _share(state: str, minor: int, delta: int, owed: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    held, available, in_payout = owed
    return {
        "party": CREATOR,
        "party_kind": "creator",
        "order_id": ORDER,
        "line_id": LINE,
        "state": state,
        "amount": cny(minor),
        "delta": cny(delta),
        "balance": BalanceAfter(held=held, available=available, in_payout=in_payout),
        "cause_id": named("what led to it"),
        "entry_point": "article",
        "content_id": CONTENT,
        "changed_at": after(3_000),
    } | more


_PAYOUT = PayoutId(named("payout"))
_COMMISSIONS: tuple[Event, ...] = (
    CommissionEstimated(**_share("ESTIMATED", 3_870, 3_870, (0, 0, 0), waits_for=("delivery",))).at(
        1, because("wanpu.logistics.ShipmentCreated.v1")
    ),
    CommissionEarned(
        **_share("EARNED", 3_870, 0, (3_870, 0, 0), waits_for=("hold", "cash_banked"), hold_until=after(7 * _DAY))
    ).at(2, because("wanpu.logistics.ShipmentDelivered.v1")),
    CommissionAvailable(**_share("AVAILABLE", 3_870, 0, (0, 3_870, 0))).at(3, because("wanpu.logistics.CodBanked.v1")),
    CommissionHeldAgain(**_share("EARNED", 3_870, 0, (3_870, 0, 0), waits_for=("cash_banked",))).at(
        4, because("wanpu.logistics.CodBankingReversed.v1")
    ),
    CommissionInPayout(**_share("IN_PAYOUT", 3_870, 0, (0, 0, 3_870))).at(5, because("POST /payouts")),
    CommissionPaid(**_share("PAID", 3_870, 0, (0, 0, 0))).at(6, because("POST /banks/callbacks")),
    CommissionReversed(**_share("PAID", 1_935, -1_935, (0, -1_935, 0))).at(7, because("POST /refunds/{id}/approve")),
    CommissionVoided(**_share("VOID", 0, -3_870, (0, 0, 0))).at(2, because("wanpu.logistics.ShipmentReturned.v1")),
)


def _refund(state: str) -> dict[str, Any]:
    return {
        "refund_id": RefundId(named("refund")),
        "order_id": ORDER,
        "buyer_ref": "wx-7f3a91",
        "supplier_order_id": SUPPLIER_ORDER,
        "kind": "return_and_refund",
        "reason": "one tin was dented",
        "state": state,
        "amount": cny(12_900),
        "lines": (RefundLine(line_id=LINE, quantity=1, amount=cny(12_900)),),
        "route": "transfer",
    }


_REFUNDS: tuple[Event, ...] = (
    RefundRequested(
        **_refund("REQUESTED"), requested_by="buyer", approve_by=after(5 * _DAY), requested_at=after(3 * _DAY)
    ).at(1, because("POST /orders/{id}/refunds")),
    RefundApproved(**_refund("AWAITING_RETURN"), approved_by="supplier", approved_at=after(3 * _DAY + 60)).at(
        2, because("POST /refunds/{id}/approve")
    ),
    RefundRejected(
        **_refund("REJECTED"), rejected_by="supplier", note="The tin was opened.", rejected_at=after(3 * _DAY + 60)
    ).at(2, because("POST /refunds/{id}/reject")),
    RefundInspected(**_refund("DUE"), accepted=True, damaged=False, inspected_at=after(5 * _DAY)).at(
        3, because("POST /refunds/{id}/inspected")
    ),
    RefundSubmitted(**_refund("SUBMITTED"), submitted_at=after(5 * _DAY)).at(
        4, because("POST /refunds/{id}/inspected")
    ),
    RefundPaid(**_refund("REFUNDED"), paid_ref="BK-0307-9", paid_at=after(5 * _DAY + 30)).at(
        5, because("POST /banks/callbacks")
    ),
    RefundFailed(**_refund("FAILED"), failure="account_closed", failed_at=after(5 * _DAY + 30)).at(
        5, because("POST /banks/callbacks")
    ),
)


def _paid_out(state: str) -> dict[str, Any]:
    return {"payout_id": _PAYOUT, "party": CREATOR, "amount": cny(3_870), "state": state}


_PAYOUTS: tuple[Event, ...] = (
    PayoutRequested(
        **_paid_out("REQUESTED"), requested_by=CREATOR, needs_approval=False, requested_at=after(8 * _DAY)
    ).at(1, because("POST /payouts")),
    PayoutApproved(**_paid_out("APPROVED"), approved_by="rule", approved_at=after(8 * _DAY)).at(
        2, because("POST /payouts")
    ),
    PayoutSubmitted(**_paid_out("SUBMITTED"), submitted_at=after(8 * _DAY)).at(3, because("POST /payouts")),
    PayoutPaid(**_paid_out("PAID"), bank_ref="BK-0310-4", paid_at=after(8 * _DAY + 60)).at(
        4, because("POST /banks/callbacks")
    ),
    PayoutFailed(**_paid_out("FAILED"), failure="account_unknown", failed_at=after(8 * _DAY + 60)).at(
        4, because("POST /banks/callbacks")
    ),
    PayoutReturned(
        **_paid_out("RETURNED"), bank_ref="BK-0311-2", failure="account_closed", returned_at=after(9 * _DAY)
    ).at(5, because("POST /banks/callbacks")),
)
_PROVIDER: tuple[Event, ...] = (
    PaymentSettled(
        **payment("CAPTURED"),
        psp_ref="sbx-000041",
        settlement_id="sbx-s-0302",
        bank_ref="BK-0303-2",
        gross=cny(12_900),
        fee=cny(77),
        settled_at=after(_DAY),
    ).at(2, because("POST /payments/settlements/sandbox")),
    PaymentRefunded(
        **payment("REFUNDED"),
        psp_ref="sbx-r-000041",
        refund_id=RefundId(named("prepaid refund")),
        refunded=cny(12_900),
        refunded_at=after(2 * _DAY),
    ).at(3, because("POST /payments/callbacks/sandbox")),
)
TOLD: tuple[Event, ...] = (*_CASH, *_COMMISSIONS, *_REFUNDS, *_PAYOUTS, *_PROVIDER)

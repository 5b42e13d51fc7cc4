"""Signed reports of payment providers."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from services.orders.http.intake import settings_of
from services.orders.store.payments import Report
from services.orders.store.settlements import Settlement
from services.orders.usecases.payments import take_report
from services.orders.usecases.settlements import take_settlement
from shared.contracts.values import Currency, Money, PaymentId, RefundId
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Id, Routes

MOST = 10**15  # as for an order: sums over many stay inside a bigint

routes = Routes()


class PaymentReport(Body):
    """What the provider did; `amount` in minor units, `psp_ref` its own name for the act."""

    payment_id: Id[PaymentId]
    kind: Literal["captured", "failed", "refunded"]
    refund_id: Id[RefundId] | None = None
    amount: Annotated[int, Field(ge=0, le=MOST)]
    currency: Currency
    psp_ref: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    at: AwareDatetime
    reason: Annotated[str, StringConstraints(max_length=500)] | None = None

    @model_validator(mode="after")
    def _money_moved(self) -> Self:
        if self.kind != "failed" and self.amount == 0:
            raise ValueError("the amount must be above zero")
        return self


class ReportTaken(BaseModel):
    """What was made of it, the same for each repetition."""

    payment_id: PaymentId
    outcome: Literal[
        "applied", "order_not_open", "amount_differs", "currency_differs", "failed", "too_late", "refunded", "kept"
    ]


@routes.post("/payments/callbacks/{psp}", signed_by="psp")
async def take_payment_report(call: Call, tx: Tx, body: PaymentReport) -> ReportTaken:
    """Take a provider's report: stored as it came, in effect once."""
    assert call.webhook_id is not None, "a signed call has an id"
    said = body.model_dump(mode="json")
    report = Report(psp=call.party, webhook_id=call.webhook_id, body=said, **dict(body))
    return ReportTaken.model_validate(
        {"payment_id": body.payment_id, "outcome": await take_report(tx, report, call.cause)}
    )


def _check_size(money: Money) -> Money:
    if abs(money.amount) > MOST:
        raise ValueError(f"the amount must be at most {MOST} either way")
    return money


MinorUnits = Annotated[int, Field(ge=-MOST, le=MOST)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]


Settled = MinorUnits | Annotated[Money, AfterValidator(_check_size)]


class SettledPayment(Body):
    """What is paid over for a payment, `fee` included; a `gross` below zero is kept for what went back to its buyer.

    Amounts are money in the payments' currency, or its minor units alone.
    """

    payment_id: Id[PaymentId]
    gross: Settled
    fee: Settled


class SettlementSent(Body):
    """What the provider pays over at once."""

    settlement_id: Name
    payments: Annotated[list[SettledPayment], Field(min_length=1, max_length=2_000)]  # what fits a body
    bank_ref: Name


class SettlementTaken(BaseModel):
    """It is booked; the same answer for each repetition."""

    settlement_id: str
    payments: int


@routes.post("/payments/settlements/{psp}", signed_by="psp")
async def take_payment_settlement(call: Call, tx: Tx, body: SettlementSent) -> SettlementTaken:
    """Take a provider's settlement: all of it or nothing, in effect once."""
    rows = [(row.payment_id, _minor(row.gross), _minor(row.fee)) for row in body.payments]
    named = {amount.currency for row in body.payments for amount in (row.gross, row.fee) if isinstance(amount, Money)}
    said = body.model_dump(mode="json")
    sent = Settlement(call.party, body.settlement_id, body.bank_ref, rows, said, frozenset(named))
    await take_settlement(tx, sent, settings_of(call).psp_fee_bearer, call.cause)
    return SettlementTaken(settlement_id=body.settlement_id, payments=len(rows))


def _minor(amount: int | Money) -> int:
    return amount.amount if isinstance(amount, Money) else amount

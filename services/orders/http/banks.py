"""Signed reports of banks."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from services.orders.http.payments import MOST
from services.orders.store.banks import BankReport
from services.orders.usecases.banks import take_report
from shared.contracts.values import Currency, PayoutId, RefundId
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Id, Routes

routes = Routes()


class TransferReport(Body):
    """What became of a transfer of ours; `amount` in minor units, `bank_ref` the bank's own name for the act."""

    bank: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
    kind: Literal["paid", "failed", "returned"]
    payout_id: Id[PayoutId] | None = None
    refund_id: Id[RefundId] | None = None
    amount: Annotated[int, Field(ge=1, le=MOST)]
    currency: Currency
    bank_ref: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    at: AwareDatetime
    reason: Annotated[str, StringConstraints(max_length=500)] | None = None

    @model_validator(mode="after")
    def _about_one(self) -> Self:
        if (self.payout_id is None) == (self.refund_id is None):
            raise ValueError("name a payout_id or a refund_id, not both")
        return self


class ReportTaken(BaseModel):
    """What was made of it, the same for each repetition."""

    outcome: Literal["paid", "failed", "returned", "amount_differs", "kept"]


# All banks sign with the keys of the signer `bank`: which one speaks stands in the signed body.
@routes.post("/banks/callbacks", signed_by="bank")
async def take_bank_report(call: Call, tx: Tx, body: TransferReport) -> ReportTaken:
    """Take a bank's report: stored as it came, in effect once."""
    assert call.webhook_id is not None, "a signed call has an id"
    report = BankReport(webhook_id=call.webhook_id, body=body.model_dump(mode="json"), **dict(body))
    return ReportTaken.model_validate({"outcome": await take_report(tx, report, call.cause)})

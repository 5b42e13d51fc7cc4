"""The bank's credits for carriers' statements."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from services.logistics import usecases
from services.logistics.http.given import BankRef, Carrier, Ref, require_carrier, settings_of
from services.logistics.usecases import Credited
from shared.contracts.values import Money, StatementId
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Routes, above_zero

routes = Routes()


class CreditBody(Body):
    """What the bank credited, for which statement; `bank_ref` is the bank's name of it."""

    carrier: Carrier
    statement_ref: Ref
    amount: Annotated[Money, AfterValidator(above_zero)]
    value_date: date
    bank_ref: BankRef


class StatementView(BaseModel):
    """A statement beside its credits: BANKED once they reach its net."""

    statement_id: StatementId
    state: Literal["RECEIVED", "MATCHED", "PART_BANKED", "BANKED"]
    net: Money
    credited: Money


class CreditView(BaseModel):
    """A credit and its statement as it is now."""

    bank_ref: str
    carrier: str
    statement_ref: str
    amount: Money
    value_date: date
    reversed: bool
    statement: StatementView


def _view(credited: Credited) -> CreditView:
    credit, statement = credited.credit, credited.statement
    return CreditView(
        bank_ref=credit.bank_ref,
        carrier=statement.carrier,
        statement_ref=statement.statement_ref,
        amount=statement.money(credit.amount),
        value_date=credit.value_date,
        reversed=credit.reversed_at is not None,
        statement=StatementView(
            statement_id=statement.statement_id,
            state=statement.state,
            net=statement.money(statement.net),
            credited=statement.money(statement.credited),
        ),
    )


@routes.post("/bank-credits", roles={"operator"}, status=201, once=True)
async def take_credit(call: Call, tx: Tx, body: CreditBody) -> CreditView:
    """Count a credit once by its `bank_ref`; parts add up, and the last one banks the statement's cash."""
    require_carrier(settings_of(call), body.carrier)
    return _view(await usecases.take_credit(tx, usecases.Told(**dict(body)), call.cause))


class ReversalBody(Body):
    """Why the bank took it back."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]


@routes.post("/bank-credits/{bank_ref}/reverse", roles={"operator"}, once=True)
async def reverse_credit(call: Call, tx: Tx, bank_ref: BankRef, body: ReversalBody) -> CreditView:
    """The bank took a credit back: what was banked by it is on its way again."""
    rules = settings_of(call).rules
    return _view(await usecases.reverse_credit(tx, bank_ref, body.reason, call.cause, rules))

"""The bank's credits: the bank's own name of each is the same money."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shared.kernel.database import Row, Tx

from .statements import Statement


@dataclass(frozen=True, slots=True)
class Credit:
    """One credit for a statement; minor units of the statement's currency."""

    bank_ref: str
    statement_no: int
    amount: int
    value_date: date
    received_at: datetime
    reversed_at: datetime | None = None
    reason: str | None = None


def _credit(row: Row) -> Credit:
    return Credit(**dict(row))


_SELECT = "SELECT * FROM bank_credits WHERE bank_ref = $1"
_LOCK = " FOR UPDATE"


async def select_credit(tx: Tx, bank_ref: str, *, locked: bool = False) -> Credit | None:
    """A credit by the bank's name of it."""
    row = await tx.fetchrow(_SELECT + (_LOCK if locked else ""), bank_ref)
    return _credit(row) if row else None


_INSERT = """
    INSERT INTO bank_credits (bank_ref, statement_no, amount, value_date) VALUES ($1, $2, $3, $4)
    ON CONFLICT (bank_ref) DO NOTHING
    RETURNING *
"""


async def insert_credit(tx: Tx, statement: Statement, bank_ref: str, amount: int, *, value_date: date) -> Credit | None:
    """Keep a credit; None when its name is known."""
    row = await tx.fetchrow(_INSERT, bank_ref, statement.statement_no, amount, value_date)
    return _credit(row) if row else None


_REVERSE = (
    "UPDATE bank_credits SET reversed_at = now(), reason = $2 WHERE bank_ref = $1 AND reversed_at IS NULL RETURNING *"
)


async def reverse_credit(tx: Tx, credit: Credit, reason: str) -> Credit:
    """The bank took a locked credit back."""
    row = await tx.fetchrow(_REVERSE, credit.bank_ref, reason)
    assert row is not None, "its row is locked, and it was looked at"
    return _credit(row)


_STATEMENT = "SELECT statement_id FROM statements WHERE statement_no = $1"


async def select_statement_id(tx: Tx, credit: Credit) -> str:
    """The statement that a credit is for."""
    statement_id: str = await tx.fetchval(_STATEMENT, credit.statement_no)
    return statement_id

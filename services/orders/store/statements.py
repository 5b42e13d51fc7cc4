"""A party's entries by their numbers, and the statements that were cut of them.

A period's entries are those after the last one before its start and up to the last one before its end: periods that
follow each other tell each entry once, and a month is its days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.orders.domain.statements import Period, Statement
from shared.contracts.values import Account
from shared.kernel.database import Tx

# Read backwards along the party's index: recent periods are near.
_MARK = """
    SELECT e.number FROM entries e JOIN journals j USING (journal_id)
     WHERE e.party = $1 AND j.posted_at < {} ORDER BY e.number DESC LIMIT 1
"""
_MARKS = f"""
    SELECT coalesce(({_MARK.format("$2")}), 0) AS after_number, coalesce(({_MARK.format("$3")}), 0) AS to_number,
           now() AS now
"""


@dataclass(frozen=True, slots=True)
class Marks:
    """Between which numbers a period's entries lie, as far as they are known now."""

    after_number: int
    to_number: int
    now: datetime


async def marks(tx: Tx, party: str, period: Period) -> Marks:
    """The party's last entries before the period's start and before its end."""
    row = await tx.fetchrow(_MARKS, party, period.start, period.end)
    assert row is not None, "a SELECT without FROM has one row"
    return Marks(**row)


@dataclass(frozen=True, slots=True)
class Accounts:
    """A party's accounts in one currency."""

    party: str
    currency: str
    accounts: Sequence[Account]


_OPENING = """
    SELECT (coalesce((SELECT sum(amount) FROM balances
                       WHERE party = $1 AND currency = $2::char(3) AND account = ANY($3::text[])), 0)
            - coalesce((SELECT sum(e.credit - e.debit) FROM entries e JOIN journals j USING (journal_id)
                         WHERE e.party = $1 AND j.currency = $2::char(3) AND e.account = ANY($3::text[])
                           AND e.number > $4), 0))::bigint
"""


async def opening(tx: Tx, of: Accounts, after_number: int) -> int:
    """What the party was owed up to that entry: what it is owed now, without what came later."""
    amount: int = await tx.fetchval(_OPENING, of.party, of.currency, list(of.accounts), after_number)
    return amount


_TOTALS = """
    SELECT j.kind, sum(e.credit - e.debit)::bigint AS amount, count(*) AS lines
      FROM entries e JOIN journals j USING (journal_id)
     WHERE e.party = $1 AND j.currency = $2::char(3) AND e.account = ANY($3::text[])
       AND e.number > $4 AND e.number <= $5
     GROUP BY j.kind ORDER BY j.kind
"""


async def totals(tx: Tx, of: Accounts, after_number: int, to_number: int) -> dict[str, tuple[int, int]]:
    """By kind of journal, how much it brought the party, and in how many entries."""
    rows = await tx.fetch(_TOTALS, of.party, of.currency, list(of.accounts), after_number, to_number)
    return {row["kind"]: (row["amount"], row["lines"]) for row in rows}


_LINES = """
    SELECT e.number, j.posted_at AS at, j.kind, e.account, e.credit - e.debit AS amount, o.order_no, j.order_id,
           e.line_id, e.shipment_id, j.subject, j.cause
      FROM entries e JOIN journals j USING (journal_id) LEFT JOIN orders o ON o.order_id = j.order_id
     WHERE e.party = $1 AND j.currency = $2::char(3) AND e.account = ANY($3::text[])
       AND e.number > $4 AND e.number <= $5
     ORDER BY e.number LIMIT $6
"""


async def lines(tx: Tx, of: Accounts, after: int, to_number: int, limit: int) -> list[Mapping[str, Any]]:
    """The party's entries after a number, oldest first."""
    rows = await tx.fetch(_LINES, of.party, of.currency, list(of.accounts), after, to_number, limit)
    return [dict(row) for row in rows]


_FIND = """
    SELECT party, period, currency, opening, closing, after_number, to_number, lines, digest
      FROM party_statements WHERE party = $1 AND period = $2 AND currency = $3
"""


async def find(tx: Tx, party: str, period: str, currency: str) -> Statement | None:
    """The statement that was cut, if it was."""
    row = await tx.fetchrow(_FIND, party, period, currency)
    return Statement(**row) if row else None


_CUT = """
    INSERT INTO party_statements (party, period, currency, opening, closing, after_number, to_number, lines, digest)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT DO NOTHING
"""


async def cut(tx: Tx, statement: Statement) -> None:
    """Keep it for ever; whoever comes second has found the same."""
    s = statement
    numbers = (s.opening, s.closing, s.after_number, s.to_number, s.lines)
    await tx.execute(_CUT, s.party, s.period, s.currency, *numbers, s.digest)

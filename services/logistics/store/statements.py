"""Carriers' statements: the file's own row, its lines, and how far they were looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.contracts.values import Money, StatementId
from shared.kernel.database import Row, Tx
from shared.kernel.ids import new_id

from .. import domain
from ..domain import Bad

StatementState = Literal["RECEIVED", "MATCHED", "PART_BANKED", "BANKED"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One file of a carrier's; sums over its readable rows, in minor units; `events` is its position on its topic."""

    statement_id: StatementId
    statement_no: int
    carrier: str
    statement_ref: str
    digest: bytes
    currency: str
    state: StatementState
    rows: int
    bad_rows: int
    gross: int
    fee: int
    credited: int
    rows_done: int
    line_done: int
    matched: int
    found: int
    received_at: datetime
    matched_at: datetime | None
    events: int

    @property
    def net(self) -> int:
        return self.gross - self.fee

    def money(self, amount: int) -> Money:
        """An amount in the statement's currency."""
        return Money(amount=amount, currency=self.currency)

    def row_id(self, line: int) -> str:
        """The name of one of its rows among all carriers' rows."""
        return f"{self.statement_id}:{line}"


def _statement(row: Row) -> Statement:
    return Statement(**{name: row[name] for name in Statement.__dataclass_fields__})


_INSERT = """
    INSERT INTO statements (statement_id, carrier, statement_ref, digest, currency) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (carrier, statement_ref) DO NOTHING
    RETURNING *
"""


async def insert_statement(
    tx: Tx, *, carrier: str, statement_ref: str, currency: str, digest: bytes
) -> Statement | None:
    """Add a statement; None when the carrier has used this reference."""
    row = await tx.fetchrow(_INSERT, new_id(), carrier, statement_ref, digest, currency)
    return _statement(row) if row else None


_BY_REF = "SELECT * FROM statements WHERE carrier = $1 AND statement_ref = $2"
_BY_ID = "SELECT * FROM statements WHERE statement_id = $1"
_LOCK = " FOR UPDATE"


async def select_by_ref(tx: Tx, carrier: str, statement_ref: str, *, locked: bool = False) -> Statement | None:
    """A carrier's statement by the carrier's own name of it."""
    row = await tx.fetchrow(_BY_REF + (_LOCK if locked else ""), carrier, statement_ref)
    return _statement(row) if row else None


async def select_statement(tx: Tx, statement_id: str, *, locked: bool = False) -> Statement | None:
    """A statement by its id, which is its job's too."""
    row = await tx.fetchrow(_BY_ID + (_LOCK if locked else ""), statement_id)
    return _statement(row) if row else None


_LOCK_CARRIER = "SELECT pg_advisory_xact_lock(hashtextextended('statements/' || $1, 0))"


async def lock_carrier(tx: Tx, carrier: str) -> None:
    """Let one transaction at a time match or decide rows of a carrier: the first lock of those that do."""
    await tx.execute(_LOCK_CARRIER, carrier)


_COLUMNS = ("statement_no", "line", "carrier", "waybill", "collected_at", "gross", "fee")


async def copy_rows(tx: Tx, statement: Statement, rows: Iterable[domain.Row]) -> None:
    """Write some of a file's readable rows."""
    name, carrier = statement.statement_no, statement.carrier
    records = ((name, row.line, carrier, row.waybill, row.collected_at, row.gross, row.fee) for row in rows)
    await tx.copy_records_to_table("statement_rows", records=records, columns=_COLUMNS, schema_name=None)


async def copy_bad_rows(tx: Tx, statement: Statement, bad: Sequence[Bad]) -> None:
    """Write some of a file's rows that can't be read."""
    records = ((statement.statement_no, each.line, each.code) for each in bad)
    await tx.copy_records_to_table("statement_bad_rows", records=records, columns=("statement_no", "line", "code"))


_TOTALS = """
    UPDATE statements SET rows = $2, bad_rows = $3, gross = $4, fee = $5 WHERE statement_no = $1 RETURNING *
"""


async def write_totals(tx: Tx, statement: Statement, *, rows: int, bad_rows: int, gross: int, fee: int) -> Statement:
    """Write the totals of a file that was read to its end; sums in minor units."""
    row = await tx.fetchrow(_TOTALS, statement.statement_no, rows, bad_rows, gross, fee)
    assert row is not None, "inserted in this transaction"
    return _statement(row)


_OTHER_CARRIER = """
    SELECT carrier FROM shipments WHERE NOT EXISTS (
        SELECT FROM statement_rows r
         WHERE r.statement_no = $1
           AND (EXISTS (SELECT FROM shipments s WHERE s.waybill = r.waybill AND s.carrier = $2)
                OR NOT EXISTS (SELECT FROM shipments s WHERE s.waybill = r.waybill)))
       AND waybill = (SELECT waybill FROM statement_rows WHERE statement_no = $1 ORDER BY line LIMIT 1)
     LIMIT 1
"""


async def select_other_carrier(tx: Tx, statement: Statement) -> str | None:
    """Whose all of a file's waybills are, if they are of another carrier; ends at the first row that is not."""
    carrier: str | None = await tx.fetchval(_OTHER_CARRIER, statement.statement_no, statement.carrier)
    return carrier


_SELECT_ROWS = """
    SELECT r.line, r.waybill, r.collected_at, r.gross, r.fee, r.retries,
           EXISTS (SELECT FROM statement_rows e
                    WHERE e.carrier = r.carrier AND e.waybill = r.waybill AND e.statement_no = r.statement_no
                      AND e.line < r.line AND (e.gross = 0) = (r.gross = 0)) AS repeated
      FROM statement_rows r
     WHERE r.statement_no = $1 AND r.line > $2 AND r.line <= $2 + $3 ORDER BY r.line
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A row as it was kept; `repeated`: its waybill stands earlier in the file; `retries`: how often it was decided."""

    row: domain.Row
    repeated: bool = False
    retries: int = 0


async def select_rows(tx: Tx, statement: Statement, lines: int) -> list[Kept]:
    """The rows in the next so many lines: a span, not a limit, which would sort all that are left each time."""
    return [_kept(row) for row in await tx.fetch(_SELECT_ROWS, statement.statement_no, statement.line_done, lines)]


_SELECT_ROW = "SELECT *, false AS repeated FROM statement_rows WHERE statement_no = $1 AND line = $2"


async def select_row(tx: Tx, statement_no: int, line: int) -> Kept:
    """One row, to be looked at again: by now only what became of its parcel counts."""
    row = await tx.fetchrow(_SELECT_ROW, statement_no, line)
    assert row is not None, "a discrepancy names it"
    return _kept(row)


def _kept(row: Row) -> Kept:
    told = domain.Row(row["line"], row["waybill"], row["collected_at"], row["gross"], row["fee"])
    return Kept(told, row["repeated"], row["retries"])


_RETRIED = "UPDATE statement_rows SET retries = retries + 1 WHERE statement_no = $1 AND line = ANY ($2::int[])"


async def count_retries(tx: Tx, statement: Statement, lines: Sequence[int]) -> None:
    """These rows were taken up again: what is found of them from now on is found anew."""
    await tx.execute(_RETRIED, statement.statement_no, lines)


@dataclass(frozen=True, slots=True)
class Progress:
    """What a transaction did of a statement."""

    rows: int = 0
    line: int = 0
    matched: int = 0
    found: int = 0
    events: int = 0


_ADVANCE = """
    UPDATE statements SET rows_done = rows_done + $2, line_done = greatest(line_done, $3), matched = matched + $4,
                          found = found + $5, events = events + $6, version = version + 1
     WHERE statement_no = $1 RETURNING *
"""


async def advance(tx: Tx, statement: Statement, done: Progress) -> Statement:
    """Count what was done of a locked statement."""
    row = await tx.fetchrow(
        _ADVANCE, statement.statement_no, done.rows, done.line, done.matched, done.found, done.events
    )
    assert row is not None, "its row is locked"
    return _statement(row)


_CHANGE = """
    UPDATE statements SET state = $2, credited = $3, events = events + $4, version = version + 1,
                          matched_at = coalesce(matched_at, now())
     WHERE statement_no = $1 RETURNING *
"""


async def change_state(
    tx: Tx, statement: Statement, state: StatementState, credited: int, *, told: int = 1
) -> Statement:
    """Move a locked statement on, with an event of it."""
    row = await tx.fetchrow(_CHANGE, statement.statement_no, state, credited, told)
    assert row is not None, "its row is locked"
    return _statement(row)


_BAD_ROWS = "SELECT line, code FROM statement_bad_rows WHERE statement_no = $1 ORDER BY line LIMIT $2"


async def select_bad_rows(tx: Tx, statement_no: int, limit: int) -> list[Bad]:
    """The rows of a file that can't be read, the first of them."""
    return [Bad(row["line"], row["code"]) for row in await tx.fetch(_BAD_ROWS, statement_no, limit)]


_STUCK = "SELECT attempts FROM timers WHERE kind = $1 AND subject = $2"


async def select_attempts(tx: Tx, kind: str, statement: Statement) -> int:
    """How often in a row the statement's next step has failed."""
    attempts: Any = await tx.fetchval(_STUCK, kind, statement.statement_id)
    return int(attempts or 0)

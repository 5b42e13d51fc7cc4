"""A carrier's statement comes: kept whole in one transaction, looked at afterwards."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from shared.contracts.event import Cause
from shared.contracts.logistics import StatementReceived
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected

from ..domain import Bad, Contract, Layout, Row, Rules
from ..store import statements as store
from ..store.statements import Statement
from .telling import statement_facts

MATCH = "match_statement"
MAX_LINE_BYTES = 4_096  # a waybill, a time, three amounts and a carrier's own columns; longer is no row
CHUNK_ROWS = 5_000  # read and copied at once: a megabyte of rows, and other requests wait 20 ms at most
BAD_ROWS = 1_000  # kept by line: with so many wrong the file has to be made anew


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came: whose, under which name, its bytes and their SHA-256."""

    carrier: str
    statement_ref: str
    file: IO[bytes]
    digest: bytes


@dataclass(slots=True)
class _Totals:
    rows: int = 0
    bad: int = 0
    gross: int = 0
    fee: int = 0
    kept: list[Bad] = field(default_factory=list)

    def add(self, chunk: list[Row | Bad]) -> list[Row]:
        """Count a chunk; returns its readable rows."""
        rows = [each for each in chunk if isinstance(each, Row)]
        bad = [each for each in chunk if isinstance(each, Bad)]
        self.rows += len(rows)
        self.gross += sum(row.gross for row in rows)
        self.fee += sum(row.fee for row in rows)
        self.bad += len(bad)
        self.kept += bad[: BAD_ROWS - len(self.kept)]
        return rows


async def receive_statement(tx: Tx, upload: Upload, because: Cause, rules: Rules) -> str:
    """Keep a statement and have its rows looked at; returns its job's id. The same bytes again are the same job.

    Raises:
        Rejected: `statement_changed`, `wrong_columns`, `not_utf8`, `empty_statement`, `other_carrier`.
    """
    contract = rules.contract(upload.carrier)
    statement = await store.insert_statement(
        tx,
        carrier=upload.carrier,
        statement_ref=upload.statement_ref,
        currency=contract.currency,
        digest=upload.digest,
    )
    if statement is None:
        return await _known(tx, upload)
    statement = await _keep_rows(tx, statement, upload, contract)
    if await store.select_other_carrier(tx, statement):
        raise Rejected("other_carrier", "Every waybill in this file travels with another carrier.")
    await timers.schedule(tx, MATCH, [statement.statement_id], 0, because)
    told = StatementReceived(**statement_facts(statement), received_at=statement.received_at)
    await outbox.append(tx, [told.at(statement.events, because)])
    return statement.statement_id


async def _known(tx: Tx, upload: Upload) -> str:
    known = await store.select_by_ref(tx, upload.carrier, upload.statement_ref)
    assert known is not None, "an insert met it"
    if known.digest != upload.digest:
        raise Rejected(
            "statement_changed", "Another file came under this statement-ref; name a corrected one anew.",
            job_id=known.statement_id,
        )  # fmt: skip
    return known.statement_id


async def _keep_rows(tx: Tx, statement: Statement, upload: Upload, contract: Contract) -> Statement:
    upload.file.seek(0)
    lines = _lines(upload.file)
    layout = Layout.of(_header(lines), contract.columns, contract.currency)
    totals = _Totals()
    while chunk := await asyncio.to_thread(_read, lines, layout):
        await store.copy_rows(tx, statement, totals.add(chunk))
    if not totals.rows + totals.bad:
        raise Rejected("empty_statement", "The file has a header and no rows.")
    await store.copy_bad_rows(tx, statement, totals.kept)
    return await store.write_totals(
        tx, statement, rows=totals.rows, bad_rows=totals.bad, gross=totals.gross, fee=totals.fee
    )


def _header(lines: Iterator[tuple[int, bytes | None]]) -> str:
    _, first = next(lines, (1, b""))
    if not first or not first.strip():
        raise Rejected("empty_statement", "The file is empty: its first line names the columns.")
    return _text(first.removeprefix(codecs.BOM_UTF8))


def _read(lines: Iterator[tuple[int, bytes | None]], layout: Layout) -> list[Row | Bad]:
    """The next rows; none at the end of the file."""
    chunk: list[Row | Bad] = []
    for number, line in lines:
        if line is None:
            chunk.append(Bad(number, "line_too_long"))
        elif line.strip():
            chunk.append(layout.read(number, _text(line)))
        if len(chunk) == CHUNK_ROWS:
            break
    return chunk


def _lines(file: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers, without their ends; None for one that is too long."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES):
        number += 1
        whole = len(line) < MAX_LINE_BYTES or line.endswith(b"\n")
        while len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            line = file.readline(MAX_LINE_BYTES)
        yield number, line.rstrip(b"\r\n") if whole else None


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise Rejected("not_utf8", "Save the file as UTF-8.") from None

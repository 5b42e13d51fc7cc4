"""How far a statement was looked at, and what was found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.kernel.database import Tx
from shared.kernel.errors import Rejected

from ..domain import Bad
from ..store import discrepancies as discrepancy_store
from ..store import statements as store
from ..store.discrepancies import Discrepancy, Wanted
from ..store.statements import Statement
from .reading import Viewer
from .receiving import MATCH

SHOWN = 1_000  # of each list in an answer; the totals say how many there are
STUCK_ATTEMPTS = 3  # then its next step fails for a reason of its own, and a person has to look


@dataclass(frozen=True, slots=True)
class Job:
    """A statement's job; `stuck` when its next step keeps failing."""

    statement: Statement
    discrepancies: Sequence[Discrepancy]
    bad_rows: Sequence[Bad]
    stuck: bool


async def job(tx: Tx, job_id: str, viewer: Viewer) -> Job:
    """A carrier sees its own, an operator all. Raises `not_found`."""
    statement = await store.select_statement(tx, job_id)
    if statement is None or (viewer.role == "carrier" and viewer.party != statement.carrier):
        raise Rejected("not_found", "You have no such job.")
    found = await discrepancy_store.select_of_statement(tx, statement.statement_no, SHOWN)
    bad = await store.select_bad_rows(tx, statement.statement_no, SHOWN)
    running = statement.state == "RECEIVED"
    attempts = await store.select_attempts(tx, MATCH, statement) if running else 0
    return Job(statement, found, bad, attempts >= STUCK_ATTEMPTS)


async def list_discrepancies(tx: Tx, wanted: Wanted) -> list[Discrepancy]:
    """The work list, the oldest first."""
    return await discrepancy_store.select_discrepancies(tx, wanted)

"""Rows of a statement are held against their parcels, so many a transaction, until none is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import CodRemitted, ReturnChargeSettled, StatementMatched
from shared.kernel import database, outbox, timers
from shared.kernel.database import Tx
from shared.kernel.timers import Timer

from .. import domain
from ..domain import Contract, Finding, Judged, Rules
from ..store import discrepancies as discrepancy_store
from ..store import matching as store
from ..store import statements
from ..store.discrepancies import About
from ..store.matching import Known
from ..store.statements import Kept, Progress, Statement
from .banking import CREDIT_DUE, FOLLOW
from .finding import find, resolved
from .receiving import MATCH
from .telling import row_facts, statement_facts

MATCH_ROWS = (
    2_000  # lines of a file: a transaction of a third of a second, in which no report waits long for a parcel's cash
)


@dataclass(frozen=True, slots=True)
class Leg:
    """One row with what it was held against and what came of it."""

    kept: Kept
    known: Known | None
    judged: Judged

    @property
    def row(self) -> domain.Row:
        return self.kept.row

    @property
    def parcel(self) -> Known:
        assert self.known is not None, "a row that takes effect has a parcel"
        return self.known


@dataclass(slots=True)
class Applied:
    """What rows did: events to tell, and how the statement moved on."""

    statement: Statement
    told: list[Event] = field(default_factory=list)


async def match_statements(tx: Tx, due: Sequence[Timer], rules: Rules) -> None:
    """Look at the next rows of one statement and come back for more; of several the others wait their turn."""
    first, *others = sorted(due, key=lambda timer: (timer.due_at, timer.subject))
    await timers.schedule_each(tx, MATCH, {timer.subject: timer.cause for timer in others}, 0)
    known = await statements.select_statement(tx, first.subject)
    if known is None:
        return
    await statements.lock_carrier(tx, known.carrier)
    statement = await statements.select_statement(tx, first.subject, locked=True)
    assert statement is not None, "statements are never deleted"
    if statement.state == "RECEIVED":
        await _match_some(tx, statement, first.cause, rules.contract(statement.carrier))


async def _match_some(tx: Tx, statement: Statement, because: Cause, contract: Contract) -> None:
    rows = await statements.select_rows(tx, statement, MATCH_ROWS)
    applied = await apply(tx, statement, await judge(tx, statement, rows, contract), because, contract)
    looked_at = Progress(rows=len(rows), line=statement.line_done + MATCH_ROWS)
    statement = await statements.advance(tx, applied.statement, looked_at)
    told = applied.told
    if statement.rows_done == statement.rows:
        told.append(await _finish(tx, statement, because, contract))
    else:
        await timers.schedule(tx, MATCH, [statement.statement_id], 0, because)
    await outbox.append(tx, told)


async def judge(tx: Tx, statement: Statement, rows: Sequence[Kept], contract: Contract) -> list[Leg]:
    """Hold rows against what is known of their parcels, whose cash stays locked."""
    known = await store.lock_known(tx, statement.carrier, [kept.row.waybill for kept in rows])
    legs = []
    for kept in rows:
        parcel = known.get(kept.row.waybill)
        facts = parcel.facts if parcel else None
        judged = domain.judge(kept.row, facts, contract, statement.received_at, repeated=kept.repeated)
        legs.append(Leg(kept, parcel, judged))
    return legs


async def apply(
    tx: Tx, statement: Statement, legs: Sequence[Leg], because: Cause, contract: Contract, *, again: bool = False
) -> Applied:
    """Let judged rows take their effects; `again` for a row that was looked at before."""
    applied = Applied(statement)
    remitted = [leg for leg in legs if leg.judged.outcome == "remitted"]
    charged = [leg for leg in legs if leg.judged.outcome == "charged"]
    applied.told += await _remit(tx, statement, remitted, because, contract)
    applied.told += await _charge(tx, statement, charged, because)
    found = [(leg.judged.finding, about(statement, leg)) for leg in legs if leg.judged.finding]
    applied.told += await find(tx, because, found)
    if again:
        await statements.count_retries(tx, statement, [leg.row.line for leg in legs])
    matched = sum(leg.judged.outcome != "found" for leg in legs)
    done = Progress(matched=matched, found=len(found), events=len(charged))
    applied.statement = await statements.advance(tx, statement, done)
    return applied


def about(statement: Statement, leg: Leg) -> About:
    """What a row's finding is about; a row that was decided before may be found again."""
    again = f"#{leg.kept.retries}" if leg.kept.retries else ""
    subject = f"{statement.row_id(leg.row.line)}{again}"
    shipment_id = leg.known.shipment_id if leg.known else None
    row, number = leg.row, statement.statement_no
    return About(subject, statement.carrier, row.waybill, shipment_id, "statement", number, row.line)


async def _remit(tx: Tx, statement: Statement, legs: Sequence[Leg], because: Cause, contract: Contract) -> list[Event]:
    rows = [(leg.parcel.shipment_id, leg.row.line, leg.row.gross, leg.row.fee) for leg in legs]
    positions = await store.remit(tx, statement, rows)
    missing = [leg.parcel.shipment_id for leg in legs if leg.parcel.missing]
    closed = await discrepancy_store.resolve_about(tx, "missing", missing)
    remitted_at = await database.now(tx)
    told: list[Event] = [
        CodRemitted(
            **leg.parcel.ids,
            **row_facts(statement, leg.row),
            cash_state="REMITTED",
            fee_bearer=contract.fee_bearer,
            remitted_at=remitted_at,
        ).at(positions[leg.parcel.shipment_id], because)
        for leg in legs
    ]
    if legs and statement.state == "BANKED":
        await timers.schedule(tx, FOLLOW, [statement.statement_id], 0, because)
    return told + resolved(closed, because)


async def _charge(tx: Tx, statement: Statement, legs: Sequence[Leg], because: Cause) -> list[Event]:
    await store.insert_charges(tx, statement, [(leg.parcel.shipment_id, leg.row.line, leg.row.fee) for leg in legs])
    facts, settled_at = statement_facts(statement), await database.now(tx)
    return [
        ReturnChargeSettled(
            **facts,
            **{name: leg.parcel.ids[name] for name in ("shipment_id", "order_id", "supplier_order_id")},
            row_id=statement.row_id(leg.row.line),
            amount=statement.money(leg.row.fee),
            settled_at=settled_at,
        ).at(statement.events + place, because)
        for place, leg in enumerate(legs, 1)
    ]


async def _finish(tx: Tx, statement: Statement, because: Cause, contract: Contract) -> Event:
    """Every row was looked at: from now on the bank's credit is awaited, unless nothing is to come."""
    if statement.net > 0:
        statement = await statements.change_state(tx, statement, "MATCHED", 0)
        await timers.schedule(tx, CREDIT_DUE, [statement.statement_id], contract.bank_grace_seconds, because)
    else:
        statement = await statements.change_state(tx, statement, "BANKED", 0)
        await timers.schedule(tx, FOLLOW, [statement.statement_id], 0, because)
    counts = {"matched": statement.matched, "discrepancies": statement.found, "bad_rows": statement.bad_rows}
    return StatementMatched(**statement_facts(statement), **counts, matched_at=statement.matched_at).at(
        statement.events, because
    )


async def rematch(
    tx: Tx, statement: Statement, found: discrepancy_store.Discrepancy, because: Cause, contract: Contract
) -> list[Event] | None:
    """Hold a row that did not fit against its parcel as things are now; None when it fits no better."""
    assert found.line is not None, "a statement's finding names its row"
    kept = await statements.select_row(tx, statement.statement_no, found.line)
    kept = replace(kept, retries=kept.retries + 1)
    (leg,) = await judge(tx, statement, [kept], contract)
    if leg.judged.outcome == "found" and _same(leg.judged.finding, found):
        return None
    return (await apply(tx, statement, [leg], because, contract, again=True)).told


def _same(finding: Finding | None, found: discrepancy_store.Discrepancy) -> bool:
    return finding is not None and finding.kind == found.kind

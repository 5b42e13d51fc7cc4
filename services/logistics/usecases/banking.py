"""The bank credits a statement, whole or in parts, or takes a credit back; its cash follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import BankCreditReceived, BankCreditReversed, CodBanked, CodBankingReversed
from shared.contracts.values import Money
from shared.kernel import database, outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.timers import Timer

from ..domain import Finding, Rules
from ..store import banking as store
from ..store import discrepancies, matching, statements
from ..store.banking import Credit
from ..store.discrepancies import About, Resolution
from ..store.matching import Followed
from ..store.statements import Statement, StatementState
from .finding import find, resolved
from .telling import statement_facts

FOLLOW, CREDIT_DUE = "follow_bank", "credit_due"
FOLLOW_ROWS = 2_000  # bounds one transaction, as rows are matched
SOON_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Told:
    """A credit as an operator enters it."""

    carrier: str
    statement_ref: str
    amount: Money
    value_date: date
    bank_ref: str


@dataclass(frozen=True, slots=True)
class Credited:
    """A credit, and its statement after it."""

    credit: Credit
    statement: Statement


async def take_credit(tx: Tx, told: Told, because: Cause) -> Credited:
    """Count a bank's credit for a statement once; with the last part its cash is banked.

    Raises:
        Rejected: `not_found`, `currency_mismatch`, `statement_running`, `bank_ref_changed`,
            `credit_exceeds_statement`.
    """
    statement = await statements.select_by_ref(tx, told.carrier, told.statement_ref, locked=True)
    if statement is None:
        raise Rejected("not_found", "This carrier has sent no such statement.")
    if told.amount.currency != statement.currency:
        raise Rejected("currency_mismatch", f"The statement is in {statement.currency}.")
    if statement.state == "RECEIVED":
        raise Rejected("statement_running", "Its rows are still looked at.", retry_after_seconds=SOON_SECONDS)
    if (known := await store.select_credit(tx, told.bank_ref)) is not None:
        return Credited(_same(known, told, statement), statement)
    credited = statement.credited + told.amount.amount
    if credited > statement.net:
        left = statement.money(max(0, statement.net - statement.credited))
        raise Rejected("credit_exceeds_statement", "More than the bank owes for this statement.", left=left)
    credit = await store.insert_credit(tx, statement, told.bank_ref, told.amount.amount, value_date=told.value_date)
    if credit is None:
        raise _changed()  # taken for another statement at this very moment
    statement = await _credit(tx, statement, credit, credited, because)
    return Credited(credit, statement)


def _same(known: Credit, told: Told, statement: Statement) -> Credit:
    facts = (known.statement_no, known.amount, known.value_date)
    if facts != (statement.statement_no, told.amount.amount, told.value_date):
        raise _changed()
    return known


def _changed() -> Rejected:
    return Rejected("bank_ref_changed", "This bank_ref named another credit before.")


async def _credit(tx: Tx, statement: Statement, credit: Credit, credited: int, because: Cause) -> Statement:
    complete = credited == statement.net
    statement = await statements.change_state(tx, statement, "BANKED" if complete else "PART_BANKED", credited)
    told: list[Event] = [
        BankCreditReceived(
            **statement_facts(statement),
            bank_ref=credit.bank_ref,
            amount=statement.money(credit.amount),
            value_date=credit.value_date,
            complete=complete,
            received_at=credit.received_at,
        ).at(statement.events, because)
    ]
    if complete:
        await timers.cancel(tx, CREDIT_DUE, [statement.statement_id])
        await timers.schedule(tx, FOLLOW, [statement.statement_id], 0, because)
        late = await discrepancies.select_open_of_bank(tx, statement.statement_no)
        told += resolved(await discrepancies.resolve(tx, late, Resolution("accept")), because)
    await outbox.append(tx, told)
    return statement


async def reverse_credit(tx: Tx, bank_ref: str, reason: str, because: Cause, rules: Rules) -> Credited:
    """The bank took a credit back: what was banked by it is on its way again.

    Raises:
        Rejected: `not_found`, `already_reversed`.
    """
    known = await store.select_credit(tx, bank_ref)
    if known is None:
        raise Rejected("not_found", "There is no such credit.")
    statement = await statements.select_statement(tx, await store.select_statement_id(tx, known), locked=True)
    credit = await store.select_credit(tx, bank_ref, locked=True)
    assert statement is not None and credit is not None, "neither is ever deleted"
    if credit.reversed_at is not None:
        raise Rejected("already_reversed", "This credit was taken back before.")
    credit = await store.reverse_credit(tx, credit, reason)
    credited = statement.credited - credit.amount
    state: StatementState = "PART_BANKED" if credited else "MATCHED"
    statement = await statements.change_state(tx, statement, state, credited)
    await timers.schedule(tx, FOLLOW, [statement.statement_id], 0, because)
    grace = rules.contract(statement.carrier).bank_grace_seconds
    await timers.schedule(tx, CREDIT_DUE, [statement.statement_id], grace, because)
    told = BankCreditReversed(
        **statement_facts(statement),
        bank_ref=bank_ref,
        amount=statement.money(credit.amount),
        reason=reason,
        reversed_at=credit.reversed_at,
    )
    await outbox.append(tx, [told.at(statement.events, because)])
    return Credited(credit, statement)


async def follow_bank(tx: Tx, due: Sequence[Timer]) -> None:
    """Bring a batch of a statement's cash to where the statement is, banked or not, and come back for more."""
    first, *others = sorted(due, key=lambda timer: (timer.due_at, timer.subject))
    await timers.schedule_each(tx, FOLLOW, {timer.subject: timer.cause for timer in others}, 0)
    statement = await statements.select_statement(tx, first.subject, locked=True)
    if statement is None:
        return
    banked = statement.state == "BANKED"
    moved = await matching.follow(
        tx,
        statement,
        before="REMITTED" if banked else "BANKED",
        after="BANKED" if banked else "REMITTED",
        limit=FOLLOW_ROWS,
    )
    if len(moved) == FOLLOW_ROWS:
        await timers.schedule(tx, FOLLOW, [statement.statement_id], 0, first.cause)
    at = await database.now(tx)
    await outbox.append(tx, [_moved(statement, each, at).at(each.events, first.cause) for each in moved])


def _moved(statement: Statement, cash: Followed, at: datetime) -> Event:
    net = Money(amount=cash.gross.amount - cash.fee.amount, currency=cash.gross.currency)
    facts = {
        **cash.ids,
        "statement_id": statement.statement_id,
        "row_id": statement.row_id(cash.line),
        **{"gross": cash.gross, "fee": cash.fee, "net": net},
    }
    if statement.state == "BANKED":
        return CodBanked(**facts, cash_state="BANKED", banked_at=at)
    return CodBankingReversed(**facts, cash_state="REMITTED", reversed_at=at)


async def chase_credits(tx: Tx, due: Sequence[Timer]) -> None:
    """Matched long enough ago: a statement that the bank has not credited whole is a discrepancy."""
    told: list[Event] = []
    for timer in sorted(due, key=lambda each: each.subject):
        statement = await statements.select_statement(tx, timer.subject, locked=True)
        if statement is not None and statement.state in ("MATCHED", "PART_BANKED"):
            if await discrepancies.select_open_of_bank(tx, statement.statement_no):
                continue
            subject = f"{statement.statement_id}#{statement.events}"  # a credit taken back may be missed once more
            about = About(subject, statement.carrier, None, None, "bank", statement.statement_no)
            finding = Finding("not_credited", statement.net, statement.credited, statement.currency)
            told += await find(tx, timer.cause, [(finding, about)])
    await outbox.append(tx, told)

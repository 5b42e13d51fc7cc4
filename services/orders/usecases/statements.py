"""Statements to parties: cut once when their period is over, the same bytes ever after."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from services.orders.domain.statements import (
    Line,
    Period,
    Statement,
    check_begun,
    csv_head,
    csv_lines,
    is_settled,
)
from services.orders.store import ledger as ledger_store
from services.orders.store import statements as store
from services.orders.store.statements import Accounts
from services.orders.usecases.ledger import DEFAULT_CURRENCY, SHOWN
from shared.kernel.database import Tx

READ_AT_ONCE = 1_000  # lines a statement: 250 KB of text, and a transaction of a few milliseconds

Read = Callable[[int, int], Awaitable[list[Line]]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A statement with its sums by kind of journal."""

    statement: Statement
    totals: dict[str, int]


async def open_statement(tx: Tx, party: str, period: Period, currency: str | None) -> Shown:
    """The party's statement in one currency (None: the first they have); it is cut as soon as its period is settled.

    Raises:
        Rejected: `validation_failed` for a period that has not begun.
    """
    chosen = currency or next(iter(await ledger_store.balances(tx, party)), DEFAULT_CURRENCY)
    known = await store.find(tx, party, period.name, chosen)
    if known is None:
        known = await _draw_up(tx, Accounts(party, chosen, SHOWN), period)
    totals = await store.totals(tx, _accounts(known), known.after_number, known.to_number)
    return Shown(known, {kind: amount for kind, (amount, _) in totals.items()})


async def _draw_up(tx: Tx, of: Accounts, period: Period) -> Statement:
    marks = await store.marks(tx, of.party, period)
    check_begun(period, marks.now)
    totals = (await store.totals(tx, of, marks.after_number, marks.to_number)).values()
    opening = await store.opening(tx, of, marks.after_number)
    statement = Statement(
        party=of.party,
        period=period.name,
        currency=of.currency,
        opening=opening,
        closing=opening + sum(amount for amount, _ in totals),
        after_number=marks.after_number,
        to_number=marks.to_number,
        lines=sum(count for _, count in totals),
    )
    if not is_settled(period, marks.now):
        return statement
    cut = replace(statement, digest=await _digest(tx, statement))
    await store.cut(tx, cut)
    return cut


async def _digest(tx: Tx, statement: Statement) -> bytes:
    digest = hashlib.sha256(csv_head())
    async for lines in walk(statement, partial(read, tx, statement)):
        digest.update(csv_lines(lines, statement.currency))
    return digest.digest()


async def walk(statement: Statement, read_on: Read) -> AsyncIterator[list[Line]]:
    """All lines of a statement, so many at once as `read_on` gives after a number and with a balance."""
    after, balance = statement.after_number, statement.opening
    while found := await read_on(after, balance):
        yield found
        after, balance = found[-1].number, found[-1].balance


async def read(tx: Tx, statement: Statement, after: int, balance: int, *, limit: int = READ_AT_ONCE) -> list[Line]:
    """Lines after the entry `after`, with which the party was owed `balance`."""
    found = []
    for row in await store.lines(tx, _accounts(statement), after, statement.to_number, limit):
        balance += row["amount"]
        found.append(Line(**row, balance=balance))
    return found


def _accounts(statement: Statement) -> Accounts:
    return Accounts(statement.party, statement.currency, SHOWN)

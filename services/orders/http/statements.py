"""What parties' accounts did in a period: as pages of JSON, as a file, on paper."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response, StreamingResponse

from services.orders.domain import statements as domain
from services.orders.domain.statements import Line, Statement, period_of
from services.orders.http import paper
from services.orders.http.balances import EVERYBODYS
from services.orders.usecases import statements
from services.orders.usecases.statements import Shown
from shared.contracts.values import Currency, LineId, Money, OrderId, ShipmentId
from shared.kernel.database import Database
from shared.kernel.errors import Rejected
from shared.kernel.http import Call, Listed, Page, Routes

routes = Routes()

PeriodName = Annotated[
    str, Query(max_length=10, description="A month (UTC) such as 2026-11, or a day such as 2026-11-25")
]


class LineShown(BaseModel):
    """One entry: above zero for what the party gained; `balance` after it, held, available and in payouts together."""

    number: int
    at: AwareDatetime
    kind: str
    account: str
    amount: Money
    balance: Money
    order_no: str | None = None
    order_id: OrderId | None = None
    line_id: LineId | None = None
    shipment_id: ShipmentId | None = None
    subject: str
    cause: str


class Total(BaseModel):
    """What the journals of one kind brought."""

    kind: str
    amount: Money


class StatementShown(Listed[LineShown]):
    """A statement, a page of its lines at a time; `digest` is the SHA-256 of the whole as CSV."""

    party: str
    period: str
    currency: Currency
    open: Annotated[bool, Field(description="Entries may still come; a statement that is not open never changes.")]
    opening: Money
    closing: Money
    totals: list[Total]
    lines: Annotated[int, Field(description="How many there are in all.")]
    digest: str | None = None


@routes.get(
    "/statements/{party}", roles={"supplier", "creator", "buyer", "operator", "service"}, answers=StatementShown
)
async def show_statement(
    call: Call, party: str, period: PeriodName, page: Page, currency: Currency | None = None
) -> Response:
    """A party's statement: JSON, or the whole of it as `text/csv` or `text/html` if that is accepted."""
    if call.role not in EVERYBODYS and call.party != party:
        raise Rejected("not_found", "There is no such statement of yours.")
    asked = period_of(period)
    shown = await call.db.run(lambda tx: statements.open_statement(tx, party, asked, currency))
    accepted = call.request.headers.get("accept", "")
    if "text/csv" in accepted:
        return _streamed(call.db, shown, _csv, "text/csv; charset=utf-8")
    if "text/html" in accepted:
        return _streamed(call.db, shown, paper.printed, "text/html; charset=utf-8")
    after, balance = _place(page.after, shown.statement)
    read = partial(statements.read, statement=shown.statement, after=after, balance=balance, limit=page.fetch)
    lines = page.of(await call.db.run(read), lambda line: f"{line.number}:{line.balance}")
    return _json(shown, lines)


def _place(cursor: str | None, statement: Statement) -> tuple[int, int]:
    """After which entry the page begins, and what the party was owed with it."""
    if cursor is None:
        return statement.after_number, statement.opening
    number, balance = map(int, cursor.split(":"))
    return max(number, statement.after_number), balance


def _json(shown: Shown, lines: Listed[Line]) -> Response:
    statement = shown.statement
    money = _money(statement.currency)
    answer = StatementShown(
        items=[_line(line, money) for line in lines.items],
        next_cursor=lines.next_cursor,
        party=statement.party,
        period=statement.period,
        currency=statement.currency,
        open=statement.digest is None,
        opening=money(statement.opening),
        closing=money(statement.closing),
        totals=[Total(kind=kind, amount=money(amount)) for kind, amount in shown.totals.items()],
        lines=statement.lines,
        digest=statement.digest.hex() if statement.digest else None,
    )
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json", headers=_headers(shown))


def _line(line: Line, money: Callable[[int], Money]) -> LineShown:
    return LineShown(
        number=line.number,
        at=line.at,
        kind=line.kind,
        account=line.account,
        amount=money(line.amount),
        balance=money(line.balance),
        order_no=line.order_no,
        order_id=line.order_id,
        line_id=line.line_id,
        shipment_id=line.shipment_id,
        subject=line.subject,
        cause=line.cause,
    )


def _money(currency: str) -> Callable[[int], Money]:
    return lambda amount: Money(amount=amount, currency=currency)


Written = Callable[[Shown, AsyncIterator[list[Line]]], AsyncIterator[bytes]]


def _streamed(db: Database, shown: Shown, write: Written, media_type: str) -> Response:
    """All lines, read a thousand at a time while they are sent: no transaction waits for a slow reader."""

    async def read(after: int, balance: int) -> list[Line]:
        return await db.run(lambda tx: statements.read(tx, shown.statement, after, balance))

    lines = statements.walk(shown.statement, read)
    return StreamingResponse(write(shown, lines), media_type=media_type, headers=_headers(shown))


def _headers(shown: Shown) -> dict[str, str]:
    digest = shown.statement.digest
    return {"vary": "accept", **({"x-statement-digest": digest.hex()} if digest else {})}


async def _csv(shown: Shown, lines: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    yield domain.csv_head()
    async for some in lines:
        yield domain.csv_lines(some, shown.statement.currency)

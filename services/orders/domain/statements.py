"""What a party's account did in a period: a month or a day, in UTC."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from shared.contracts.values import Account, LineId, OrderId, ShipmentId
from shared.kernel.errors import Rejected

# Whatever began before a period's end is over by then: no transaction lives so long.
SETTLED_AFTER: Final = timedelta(minutes=5)

_PERIOD = re.compile(r"(\d{4})-(\d{2})(?:-(\d{2}))?")
_COLUMNS = (
    *("number", "at", "kind", "account", "amount", "balance", "currency"),
    *("order_no", "order_id", "line_id", "shipment_id", "subject", "cause"),
)


@dataclass(frozen=True, slots=True)
class Period:
    """`name` as it is asked for; from `start` until before `end`."""

    name: str
    start: datetime
    end: datetime


def period_of(name: str) -> Period:
    """`2026-11` or `2026-11-25`. Raises `validation_failed` for anything else."""
    found = _PERIOD.fullmatch(name)
    try:
        year, month, day = found.groups() if found else ("0", "0", None)
        start = datetime(int(year), int(month), int(day or 1), tzinfo=UTC)
        return Period(name, start, start + timedelta(days=1) if day else _next_month(start))
    except (ValueError, OverflowError):
        raise _bad("Name a month like 2026-11 or a day like 2026-11-25.") from None


def check_begun(period: Period, now: datetime) -> None:
    """Raise `validation_failed` for a period that lies ahead."""
    if period.start > now:
        raise _bad("The period has not begun.")


def is_settled(period: Period, now: datetime) -> bool:
    """Whether no entry of the period can come any more."""
    return now >= period.end + SETTLED_AFTER


def _next_month(start: datetime) -> datetime:
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def _bad(detail: str) -> Rejected:
    errors = [{"field": "period", "detail": detail}]
    return Rejected("validation_failed", "Correct the parameters named in `errors`.", errors=errors)


@dataclass(frozen=True, slots=True)
class Line:
    """One entry as its party sees it: above zero for what they gained; `balance` after it, of all their accounts."""

    number: int
    at: datetime
    kind: str
    account: Account
    amount: int
    balance: int
    order_no: str | None
    order_id: OrderId | None
    line_id: LineId | None
    shipment_id: ShipmentId | None
    subject: str
    cause: str


@dataclass(frozen=True, slots=True)
class Statement:
    """What a party was owed before and after the entries numbered above `after_number` up to `to_number`.

    A statement that was cut has a digest: the SHA-256 of its lines as CSV. One without is still open.
    """

    party: str
    period: str
    currency: str
    opening: int
    closing: int
    after_number: int
    to_number: int
    lines: int = 0
    digest: bytes | None = None


def csv_head() -> bytes:
    """The names of the columns; amounts are in minor units."""
    return _csv([_COLUMNS])


def csv_lines(lines: Sequence[Line], currency: str) -> bytes:
    """Lines as CSV (RFC 4180)."""
    return _csv([_row(line, currency) for line in lines])


def _row(line: Line, currency: str) -> tuple[object, ...]:
    at = line.at.astimezone(UTC).isoformat(timespec="microseconds")
    what = (line.number, at, line.kind, line.account, line.amount, line.balance, currency)
    return (*what, line.order_no, line.order_id, line.line_id, line.shipment_id, line.subject, line.cause)


def _csv(rows: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()

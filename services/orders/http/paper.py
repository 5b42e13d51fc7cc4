"""A statement on paper: one HTML page that prints on A4 and needs nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC
from html import escape
from typing import Final

from services.orders.domain.statements import Line, Statement
from services.orders.usecases.statements import Shown

WITHOUT_DECIMALS: Final = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})  # ISO 4217: their minor unit is the unit

WORDS: Final[Mapping[str, str]] = {
    "line_delivered": "Delivered",
    "fee_passed_on": "Fee",
    "released": "Released",
    "held_again": "Held again",
    "refund_approved": "Refund",
    "refund_paid": "Refund to your balance",
    "shortage_borne": "Missing cash borne",
    "return_charged": "Way back of a parcel",
    "payout_requested": "Payout",
    "payout_failed": "Payout failed",
    "payout_paid": "Payout paid",
    "payout_returned": "Payout came back",
}
PLACES: Final[Mapping[str, str]] = {
    "payable:held": "held",
    "payable:available": "available",
    "payable:in_payout": "in payout",
    "platform_revenue": "revenue",
}

_STYLE = """
@page { size: A4; margin: 15mm 12mm; }
:root { --ink: #1c1b1a; --soft: #6a6560; --line: #e4dfd9; color-scheme: light; }
* { box-sizing: border-box; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: #fff;
  font: 14px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
h1 { font-size: 1.4rem; margin: 0; }
p { margin: .25rem 0 1.25rem; color: var(--soft); overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; margin-bottom: 1.5rem; }
th, td { padding: .3rem .5rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { font-weight: 600; color: var(--soft); }
.money { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.id { color: var(--soft); font-size: .8em; overflow-wrap: anywhere; }
.sum td { font-weight: 600; }
.lines td:first-child { white-space: nowrap; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
@media screen and (max-width: 40rem) {
  .lines thead, .lines .id { display: none; }
  .lines tr { display: grid; grid-template-columns: 1fr auto; gap: 0 .75rem; padding: .5rem 0; }
  .lines tr { border-bottom: 1px solid var(--line); }
  .lines td { border: 0; padding: 0; }
  .lines td:nth-child(1), .lines td:nth-child(3), .lines td:nth-child(4), .lines td:nth-child(6) { color: var(--soft); }
  .lines td:nth-child(1) { grid-area: 2 / 1; }
  .lines td:nth-child(2) { grid-area: 1 / 1; }
  .lines td:nth-child(3) { grid-area: 3 / 1; }
  .lines td:nth-child(4) { grid-area: 3 / 2; text-align: right; }
  .lines td:nth-child(5) { grid-area: 1 / 2; font-weight: 600; }
  .lines td:nth-child(6) { grid-area: 2 / 2; }
}
@media print { body { margin: 0; max-width: none; font-size: 9pt; } }
"""
_HEAD = "<tr><th>When (UTC)<th>What<th>Order<th>Account<th class=money>Amount<th class=money>Balance</tr>"


def amount_text(amount: int, currency: str) -> str:
    """Minor units as people write them: 12345 is 123.45."""
    if currency in WITHOUT_DECIMALS:
        return f"{amount:,}"
    sign = "-" if amount < 0 else ""
    return f"{sign}{abs(amount) // 100:,}.{abs(amount) % 100:02}"


async def printed(shown: Shown, lines: AsyncIterator[list[Line]]) -> AsyncIterator[bytes]:
    """The page, written while its lines are read."""
    yield _top(shown).encode()
    async for some in lines:
        yield "".join(_row(line, shown.statement.currency) for line in some).encode()
    yield _bottom(shown.statement).encode()


def _top(shown: Shown) -> str:
    statement = shown.statement
    title = f"Statement {escape(statement.period)}"
    state = "still open" if statement.digest is None else f"closed, SHA-256 as CSV {statement.digest.hex()}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title} · {escape(statement.party)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(statement.party)} · {escape(statement.currency)} · {state}</p>"
        f"<table><tbody>{_sum('Opening balance', statement.opening, statement.currency)}{_totals(shown)}"
        f"{_sum('Closing balance', statement.closing, statement.currency)}</tbody></table>"
        f"<table class=lines><thead>{_HEAD}</thead><tbody>"
    )


def _bottom(statement: Statement) -> str:
    return f"</tbody></table><p>{statement.lines} entries.</p></html>"


def _totals(shown: Shown) -> str:
    currency = shown.statement.currency
    return "".join(
        f"<tr><td>{_word(kind)}{_money(amount, currency)}</tr>"
        for kind, amount in shown.totals.items()
        if amount  # what only moved from one account of theirs to another brought nothing
    )


def _sum(name: str, amount: int, currency: str) -> str:
    return f"<tr class=sum><td>{name}{_money(amount, currency)}</tr>"


def _row(line: Line, currency: str) -> str:
    at = line.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    item = line.line_id or line.subject
    return (
        f"<tr><td>{at}<td>{_word(line.kind)}<div class=id>{escape(line.cause)}</div>"
        f"<td>{escape(line.order_no or '')}<div class=id>{escape(str(item))}</div>"
        f"<td>{escape(PLACES.get(line.account, line.account))}"
        f"{_money(line.amount, currency)}{_money(line.balance, currency)}</tr>"
    )


def _money(amount: int, currency: str) -> str:
    return f"<td class=money>{amount_text(amount, currency)}"


def _word(kind: str) -> str:
    return escape(WORDS.get(kind, kind.replace("_", " ").capitalize()))

"""Tables on the money: where the cash is, what did not fit, who was paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rich.table import Table

from wanpu.demo.client import Json
from wanpu.demo.ledgers import CASH_STEPS
from wanpu.demo.payouts import Payout

MOST_ROWS: Final = 12  # of what did not fit: a screen is for people
ENDS: Final = {
    "fail": "failed: available again",
    "return": "paid, then sent back: available again",
    "pay": "paid",
}


def yuan(amount: int) -> str:
    """Minor units as people write them."""
    return f"{amount / 100:,.2f}"


def cash(sums: Mapping[str, Mapping[str, int]]) -> Table:
    """How far each carrier's cash has come."""
    table = _table("Where the cash is (CNY)", ("carrier", *CASH_STEPS, "still with it"), text=1)
    for carrier, steps in sorted(sums.items()):
        left = steps["collected"] - steps["remitted"]
        table.add_row(carrier, *(yuan(steps[step]) for step in CASH_STEPS), yuan(left))
    return table


def discrepancies(found: Sequence[Json]) -> Table:
    """What did not fit and what was decided."""
    title = f"What did not fit: {len(found)} discrepancies found by rules"
    table = _table(title, ("kind", "waybill", "decision", "by", "expected", "actual", "moves"), text=4)
    for each in found[:MOST_ROWS]:
        decision = f"{each.get('decision') or 'open'} {each.get('bearer') or ''}".strip()
        sums = (_yuan(each.get(name)) for name in ("expected", "actual", "amount"))
        table.add_row(each["kind"], each.get("waybill") or "", decision, each.get("resolved_by") or "", *sums)
    if more := len(found) - MOST_ROWS:
        table.caption = f"and {more} more" if more > 0 else None
    return table


def payouts(asked: Sequence[Payout], names: Mapping[str, str]) -> Table:
    """Who asked for what, and what the bank did."""
    table = _table("Payouts (CNY)", ("party", "amount", "what became of it"), text=1)
    table.columns[2].justify = "left"
    for each in asked:
        second = ", approved by a second person" if each.approved else ""
        table.add_row(names.get(each.party, each.party), yuan(each.amount), ENDS[each.behaviour] + second)
    return table


def _table(title: str, columns: Sequence[str], text: int) -> Table:
    """The first `text` columns hold words, the others sums."""
    table = Table(title=title)
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place < text else "right", no_wrap=True)
    return table


def _yuan(amount: Json | None) -> str:
    return yuan(amount["amount"]) if amount else ""

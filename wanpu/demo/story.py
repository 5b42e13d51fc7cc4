"""What the demo tells in the end: one order's trail through the topics, and who is owed what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.table import Table

from wanpu.demo.market import Market
from wanpu.demo.shopping import COD_ABOVE, FATES, Fate, Order
from wanpu.demo.tables import yuan
from wanpu.demo.topics import Told

REQUEST = "a call from outside"  # what an event without a causing event follows from
SAYS = ("parcel_state", "kind", "state")  # the field that tells most of an event
ACCOUNTS = (
    ("platform_revenue", "the platform's revenue"),
    ("losses", "the platform's losses"),
    ("carrier_cash", "cash with the carrier"),
    ("bank", "money in the bank"),
)
FOLDED = ("orders.commissions", "orders.ledger")
COLUMNS = ("held", "available", "in_payout", "paid")


def exemplary(orders: Sequence[Order]) -> Order:
    """The order whose trail says most: confirmed by code, several suppliers, from an article if there is one."""
    return max(
        orders,
        key=lambda order: (order.fate is COD_ABOVE, order.basket.suppliers, order.entry_point == "article"),
    )


def trail(order: Order, events: Sequence[Told]) -> Table:
    """Each event of an order with its service, topic, time and cause; ids by their last four letters."""
    names = {event.event_id: event for event in events}
    mine = [event for event in events if event.body.get("order_id") == order.order_id]
    table = Table(title=f"The trail of {order.order_no}: {order.fate.name}, came by {order.entry_point}")
    for column in ("ms", "event", "id", "says", "service", "topic", "because of"):
        table.add_column(column, justify="right" if column == "ms" else "left", no_wrap=True)
    for event, times in _folded(mine):
        after = (event.at - mine[0].at).total_seconds() * 1000
        name = event.name if times == 1 else f"{event.name} x{times}"
        row = (name, event.event_id[-4:], _says(event), event.service, event.topic, _because(event, names))
        table.add_row(f"{after:,.0f}", *row)
    return table


def _folded(events: Sequence[Told]) -> list[tuple[Told, int]]:
    """Each event and how often it was told for one cause: shares and journals change many at a time."""
    keys = [(each.name, each.because) if each.topic in FOLDED else (each.event_id, None) for each in events]
    times = Counter(keys)
    firsts = dict(zip(reversed(keys), reversed(events), strict=True))
    return [(firsts[key], times[key]) for key in dict.fromkeys(keys)]


def _says(event: Told) -> str:
    if taken := event.body.get("collected"):
        return f"{yuan(taken['amount'])} by {event.body['method']}"
    return next((str(event.body[name]) for name in SAYS if event.body.get(name)), "")


def _because(event: Told, names: Mapping[str, Told]) -> str:
    if event.because is None:
        return REQUEST
    cause = names.get(event.because)
    return f"{cause.name} {cause.event_id[-4:]}" if cause else REQUEST


async def owed(market: Market, events: Sequence[Told]) -> Table:
    """Who is owed what, party by party, and what the platform itself has earned."""
    table = Table(title="Who is owed what (CNY)")
    table.add_column("party")
    for column in COLUMNS:
        table.add_column(column.replace("_", " "), justify="right")
    for party, name in market.names.items():
        balance = await market.platform.operator.get("orders", f"/balances/{party}")
        kind = "supplier" if party in market.suppliers else "creator"
        table.add_row(f"{name} ({kind})", *(yuan(balance[column]["amount"]) for column in COLUMNS))
    table.add_section()
    for account, name in ACCOUNTS:
        table.add_row(name, yuan(_sum(account, events)), *[""] * 3)
    return table


def _sum(account: str, events: Sequence[Told]) -> int:
    """An account's balance from the public journals, above zero whichever its side."""
    entries = [entry for event in events if event.name == "LedgerPosted" for entry in event.body["entries"]]
    return abs(sum(int(entry["credit"]) - int(entry["debit"]) for entry in entries if entry["account"] == account))


def fates(found: Mapping[tuple[Fate, str], int]) -> Table:
    """What became of the orders."""
    table = Table(title=f"What became of {sum(found.values())} orders")
    for column in ("orders", "fate", "state"):
        table.add_column(column, justify="right" if column == "orders" else "left")
    for fate in FATES:
        states = {state: count for (other, state), count in found.items() if other is fate}
        shown = ", ".join(states) if len(states) == 1 else ", ".join(f"{n} {state}" for state, n in states.items())
        table.add_row(str(sum(states.values())), fate.name, shown)
    return table

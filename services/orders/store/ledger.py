"""Journals, entries and the balances kept beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.orders.domain.ledger import Journal
from shared.contracts.values import Account, JournalId, Money, OrderId
from shared.kernel.database import Tx, columns

_INSERT_JOURNALS = """
    INSERT INTO journals (journal_id, kind, cause, subject, stream_id, order_id, currency)
    SELECT journal_id, kind, cause, subject, stream_id, order_id, currency
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[])
           AS n (journal_id, kind, cause, subject, stream_id, order_id, currency)
     ORDER BY journal_id
    ON CONFLICT DO NOTHING
    RETURNING journal_id, posted_at
"""


async def insert_journals(tx: Tx, journals: Mapping[JournalId, Journal]) -> dict[JournalId, datetime]:
    """Enter journals; those that were posted before are passed over. Returns when the fresh ones were posted."""
    rows = [(key, j.kind, j.cause, j.subject, j.stream_id, j.order_id, j.currency) for key, j in journals.items()]
    fresh = await tx.fetch(_INSERT_JOURNALS, *columns(rows, 7))
    return {row["journal_id"]: row["posted_at"] for row in fresh}


_INSERT_ENTRIES = """
    INSERT INTO entries (journal_id, ordinal, account, party, order_id, line_id, shipment_id, debit, credit)
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::uuid[],
                         $8::bigint[], $9::bigint[])
"""


async def insert_entries(tx: Tx, journals: Mapping[JournalId, Journal]) -> None:
    """The two or more sides of fresh journals."""
    rows = [
        (key, place, e.account, e.party, journal.order_id, e.line_id, e.shipment_id, e.debit, e.credit)
        for key, journal in journals.items()
        for place, e in enumerate(journal.entries, 1)
    ]
    await tx.execute(_INSERT_ENTRIES, *columns(rows, 9))


# `ORDER BY` makes the rows be locked in key order.
_ADD_BALANCES = """
    INSERT INTO balances (party, account, currency, amount)
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS n (party, account, currency, amount)
     ORDER BY party, account, currency
    ON CONFLICT (party, account, currency) DO UPDATE SET amount = balances.amount + excluded.amount
"""


async def add_to_balances(tx: Tx, deltas: Mapping[tuple[str, str, str], int]) -> None:
    """Add credits less debits, one sum for each (party, account, currency)."""
    rows = [(*key, delta) for key, delta in deltas.items() if delta]
    if rows:
        await tx.execute(_ADD_BALANCES, *columns(rows, 4))


_ADVANCE = """
    UPDATE orders o SET ledger_events = ledger_events + n.count
      FROM unnest($1::uuid[], $2::int[]) AS n (order_id, count)
     WHERE o.order_id = n.order_id
    RETURNING o.order_id, ledger_events
"""


async def advance_streams(tx: Tx, counts: Counter[OrderId]) -> dict[str, int]:
    """Count journals on the locked orders' streams; returns the position of the last of each."""
    if not counts:
        return {}
    rows = await tx.fetch(_ADVANCE, *columns(list(counts.items()), 2))
    return {row["order_id"]: row["ledger_events"] for row in rows}


_ADVANCE_OTHERS = """
    INSERT INTO ledger_streams (stream_id, events)
    SELECT * FROM unnest($1::text[], $2::int[]) AS n (stream_id, count) ORDER BY stream_id
    ON CONFLICT (stream_id) DO UPDATE SET events = ledger_streams.events + excluded.events
    RETURNING stream_id, events
"""


async def advance_other_streams(tx: Tx, counts: Counter[str]) -> dict[str, int]:
    """The same for the streams of statements and payouts."""
    rows = await tx.fetch(_ADVANCE_OTHERS, *columns(list(counts.items()), 2)) if counts else []
    return {row["stream_id"]: row["events"] for row in rows}


_BALANCES = "SELECT account, currency, amount FROM balances WHERE party = $1 ORDER BY currency, account"


async def balances(tx: Tx, party: str) -> dict[str, dict[Account, int]]:
    """A party's balances: by currency, by account, in minor units; what we owe is above zero."""
    found: dict[str, dict[Account, int]] = {}
    for row in await tx.fetch(_BALANCES, party):
        found.setdefault(row["currency"], {})[row["account"]] = row["amount"]
    return found


@dataclass(frozen=True, slots=True)
class Booked:
    """One entry as its party sees it; `amount` is above zero for what they gained."""

    at: datetime
    kind: str
    amount: int
    currency: str
    order_id: OrderId | None
    cause: str


_NEWEST = """
    SELECT j.posted_at AS at, j.kind, e.credit - e.debit AS amount, j.currency, j.order_id, j.cause
      FROM entries e JOIN journals j USING (journal_id)
     WHERE e.party = $1 AND j.currency = $2 AND e.account = ANY($3::text[])
     ORDER BY e.number DESC LIMIT $4
"""


async def newest_entries(tx: Tx, party: str, currency: str, accounts: Sequence[Account], limit: int) -> list[Booked]:
    """A party's entries on these accounts, newest first."""
    return [Booked(**row) for row in await tx.fetch(_NEWEST, party, currency, list(accounts), limit)]


_REFUNDS = """
    SELECT j.currency, sum(e.credit - e.debit)::bigint AS amount
      FROM journals j JOIN entries e USING (journal_id)
     WHERE j.order_id = $1 AND e.account = 'refund_payable' GROUP BY j.currency
    HAVING sum(e.credit - e.debit) <> 0 ORDER BY j.currency
"""


async def refunds_due(tx: Tx, order_id: OrderId) -> list[Money]:
    """What the buyer is to get back and has not got yet: one sum a currency, none when there is nothing."""
    return [Money(**row) for row in await tx.fetch(_REFUNDS, order_id)]

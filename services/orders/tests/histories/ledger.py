"""What holds in the service's own tables and in what it told, seen by SQL alone."""

from __future__ import annotations

import json
from collections import Counter

from services.orders.tests.histories.laws import given_before_it_was_taken_back
from services.orders.tests.histories.real import Real
from shared.kernel.database import Database

_BY_ACCOUNT = """
    SELECT j.currency, e.account, sum(e.credit - e.debit)::bigint AS amount
      FROM entries e JOIN journals j USING (journal_id)
     GROUP BY 1, 2 HAVING sum(e.credit - e.debit) <> 0
"""
_BY_PARTY = "SELECT party, account, amount FROM balances WHERE currency = 'CNY' AND amount <> 0"
_LEDGER = "SELECT party, account, currency, amount FROM balances WHERE amount <> 0"
_POSTED = "SELECT body FROM outbox WHERE topic = 'orders.ledger'"
_SHARES_TOLD = "SELECT body FROM outbox WHERE topic = 'orders.commissions'"
_SHARES = "SELECT line_id::text AS line_id, party_kind, amount FROM commissions WHERE party_kind <> 'platform'"
_BROKEN = {
    "a journal does not sum to zero": """
        SELECT j.journal_id FROM journals j LEFT JOIN entries e USING (journal_id)
         GROUP BY 1 HAVING coalesce(sum(e.debit), 0) <> coalesce(sum(e.credit), 0) OR count(e.account) = 0""",
    "the shares of a delivered line are not the line less its refunds": """
        SELECT l.line_id FROM lines l JOIN commissions c USING (line_id)
               LEFT JOIN (SELECT p.line_id, sum(p.amount) AS amount FROM refund_lines p JOIN refunds r USING (refund_id)
                           WHERE r.kind <> 'automatic' AND r.state NOT IN ('REQUESTED', 'APPROVED', 'REJECTED')
                           GROUP BY 1) b USING (line_id)
         WHERE l.state IN ('DELIVERED', 'COMPLETED', 'RETURNED')
         GROUP BY l.line_id, l.amount, b.amount HAVING sum(c.amount) <> l.amount - coalesce(b.amount, 0)""",
    "what is held of a line is not what its held shares say": """
        SELECT c.line_id FROM (SELECT line_id, sum(amount) FILTER (WHERE held AND state NOT IN ('ESTIMATED', 'VOID'))
                                                 AS amount
                                 FROM commissions WHERE party_kind <> 'platform' GROUP BY 1) c
               FULL JOIN (SELECT line_id, sum(credit - debit) AS amount FROM entries WHERE account = 'payable:held'
                           GROUP BY 1) e USING (line_id)
         WHERE coalesce(c.amount, 0) <> coalesce(e.amount, 0)""",
    "a refund exceeds what was captured or collected": """
        SELECT r.order_id FROM refunds r JOIN orders o USING (order_id)
         WHERE r.state = 'REFUNDED' AND r.currency = o.currency
         GROUP BY 1 HAVING sum(r.amount) > (SELECT sum(e.credit - e.debit)
                              FROM entries e JOIN journals j USING (journal_id)
                             WHERE j.order_id = r.order_id AND e.account = 'buyer_deposits'
                               AND j.kind IN ('payment_captured', 'cod_collected', 'remitted_over'))""",
    "a paid payout has not exactly one journal": """
        SELECT p.payout_id FROM payouts p LEFT JOIN journals j
            ON j.kind = 'payout_paid' AND j.subject = p.payout_id::text
         GROUP BY p.payout_id, p.state
        HAVING count(j.journal_id) <> (CASE WHEN p.state IN ('PAID', 'RETURNED') THEN 1 ELSE 0 END)""",
    "a stream has a hole": """
        SELECT topic, key FROM outbox GROUP BY topic, key
        HAVING max(aggregate_version) <> count(*) OR count(DISTINCT aggregate_version) <> count(*)""",
}


async def check(db: Database) -> None:
    """The tables among themselves, and against what was told."""
    for what, query in _BROKEN.items():
        assert await db.pool.fetch(query) == [], what
    await _balances_are_what_was_told(db)
    await _shares_are_what_was_told(db)


async def _balances_are_what_was_told(db: Database) -> None:
    told: Counter[tuple[str, str, str]] = Counter()
    for row in await db.pool.fetch(_POSTED):
        body = json.loads(row["body"])
        for entry in body["entries"]:
            if entry["party"]:
                told[entry["party"], entry["account"], body["currency"]] += entry["credit"] - entry["debit"]
    kept = {(row["party"], row["account"], row["currency"]): row["amount"] for row in await db.pool.fetch(_LEDGER)}
    assert kept == {key: amount for key, amount in told.items() if amount}


async def _shares_are_what_was_told(db: Database) -> None:
    told: Counter[tuple[str, str]] = Counter()
    for row in await db.pool.fetch(_SHARES_TOLD):
        body = json.loads(row["body"])
        told[body["line_id"], body["party_kind"]] += body["delta"]["amount"]
    kept = {(row["line_id"], row["party_kind"]): row["amount"] for row in await db.pool.fetch(_SHARES)}
    assert {key: amount for key, amount in kept.items() if amount} == {key: a for key, a in told.items() if a}


async def compare(real: Real) -> None:
    """The service's books are those of the history told to the pure domain."""
    books, fetch = real.world.books, real.journey.db.pool.fetch
    totals = {(row["currency"], row["account"]): row["amount"] for row in await fetch(_BY_ACCOUNT)}
    assert totals == {key: amount for key, amount in books.totals.items() if amount}
    balances = {(row["party"], row["account"]): row["amount"] for row in await fetch(_BY_PARTY)}
    named = {(real.id_of(party), account): amount for (party, account), amount in books.of_party.items() if amount}
    assert balances == named
    for order_id, order in real.orders.items():
        ours = {account: amount for account, amount in books.of_order[order_id].items() if amount}
        mine = await real.journey.accounts(order)
        assert {a: mine[a] for a in mine} == ours or _has_two_currencies(real, order_id)
    assert books.is_funded(aside=given_before_it_was_taken_back(real.world))


def _has_two_currencies(real: Real, order_id: str) -> bool:
    return any(r.order_id == order_id and r.currency != "CNY" for r in real.world.refunds.values())

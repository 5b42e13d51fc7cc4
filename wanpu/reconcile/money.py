"""Invariant 6: the books, by the tables and once more by the topics alone."""

from __future__ import annotations

from wanpu.reconcile.finding import Finding, World, finding

_UNBALANCED = """
    SELECT j.journal_id::text AS journal_id, j.kind, coalesce(sum(e.debit), 0)::bigint AS debit,
           coalesce(sum(e.credit), 0)::bigint AS credit
      FROM orders.journals j LEFT JOIN orders.entries e USING (journal_id)
     GROUP BY j.journal_id, j.kind
    HAVING coalesce(sum(e.debit), 0) <> coalesce(sum(e.credit), 0) OR count(e.journal_id) = 0
"""
_BY_PARTY = """
    SELECT e.account, coalesce(e.party, '') AS party, j.currency, sum(e.credit - e.debit)::bigint AS amount
      FROM orders.entries e JOIN orders.journals j USING (journal_id) GROUP BY 1, 2, 3
"""
_BALANCES = "SELECT account, party, currency, amount FROM orders.balances"
_JOURNALS = "SELECT journal_id::text AS journal_id FROM orders.journals"
_ENDED = ("EXPIRED", "CANCELLED", "CLOSED", "FULFILLED", "COMPLETED")
# What the buyer has left with us, held against what the door still owes: delivered, not collected, and borne by nobody
# yet. What was taken too much and goes back is in `cod_collected` no more; a line sent back later was delivered, too.
_DEPOSITS = """
    SELECT o.order_id::text AS order_id, o.state, coalesce(d.amount, 0) AS deposits, coalesce(c.owed, 0) AS owed
      FROM orders.orders o
           LEFT JOIN (SELECT e.order_id, sum(e.credit - e.debit)::bigint AS amount FROM orders.entries e
                       WHERE e.account = 'buyer_deposits' GROUP BY e.order_id) d USING (order_id)
           LEFT JOIN (SELECT s.order_id, sum(CASE WHEN s.state = 'DELIVERED'
                                                  THEN coalesce(l.amount, 0) - coalesce(s.cod_collected, 0) ELSE 0 END
                                             - s.cod_decided)::bigint AS owed
                        FROM orders.supplier_orders s
                             LEFT JOIN (SELECT supplier_order_id, sum(amount)::bigint AS amount FROM orders.lines
                                         WHERE state IN ('DELIVERED', 'COMPLETED', 'RETURNED')
                                         GROUP BY supplier_order_id) l USING (supplier_order_id)
                       WHERE s.cod_amount IS NOT NULL GROUP BY s.order_id) c USING (order_id)
     WHERE o.state = ANY($1) AND NOT o.loadtest AND coalesce(d.amount, 0) <> -coalesce(c.owed, 0)
"""
_SHARES = """
    SELECT l.line_id::text AS line_id, l.amount, coalesce(s.sum, 0)::bigint AS sum, s.currencies, o.currency
      FROM orders.lines l JOIN orders.orders o USING (order_id)
           LEFT JOIN LATERAL (SELECT sum((share->'amount'->>'amount')::bigint) AS sum,
                                     array_agg(DISTINCT share->'amount'->>'currency') AS currencies
                                FROM jsonb_array_elements(l.split) share) s ON true
     WHERE l.amount <> coalesce(s.sum, 0) OR s.currencies <> ARRAY[o.currency::text]
"""


async def each_journal_sums_to_zero(world: World) -> Finding:
    """Debits equal credits in every journal, in the table and on the topic."""
    faults = [
        f"journal {row['journal_id']} ({row['kind']}): {row['debit']} against {row['credit']}"
        for row in await world.kept.rows(_UNBALANCED, of=["orders"])
    ]
    faults += [f"LedgerPosted {journal_id} does not sum to zero" for journal_id in world.told.unbalanced]
    return finding(6, "each journal sums to zero", faults, f"{len(world.told.journals)} journals do")


async def each_ended_order_holds_no_deposit(world: World) -> Finding:
    """Of an order that has ended nothing is left with us but what the courier still owes for what was delivered."""
    faults = [
        f"order {row['order_id']} ({row['state']}): deposits {row['deposits']}, still with the courier {row['owed']}"
        for row in await world.kept.rows(_DEPOSITS, list(_ENDED), of=["orders"])
    ]
    return finding(6, "each ended order holds no deposit", faults, "buyer deposits are even, order by order")


async def shares_sum_to_their_line(world: World) -> Finding:
    """Every split gives away its line to the minor unit, in the order's currency."""
    faults = [
        f"line {row['line_id']}: shares of {row['sum']} {row['currencies']} for {row['amount']} {row['currency']}"
        for row in await world.kept.rows(_SHARES, of=["orders"])
    ]
    return finding(6, "shares sum to their line", faults, "every split sums to its line")


async def balances_are_what_the_journals_say(world: World) -> Finding:
    """The balances kept beside the journals, rebuilt from them."""
    rebuilt = {_key(row): row["amount"] for row in await world.kept.rows(_BY_PARTY, of=["orders"]) if row["party"]}
    kept = {_key(row): row["amount"] for row in await world.kept.rows(_BALANCES, of=["orders"])}
    faults = _differences(kept, rebuilt, "kept", "journals")
    return finding(6, "balances are what the journals say", faults, f"{len(rebuilt)} balances rebuilt, none differs")


async def topics_alone_give_the_same_books(world: World) -> Finding:
    """Whoever adds up all `LedgerPosted` from the first has every account and balance."""
    entries = {_key(row): row["amount"] for row in await world.kept.rows(_BY_PARTY, of=["orders"])}
    journals = {row["journal_id"] for row in await world.kept.rows(_JOURNALS, of=["orders"])}
    faults = [f"journal {each} was never told of" for each in sorted(journals - world.told.journals)]
    faults += [f"LedgerPosted {each} is in no table" for each in sorted(world.told.journals - journals)]
    faults += _differences(entries, dict(world.told.books), "ledger", "topics")
    return finding(6, "the topics alone give the same books", faults, f"{len(journals)} journals added up again agree")


def _key(row: object) -> tuple[str, str, str]:
    return (row["account"], row["party"], row["currency"])  # type: ignore[index]  # a row of three columns


def _differences(
    one: dict[tuple[str, str, str], int], other: dict[tuple[str, str, str], int], *names: str
) -> list[str]:
    return [
        f"{' '.join(part for part in key if part)}: {names[0]} {one.get(key, 0)}, {names[1]} {other.get(key, 0)}"
        for key in sorted(one.keys() | other.keys())
        if one.get(key, 0) != other.get(key, 0)
    ]

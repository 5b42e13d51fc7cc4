"""Invariant 6: the books, by the tables and once more by the topics alone."""

from __future__ import annotations

from collections import Counter

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
# What the buyer has left with us, held against what is still with the courier: delivered, and not yet collected.
_DEPOSITS = """
    SELECT o.order_id::text AS order_id, o.state, coalesce(d.amount, 0) AS deposits, coalesce(c.owed, 0) AS owed
      FROM orders.orders o
           LEFT JOIN (SELECT e.order_id, sum(e.credit - e.debit)::bigint AS amount FROM orders.entries e
                       WHERE e.account = 'buyer_deposits' GROUP BY e.order_id) d USING (order_id)
           LEFT JOIN (SELECT s.order_id, sum(l.amount - coalesce(s.cod_collected, 0))::bigint AS owed
                        FROM orders.supplier_orders s
                             JOIN (SELECT supplier_order_id, sum(amount)::bigint AS amount FROM orders.lines
                                    WHERE state IN ('DELIVERED', 'COMPLETED') GROUP BY supplier_order_id) l
                             USING (supplier_order_id)
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
_LOGISTICS_CASH = """
    SELECT s.carrier, c.currency, sum(c.collected)::bigint AS amount
      FROM logistics.cod_cash c JOIN logistics.shipments s USING (shipment_id)
     WHERE c.collected IS NOT NULL AND s.carrier IS NOT NULL GROUP BY 1, 2
"""
_LEDGER_CASH = """
    SELECT e.party AS carrier, j.currency, sum(e.debit)::bigint AS collected, sum(e.credit)::bigint AS remitted
      FROM orders.entries e JOIN orders.journals j USING (journal_id) WHERE e.account = 'carrier_cash' GROUP BY 1, 2
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


async def collected_is_remitted_or_outstanding(world: World) -> Finding:
    """Per carrier: logistics, its events and the ledger name one sum collected; no more is remitted than that."""
    kept: Counter[tuple[str, str]] = Counter()
    for row in await world.kept.rows(_LOGISTICS_CASH, of=["logistics"]):
        kept[row["carrier"], row["currency"]] = row["amount"]
    told: Counter[tuple[str, str]] = Counter()
    for each in world.told.collections.values():
        told[each.carrier, each.currency] += each.amount
    rows = await world.kept.rows(_LEDGER_CASH, of=["orders"])
    booked = {(row["carrier"], row["currency"]): (row["collected"], row["remitted"]) for row in rows}
    faults, shown = [], []
    for key in sorted(kept.keys() | told.keys() | booked.keys()):
        collected, remitted = booked.get(key, (0, 0))
        if not kept[key] == told[key] == collected or remitted > collected:
            sums = f"logistics {kept[key]}, told {told[key]}, ledger {collected}, remitted {remitted}"
            faults.append(f"{key[0]} {key[1]}: {sums}")
        shown.append(f"{key[0]} collected {_sum(collected, key[1])}, outstanding {_sum(collected - remitted, key[1])}")
    return finding(6, "collected is remitted or outstanding", faults, "; ".join(shown) or "no cash was collected")


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


async def no_payout_is_funded_by_cash_not_banked(world: World) -> Finding:
    """bank ≥ Σ available (negative balances counted) + Σ in payout, the platform's own losses aside."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in await world.kept.rows(_BY_PARTY, of=["orders"]):
        sums[row["account"], row["currency"]] += row["amount"]
    faults, shown = [], []
    for currency in sorted({currency for _, currency in sums}):
        bank, losses = -sums["bank", currency], -sums["losses", currency]
        payable = sums["payable:available", currency] + sums["payable:in_payout", currency]
        if payable > bank + losses:
            faults.append(f"{currency}: {payable} available and in payout, {bank} in the bank, {losses} lost")
        shown.append(f"{_sum(payable, currency)} payable, {_sum(bank, currency)} banked")
    return finding(6, "no payout is funded by cash not banked", faults, "; ".join(shown) or "no money yet")


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


def _sum(amount: int, currency: str) -> str:
    sign = "-" if amount < 0 else ""
    return f"{currency} {sign}{abs(amount) // 100}.{abs(amount) % 100:02}"

"""Invariant 6, from the door to the bank and out again: cash, shares of lines, payouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from wanpu.reconcile.finding import Finding, World, finding

_LOGISTICS_CASH = """
    SELECT s.carrier, c.currency, sum(c.collected)::bigint AS collected,
           coalesce(sum(c.gross) FILTER (WHERE c.state IN ('REMITTED', 'BANKED', 'SETTLED')), 0)::bigint AS remitted
      FROM logistics.cod_cash c JOIN logistics.shipments s USING (shipment_id)
     WHERE c.collected IS NOT NULL AND s.carrier IS NOT NULL GROUP BY 1, 2
"""
# What was decided about it moves the carrier's cash, too: it stands in what is outstanding.
_LEDGER_CASH = """
    SELECT e.party AS carrier, j.currency,
           coalesce(sum(e.debit - e.credit) FILTER (WHERE j.kind = 'cod_collected'), 0)::bigint AS collected,
           coalesce(sum(e.credit - e.debit) FILTER (WHERE j.kind = 'cod_remitted'), 0)::bigint AS remitted,
           sum(e.debit - e.credit)::bigint AS outstanding
      FROM orders.entries e JOIN orders.journals j USING (journal_id) WHERE e.account = 'carrier_cash' GROUP BY 1, 2
"""
_LEDGER_BANKED = """
    SELECT e.party AS carrier, j.currency, sum(e.credit - e.debit)::bigint AS net
      FROM orders.entries e JOIN orders.journals j USING (journal_id)
     WHERE e.account = 'cash_in_transit' AND j.kind IN ('cod_banked', 'banking_reversed') GROUP BY 1, 2
"""
_SHARES_KEPT = """
    SELECT line_id::text AS line_id, party_kind, amount FROM orders.commissions WHERE party_kind <> 'platform'
"""
# Only what is about a line names one: fees and what parties bear lie beside their shares.
_SHARES_BOOKED = """
    SELECT coalesce(c.line_id, e.line_id)::text AS line_id, coalesce(c.held, 0)::bigint AS held,
           coalesce(c.free, 0)::bigint AS free, coalesce(e.held, 0)::bigint AS booked_held,
           coalesce(e.free, 0)::bigint AS booked_free
      FROM (SELECT line_id, sum(amount) FILTER (WHERE held) AS held, sum(amount) FILTER (WHERE NOT held) AS free
              FROM orders.commissions WHERE party_kind <> 'platform' AND state NOT IN ('ESTIMATED', 'VOID')
             GROUP BY line_id) c
           FULL JOIN (SELECT line_id, sum(credit - debit) FILTER (WHERE account = 'payable:held') AS held,
                             sum(credit - debit) FILTER (WHERE account = 'payable:available') AS free
                        FROM orders.entries WHERE line_id IS NOT NULL AND account LIKE 'payable:%' GROUP BY line_id) e
           USING (line_id)
     WHERE coalesce(c.held, 0) <> coalesce(e.held, 0) OR coalesce(c.free, 0) <> coalesce(e.free, 0)
"""
_TOTALS = """
    SELECT e.account, j.currency, sum(e.credit - e.debit)::bigint AS amount
      FROM orders.entries e JOIN orders.journals j USING (journal_id) GROUP BY 1, 2
"""
_COSTS = ("losses", "psp_fees", "carrier_fees", "return_costs")
# Paid to buyers out of cash that the bank took back afterwards: only the carrier owes it now.
_LENT = """
    SELECT r.currency, sum(r.amount)::bigint AS amount
      FROM orders.refunds r JOIN orders.supplier_orders s USING (supplier_order_id)
     WHERE r.state = 'REFUNDED' AND r.route <> 'card'
       AND (SELECT sum(e.debit - e.credit) FROM orders.entries e
             WHERE e.shipment_id = s.shipment_id AND e.account IN ('carrier_cash', 'cash_in_transit')) > 0
     GROUP BY 1
"""
_PAYOUTS = """
    SELECT coalesce(p.payout_id::text, j.subject) AS payout_id, p.state, coalesce(j.requested, 0) AS requested,
           coalesce(j.paid, 0) AS paid, coalesce(j.failed, 0) AS failed, coalesce(j.returned, 0) AS returned
      FROM orders.payouts p
           FULL JOIN (SELECT subject, count(*) FILTER (WHERE kind = 'payout_requested') AS requested,
                             count(*) FILTER (WHERE kind = 'payout_paid') AS paid,
                             count(*) FILTER (WHERE kind = 'payout_failed') AS failed,
                             count(*) FILTER (WHERE kind = 'payout_returned') AS returned
                        FROM orders.journals WHERE kind LIKE 'payout\\_%' GROUP BY subject) j
           ON j.subject = p.payout_id::text
"""
# All that had come to the party, and to the bank, before each payout, less the payouts before it. What went from them
# otherwise is left out: it may have been written down while the payout looked.
_REACH = """
    SELECT * FROM (
        SELECT j.kind, j.subject AS payout_id, e.account,
               sum(CASE WHEN e.account = 'bank' THEN e.debit ELSE e.credit END
                   - CASE WHEN j.kind = 'payout_requested' THEN e.debit ELSE 0 END)
                   OVER (PARTITION BY j.currency, e.account, e.party ORDER BY e.number)::bigint AS left_over
          FROM orders.entries e JOIN orders.journals j USING (journal_id) WHERE e.account = 'payable:available') p
     WHERE p.kind = 'payout_requested' AND p.left_over < 0
    UNION ALL
    SELECT * FROM (
        SELECT j.kind, j.subject AS payout_id, 'bank' AS account,
               sum(CASE e.account WHEN 'bank' THEN e.debit
                                  ELSE CASE j.kind WHEN 'payout_requested' THEN -e.credit
                                                   WHEN 'payout_failed' THEN e.debit ELSE 0 END END)
                   OVER (PARTITION BY j.currency ORDER BY e.number)::bigint AS left_over
          FROM orders.entries e JOIN orders.journals j USING (journal_id)
         WHERE e.account IN ('bank', 'payable:in_payout')) b
     WHERE b.kind = 'payout_requested' AND b.left_over < 0
"""
_JOURNALS_OF: Mapping[str, tuple[int, int, int, int]] = {  # requested, paid, failed, returned
    **dict.fromkeys(("REQUESTED", "APPROVED", "SUBMITTED"), (1, 0, 0, 0)),
    "PAID": (1, 1, 0, 0),
    "FAILED": (1, 0, 1, 0),
    "RETURNED": (1, 1, 0, 1),
}


async def collected_is_remitted_or_outstanding(world: World) -> Finding:
    """Per carrier: logistics, its events and the ledger name one sum collected, one remitted, one banked."""
    kept = await _by_carrier(world, _LOGISTICS_CASH, "logistics", "collected", "remitted")
    booked = await _by_carrier(world, _LEDGER_CASH, "orders", "collected", "remitted", "outstanding")
    banked = await _by_carrier(world, _LEDGER_BANKED, "orders", "net")
    told: Counter[tuple[str, str]] = Counter()
    for each in world.told.collections.values():
        told[each.carrier, each.currency] += each.amount
    cash, faults, shown = world.told.cash, [], []
    for key in sorted(kept.keys() | told.keys() | booked.keys() | cash.gross.keys() | banked.keys()):
        here, ours, net = kept.get(key, (0, 0)), booked.get(key, (0, 0, 0)), banked.get(key, (0,))[0]
        sums = (here[0], told[key], ours[0]), (here[1], cash.gross[key], ours[1]), (cash.net[key], net)
        names = ("collected", "remitted", "banked")
        faults += [
            f"{' '.join(key)} {name}: {', '.join(map(str, each))}"
            for name, each in zip(names, sums, strict=True)
            if len(set(each)) > 1
        ]
        shown.append(f"{key[0]} collected {money(ours[0], key[1])}, outstanding {money(ours[2], key[1])}")
    return finding(6, "collected is remitted or outstanding", faults, "; ".join(shown) or "no cash was collected")


async def _by_carrier(world: World, query: str, owner: str, *names: str) -> dict[tuple[str, str], tuple[int, ...]]:
    rows = await world.kept.rows(query, of=[owner])
    return {(row["carrier"], row["currency"]): tuple(row[name] for name in names) for row in rows}


async def shares_are_what_the_ledger_says(world: World) -> Finding:
    """What is left of the shares of a line lies on the accounts they say, and is the sum of what was told of them."""
    faults = [
        f"line {row['line_id']}: shares {row['held']} held, {row['free']} available;"
        f" ledger {row['booked_held']}, {row['booked_free']}"
        for row in await world.kept.rows(_SHARES_BOOKED, of=["orders"])
    ]
    rows = await world.kept.rows(_SHARES_KEPT, of=["orders"])
    kept = {(row["line_id"], row["party_kind"]): row["amount"] for row in rows}
    told = world.told.shares
    faults += [
        f"share of the {key[1]} in line {key[0]}: {kept.get(key, 0)} left, told {told[key]}"
        for key in sorted(kept.keys() | told.keys())
        if kept.get(key, 0) != told[key]
    ]
    return finding(6, "shares are what the ledger says", faults, f"{len(kept)} shares agree, line by line")


async def no_payout_is_funded_by_cash_not_banked(world: World) -> Finding:
    """bank ≥ Σ available (negative balances counted) + Σ in payout, the platform's own losses aside; and each payout
    was within what had come to its party and to the bank before it."""
    sums: Counter[tuple[str, str]] = Counter()
    for row in await world.kept.rows(_TOTALS, of=["orders"]):
        sums[row["account"], row["currency"]] += row["amount"]
    lent = {row["currency"]: row["amount"] for row in await world.kept.rows(_LENT, of=["orders"])}
    faults, shown = [], []
    for currency in sorted({currency for _, currency in sums}):
        bank, lost = -sums["bank", currency], -sum(sums[cost, currency] for cost in _COSTS)
        payable = sums["payable:available", currency] + sums["payable:in_payout", currency]
        if payable > bank + lost + lent.get(currency, 0):
            faults.append(f"{currency}: {payable} available and in payout, {bank} in the bank, {lost} lost")
        shown.append(f"{money(payable, currency)} payable, {money(bank, currency)} banked")
    faults += [
        f"payout {row['payout_id']} went {-row['left_over']} beyond what had come to {row['account']}"
        for row in await world.kept.rows(_REACH, of=["orders"])
    ]
    return finding(6, "no payout is funded by cash not banked", faults, "; ".join(shown) or "no money yet")


async def each_payout_is_booked_once(world: World) -> Finding:
    """Every payout has the journals of its state, one of each, and no journal is about a payout that is not there."""
    rows = await world.kept.rows(_PAYOUTS, of=["orders"])
    kinds = ("requested", "paid", "failed", "returned")
    faults = [
        f"payout {row['payout_id']} is {row['state']}: journals {[row[kind] for kind in kinds]} of {list(kinds)}"
        for row in rows
        if _JOURNALS_OF.get(row["state"] or "") != tuple(row[kind] for kind in kinds)
    ]
    return finding(6, "each payout is booked once", faults, f"{len(rows)} payouts, the journals of each")


def money(amount: int, currency: str) -> str:
    """As people write it."""
    sign = "-" if amount < 0 else ""
    return f"{currency} {sign}{abs(amount) // 100}.{abs(amount) % 100:02}"

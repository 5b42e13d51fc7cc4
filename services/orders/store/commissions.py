"""Shares of lines, what they wait for, and the positions of what is told of them.

Shares are locked after their orders and before balances, by key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.orders.domain.commissions import Commission, Funding
from shared.contracts.values import LineId, OrderId, PayoutId, SupplierOrderId
from shared.kernel.database import Row, Tx, columns

_COLUMNS = "line_id, party_kind, party, order_id, supplier_order_id, state, held, amount, currency, hold_until"

_INSERT = f"""
    INSERT INTO commissions (line_id, party_kind, party, order_id, supplier_order_id, state, amount, currency,
                             hold_until)
    SELECT line_id, party_kind, party, order_id, supplier_order_id, state, amount, currency, now() + hold
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::bigint[], $8::text[],
                  $9::interval[])
           AS n (line_id, party_kind, party, order_id, supplier_order_id, state, amount, currency, hold)
     ORDER BY line_id, party_kind
    ON CONFLICT (line_id, party_kind) DO UPDATE SET state = excluded.state, hold_until = excluded.hold_until
          WHERE commissions.state = 'ESTIMATED' AND excluded.state = 'EARNED'
    RETURNING {_COLUMNS}
"""  # noqa: S608


async def insert(tx: Tx, shares: Sequence[tuple[Commission, timedelta | None]]) -> list[Commission]:
    """Enter new shares, each ESTIMATED or EARNED with its hold from now on; an ESTIMATED one becomes EARNED.

    Returns those that are new or moved.
    """
    rows = [
        (s.line_id, s.party_kind, s.party, s.order_id, s.supplier_order_id, s.state, s.amount, s.currency, hold)
        for s, hold in shares
    ]
    return [Commission(**row) for row in await tx.fetch(_INSERT, *columns(rows, 9))] if rows else []


_LOCK = f"SELECT {_COLUMNS} FROM commissions WHERE line_id = ANY($1::uuid[]) ORDER BY line_id, party_kind FOR UPDATE"  # noqa: S608


async def lock(tx: Tx, line_ids: Collection[LineId]) -> dict[LineId, list[Commission]]:
    """The shares of these lines, locked, in one order of parties a line."""
    found: dict[LineId, list[Commission]] = {}
    for row in await tx.fetch(_LOCK, list(line_ids)):
        found.setdefault(row["line_id"], []).append(Commission(**row))
    return found


# Of a line with an open refund nothing is released: the buyer may get it.
_RIPE = f"""
    SELECT {_COLUMNS} FROM commissions c
     WHERE order_id = ANY($1::uuid[]) AND held AND state IN ('EARNED', 'IN_PAYOUT', 'PAID') AND hold_until <= now()
       AND party_kind <> 'platform'
       AND NOT EXISTS (SELECT FROM refund_lines l JOIN refunds r USING (refund_id)
                        WHERE l.line_id = c.line_id
                          AND r.state IN ('REQUESTED', 'APPROVED', 'AWAITING_RETURN', 'INSPECTED'))
     ORDER BY line_id, party_kind FOR UPDATE
"""  # noqa: S608


async def lock_ripe(tx: Tx, order_ids: Collection[OrderId]) -> list[Commission]:
    """Shares of these orders that wait for money only."""
    return [Commission(**row) for row in await tx.fetch(_RIPE, list(order_ids))]


_RELEASED = f"""
    SELECT {_COLUMNS} FROM commissions
     WHERE supplier_order_id = ANY($1::uuid[]) AND NOT held AND state IN ('AVAILABLE', 'IN_PAYOUT', 'PAID')
     ORDER BY line_id, party_kind FOR UPDATE
"""  # noqa: S608


async def lock_released(tx: Tx, supplier_order_ids: Collection[SupplierOrderId]) -> list[Commission]:
    """Shares of these supplier orders that were made available."""
    return [Commission(**row) for row in await tx.fetch(_RELEASED, list(supplier_order_ids))]


_SAVE = """
    UPDATE commissions c SET state = n.state, held = n.held, amount = n.amount,
           available_at = CASE WHEN n.state = 'AVAILABLE' THEN coalesce(c.available_at, now()) ELSE c.available_at END
      FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::bigint[])
           AS n (line_id, party_kind, state, held, amount)
     WHERE c.line_id = n.line_id AND c.party_kind = n.party_kind
"""


async def save(tx: Tx, shares: Sequence[Commission]) -> None:
    """Write locked shares as they are now."""
    rows = [(s.line_id, s.party_kind, s.state, s.held, s.amount) for s in shares]
    if rows:
        await tx.execute(_SAVE, *columns(rows, 5))


# All that was delivered counts, whatever went back to the buyer since: the door knows nothing of refunds.
_FUNDINGS = """
    SELECT s.supplier_order_id, o.payment_mode, coalesce(p.settled, false) AS settled,
           coalesce(l.due, 0)::bigint AS due, coalesce(s.cod_collected, 0) AS collected, s.cod_decided AS decided,
           coalesce(e.outstanding, 0)::bigint AS outstanding
      FROM supplier_orders s JOIN orders o USING (order_id) LEFT JOIN payments p ON p.payment_id = o.payment_id
           LEFT JOIN LATERAL (SELECT sum(amount) AS due FROM lines
                               WHERE supplier_order_id = s.supplier_order_id
                                 AND state IN ('DELIVERED', 'COMPLETED', 'RETURNED')) l ON true
           LEFT JOIN LATERAL (SELECT sum(debit - credit) AS outstanding FROM entries
                               WHERE shipment_id = s.shipment_id
                                 AND account IN ('carrier_cash', 'cash_in_transit')) e ON true
     WHERE s.supplier_order_id = ANY($1::uuid[])
"""


async def fundings(tx: Tx, supplier_order_ids: Collection[SupplierOrderId]) -> dict[SupplierOrderId, Funding]:
    """Whether the money for these supplier orders is there."""
    rows = await tx.fetch(_FUNDINGS, list(set(supplier_order_ids)))
    return {row["supplier_order_id"]: Funding(**row) for row in rows}


# Whole shares, the oldest first, as far as the party's payouts reach beyond those that went out before. What somebody
# else holds a lock on stays AVAILABLE: the party's balance, not this list, says what can be paid.
_ASSIGN = f"""
    WITH reach AS (
        SELECT (SELECT coalesce(sum(amount), 0) FROM payouts WHERE party = $2 AND state NOT IN ('FAILED', 'RETURNED'))
             - (SELECT coalesce(sum(amount), 0) FROM commissions WHERE party = $2 AND payout_id IS NOT NULL) AS amount),
    free AS (SELECT line_id, party_kind, amount, available_at FROM commissions
              WHERE party = $2 AND state = 'AVAILABLE' AND NOT held ORDER BY available_at, line_id
              LIMIT $3 FOR UPDATE SKIP LOCKED),
    fits AS (SELECT line_id, party_kind,
                    sum(amount) OVER (ORDER BY available_at, line_id, party_kind) AS reached FROM free)
    UPDATE commissions c SET state = 'IN_PAYOUT', payout_id = $1
      FROM fits, reach
     WHERE c.line_id = fits.line_id AND c.party_kind = fits.party_kind AND fits.reached <= reach.amount
    RETURNING {", ".join(f"c.{name}" for name in _COLUMNS.split(", "))}
"""  # noqa: S608
ASSIGNED_AT_ONCE = 5_000  # shares one payout names at most; those beyond go with the next


async def assign(tx: Tx, payout_id: PayoutId, party: str) -> list[Commission]:
    """AVAILABLE → IN_PAYOUT for the shares that a payout covers; returns them."""
    return [Commission(**row) for row in await tx.fetch(_ASSIGN, payout_id, party, ASSIGNED_AT_ONCE)]


_END = f"""
    UPDATE commissions SET state = CASE WHEN $2 THEN 'PAID' WHEN held THEN 'EARNED' ELSE 'AVAILABLE' END,
                           payout_id = CASE WHEN $2 THEN payout_id END
     WHERE payout_id = $1 AND state IN ('IN_PAYOUT', 'PAID')
    RETURNING {_COLUMNS}
"""  # noqa: S608


async def end_payout(tx: Tx, payout_id: PayoutId, *, paid: bool) -> list[Commission]:
    """The shares of a payout are PAID, or AVAILABLE again; EARNED those whose money the bank took back meanwhile."""
    return [Commission(**row) for row in await tx.fetch(_END, payout_id, paid)]


@dataclass(frozen=True, slots=True)
class Origin:
    """How the buyer came to an order."""

    entry_point: str
    content_id: str | None
    group_id: str | None


_ORIGINS = """
    SELECT order_id, placement->>'entry_point' AS entry_point, placement->>'content_id' AS content_id,
           placement->>'group_id' AS group_id
      FROM orders WHERE order_id = ANY($1::uuid[])
"""


async def origins(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, Origin]:
    """Where these orders came from."""
    rows = await tx.fetch(_ORIGINS, list(set(order_ids)))
    return {row["order_id"]: Origin(row["entry_point"], row["content_id"], row["group_id"]) for row in rows}


_ADVANCE = """
    INSERT INTO commission_streams (party, events)
    SELECT * FROM unnest($1::text[], $2::int[]) AS n (party, count) ORDER BY party
    ON CONFLICT (party) DO UPDATE SET events = commission_streams.events + excluded.events
    RETURNING party, events, now() AS at
"""


async def advance(tx: Tx, counts: Counter[str]) -> tuple[Mapping[str, int], datetime]:
    """Count what is told of each party; returns the position of the last, and the database's time."""
    rows: Sequence[Row] = await tx.fetch(_ADVANCE, *columns(list(counts.items()), 2))
    return {row["party"]: row["events"] for row in rows}, rows[0]["at"]


_BALANCES = """
    SELECT party, currency, account, amount FROM balances
     WHERE party = ANY($1::text[]) AND account IN ('payable:held', 'payable:available', 'payable:in_payout')
"""


async def balances(tx: Tx, parties: Collection[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """What these parties are owed, by party and currency: held, available, in_payout."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in await tx.fetch(_BALANCES, list(parties)):
        mine = found.setdefault((row["party"], row["currency"]), {})
        mine[row["account"].partition(":")[2]] = row["amount"]
    return found

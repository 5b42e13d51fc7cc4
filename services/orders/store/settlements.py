"""Providers' settlements as they came, and what of a payment was settled."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.orders.domain.payments import Payment, Settling
from services.orders.store.lifecycle import Turned
from shared.contracts.values import OrderId, PaymentId, SupplierId
from shared.kernel.database import Tx, columns


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a provider pays over at once; `body` as it was sent, `currencies` those that it names."""

    psp: str
    settlement_id: str
    bank_ref: str
    rows: Sequence[tuple[PaymentId, int, int]]  # payment, gross, fee in minor units
    body: dict[str, Any]
    currencies: frozenset[str] = frozenset()


_KNOWN = "SELECT body FROM settlements WHERE psp = $1 AND settlement_id = $2"


async def known(tx: Tx, settlement: Settlement) -> dict[str, Any] | None:
    """What was sent under this id before."""
    body: dict[str, Any] | None = await tx.fetchval(_KNOWN, settlement.psp, settlement.settlement_id)
    return body


_KEEP = """
    INSERT INTO settlements (psp, settlement_id, bank_ref, currency, body) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT DO NOTHING RETURNING true
"""


async def keep(tx: Tx, settlement: Settlement, currency: str) -> bool:
    """Store it as it came; False when another has just stored the same."""
    told = (settlement.psp, settlement.settlement_id, settlement.bank_ref, currency, settlement.body)
    return await tx.fetchval(_KEEP, *told) is not None


_PAYMENTS = """
    SELECT payment_id, order_id, state, due, currency, captured FROM payments WHERE payment_id = ANY($1::uuid[])
"""


async def payments(tx: Tx, payment_ids: Collection[PaymentId]) -> dict[PaymentId, Payment]:
    """These payments as they are."""
    rows = await tx.fetch(_PAYMENTS, list(payment_ids))
    return {row["payment_id"]: Payment(**row) for row in rows}


_SETTLING = """
    SELECT e.order_id, coalesce(sum(e.debit) FILTER (WHERE j.kind = 'payment_captured'), 0)::bigint AS captured,
           coalesce(sum(e.credit) FILTER (WHERE j.kind = 'refund_paid'), 0)::bigint AS refunded,
           coalesce(sum(e.credit) FILTER (WHERE j.kind = 'payment_settled'), 0)::bigint AS settled,
           coalesce(sum(e.debit) FILTER (WHERE j.kind = 'payment_settled'), 0)::bigint AS kept
      FROM entries e JOIN journals j USING (journal_id)
     WHERE j.order_id = ANY($1::uuid[]) AND e.account = 'psp_clearing'
       AND EXISTS (SELECT FROM payments p WHERE p.order_id = j.order_id AND p.currency = j.currency)
     GROUP BY e.order_id
"""


async def settling(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, Settling]:
    """What lies with the provider for these orders, by the books; what came in another currency only goes back."""
    rows = await tx.fetch(_SETTLING, list(order_ids))
    return {row["order_id"]: Settling(row["captured"], row["refunded"], row["settled"], row["kept"]) for row in rows}


_SETTLE = """
    UPDATE payments p SET settled = p.settled OR n.settled, version = version + 1, events = events + 1
      FROM unnest($1::uuid[], $2::bool[]) AS n (payment_id, settled) WHERE p.payment_id = n.payment_id
    RETURNING p.payment_id, p.events, now() AS at
"""


async def settle(tx: Tx, settled: Mapping[PaymentId, bool]) -> dict[PaymentId, Turned]:
    """Note which of these are settled whole; returns the events to tell, one a payment."""
    rows = await tx.fetch(_SETTLE, *columns(list(settled.items()), 2))
    return {row["payment_id"]: Turned(row["events"], row["at"]) for row in rows}


_PARTS = """
    SELECT order_id, supplier_id, sum(amount)::bigint AS amount FROM lines WHERE order_id = ANY($1::uuid[])
     GROUP BY order_id, supplier_id ORDER BY order_id, supplier_id
"""


async def suppliers(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, list[tuple[SupplierId, int]]]:
    """What of each order's sum is for which supplier's goods."""
    found: dict[OrderId, list[tuple[SupplierId, int]]] = {}
    for row in await tx.fetch(_PARTS, list(order_ids)):
        found.setdefault(row["order_id"], []).append((row["supplier_id"], row["amount"]))
    return found

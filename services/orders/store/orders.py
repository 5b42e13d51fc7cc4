"""Orders as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.values import OrderId
from shared.kernel.database import Row, Tx

_ORDER = """
    SELECT o.order_id, o.order_no, o.buyer_ref, o.storefront_id, o.creator_id, o.state, o.cancellation, o.payment_mode,
           o.currency, o.payable, o.placement, o.cod_risk, o.placed_at, o.confirmed_at, o.expires_at, o.ended_at,
           p.payment_id, p.state AS payment_state, p.due, p.captured
      FROM orders o LEFT JOIN payments p ON p.payment_id = o.payment_id
     WHERE o.order_id = $1
"""


async def find_order(tx: Tx, order_id: OrderId) -> Row | None:
    """An order with its payment, if it has one."""
    return await tx.fetchrow(_ORDER, order_id)


_LINES = """
    SELECT line_id, supplier_order_id, supplier_id, state, kind, variant_id, slot_id, listing_id, qty, amount,
           split
      FROM lines WHERE order_id = $1 ORDER BY ordinal, line_id
"""


async def lines_of(tx: Tx, order_id: OrderId) -> Sequence[Row]:
    """Its lines as they are now."""
    return await tx.fetch(_LINES, order_id)


_SUPPLIER_ORDERS = """
    SELECT supplier_order_id, supplier_id, state, cancellation, shipment_id, cod_amount, cod_collected
      FROM supplier_orders WHERE order_id = $1 ORDER BY supplier_order_id
"""


async def supplier_orders_of(tx: Tx, order_id: OrderId) -> Sequence[Row]:
    """Its parts by supplier, with the cash that is due and collected for each."""
    return await tx.fetch(_SUPPLIER_ORDERS, order_id)


# The order's own row says how it began: a row more for each would be a tenth of what placing an order writes.
_TIMELINE = """
    SELECT at, what, detail FROM (
        SELECT placed_at AS at, 'OrderPlaced' AS what, '{}'::jsonb AS detail, -1 AS id FROM orders WHERE order_id = $1
        UNION ALL SELECT confirmed_at, 'OrderConfirmed', '{}', 0 FROM orders
                   WHERE order_id = $1 AND confirmed_at = placed_at
        UNION ALL SELECT at, what, detail, id FROM order_timeline WHERE order_id = $1) AS told
     ORDER BY id
"""


async def timeline_of(tx: Tx, order_id: OrderId) -> Sequence[Row]:
    """What happened to it, oldest first."""
    return await tx.fetch(_TIMELINE, order_id)


_BUYERS = """
    SELECT order_id, order_no, storefront_id, state, cancellation, payment_mode, currency, payable, placed_at
      FROM orders WHERE buyer_ref = $1 AND ($2::uuid IS NULL OR order_id < $2) ORDER BY order_id DESC LIMIT $3
"""


async def list_buyers_orders(tx: Tx, buyer_ref: str, before: str | None, limit: int) -> Sequence[Row]:
    """A buyer's orders, newest first."""
    return await tx.fetch(_BUYERS, buyer_ref, before, limit)

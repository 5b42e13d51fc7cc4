"""Which row counts which stream: the `events` column beside an aggregate is the position of its last event."""

from __future__ import annotations

from wanpu.reconcile.kept import Kept
from wanpu.reconcile.told import Stream

# By topic: the owner, and how far each of its streams has come by the rows. A test sees that no topic is missing.
STREAMS = {
    "catalog.suppliers": ("catalog", "SELECT supplier_id::text AS key, events FROM catalog.suppliers"),
    "catalog.products": ("catalog", "SELECT product_id::text AS key, events FROM catalog.products"),
    "catalog.offers": ("catalog", "SELECT offer_id::text AS key, events FROM catalog.offers"),
    "catalog.stock": ("catalog", "SELECT variant_id::text AS key, events FROM catalog.variants"),
    "catalog.slots": ("catalog", "SELECT slot_id::text AS key, events FROM catalog.slots"),
    "storefront.creators": ("storefront", "SELECT creator_id::text AS key, events FROM storefront.creators"),
    "storefront.storefronts": ("storefront", "SELECT storefront_id::text AS key, events FROM storefront.storefronts"),
    "storefront.adoptions": ("storefront", "SELECT adoption_id::text AS key, events FROM storefront.adoptions"),
    "storefront.content": ("storefront", "SELECT content_id::text AS key, events FROM storefront.contents"),
    "orders.orders": ("orders", "SELECT order_id::text AS key, events FROM orders.orders"),
    "orders.personal": ("orders", "SELECT order_id::text AS key, personal_events AS events FROM orders.orders"),
    "orders.payments": ("orders", "SELECT payment_id::text AS key, events FROM orders.payments"),
    "orders.availability": (
        "orders",
        "SELECT variant_id::text AS key, events FROM orders.stock WHERE stock_id = variant_id",
    ),
    "orders.ledger": (
        "orders",
        "SELECT order_id::text AS key, ledger_events AS events FROM orders.orders"
        " UNION ALL SELECT stream_id, events FROM orders.ledger_streams",
    ),
    "orders.refunds": ("orders", "SELECT refund_id::text AS key, events FROM orders.refunds"),
    "orders.payouts": ("orders", "SELECT payout_id::text AS key, events FROM orders.payouts"),
    "orders.commissions": ("orders", "SELECT party AS key, events FROM orders.commission_streams"),
    "logistics.shipments": ("logistics", "SELECT shipment_id::text AS key, events FROM logistics.shipments"),
    "logistics.cod": ("logistics", "SELECT shipment_id::text AS key, events FROM logistics.cod_cash"),
    "logistics.statements": ("logistics", "SELECT statement_id::text AS key, events FROM logistics.statements"),
    "logistics.discrepancies": (
        "logistics",
        "SELECT discrepancy_id::text AS key, events FROM logistics.discrepancies",
    ),
}
_UNSENT = """
    SELECT topic, key, count(*) AS events
      FROM (SELECT topic, key FROM {service}.outbox UNION ALL SELECT topic, key FROM {service}.outbox_dead) o
     GROUP BY topic, key
"""


async def committed(kept: Kept) -> dict[Stream, int]:
    """The position of the last committed event of each stream that has one."""
    found = {}
    for topic, (owner, query) in STREAMS.items():
        rows = await kept.rows(query, of=[owner])
        found.update({(topic, row["key"]): row["events"] for row in rows if row["events"] > 0})
    return found


async def unsent(kept: Kept) -> dict[Stream, int]:
    """How many events of each stream lie in an outbox."""
    return {(row["topic"], row["key"]): row["events"] for row in await kept.each(_UNSENT)}

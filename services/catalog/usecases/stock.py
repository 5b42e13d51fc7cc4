"""Stock comes in, or leaves otherwise than by a sale."""

from __future__ import annotations

from collections.abc import Sequence

from services.catalog import store
from services.catalog.domain import Actor, Offered, StockLine, check_stocked, not_found
from services.catalog.usecases.suppliers import acting_for
from shared.contracts.catalog import StockAdjusted
from shared.contracts.event import Cause
from shared.contracts.values import DeliveryId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.ids import new_id


async def deliver_stock(tx: Tx, actor: Actor, lines: Sequence[StockLine], because: Cause) -> DeliveryId:
    """Record a delivery, all its lines or none, and tell of each.

    Raises:
        Rejected: `not_found`, `loadtest_only`, `service_without_stock`.
    """
    variants = await find_variants(tx, actor, [line.variant_id for line in lines])
    check_stocked(variants.values())
    delivery_id, adjusted_at = DeliveryId(new_id()), await store.offers.clock(tx)
    positions = await store.stock.insert(tx, delivery_id, adjusted_at, lines)
    events = [
        StockAdjusted(
            delivery_id=delivery_id,
            variant_id=line.variant_id,
            supplier_id=variants[line.variant_id].supplier_id,
            delta=line.delta,
            reason=line.reason,
            adjusted_at=adjusted_at,
        ).at(position, because)
        for line, position in zip(lines, positions, strict=True)
    ]
    await outbox.append(tx, events)
    return delivery_id


async def find_variants(tx: Tx, actor: Actor, variant_ids: Sequence[str]) -> dict[str, Offered]:
    """These variants by id, all of them the actor's, else `not_found` or `loadtest_only`."""
    found = await store.products.select_offered(tx, variant_ids)
    variants: dict[str, Offered] = {variant.variant_id: variant for variant in found}
    if len(variants) < len(set(variant_ids)):
        raise not_found()
    for supplier_id in sorted({variant.supplier_id for variant in variants.values()}):
        await acting_for(tx, actor, supplier_id)
    return variants

"""What suppliers see and ask of their part of orders."""

from __future__ import annotations

from services.orders.domain.lifecycle import Asker, SupplierOrder
from services.orders.store import lifecycle as store
from services.orders.store import supplier_orders as parts_store
from services.orders.store.supplier_orders import Listed
from services.orders.usecases.cancellation import Cancel, call_off, cancel_parts
from services.orders.usecases.lifecycle import Standing
from shared.contracts.event import Cause
from shared.contracts.values import SupplierId, SupplierOrderId
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected


async def cancel_supplier_order(tx: Tx, supplier_order_id: SupplierOrderId, ask: Cancel, because: Cause) -> Standing:
    """Ask for one supplier's part of a confirmed order to be undone; before, the order is all or nothing.

    Raises:
        Rejected: `not_found`, `handed_over`, `illegal_transition`.
    """
    part = await _own_part(tx, supplier_order_id, ask.asker)
    order = (await store.lock(tx, [part.order_id]))[part.order_id]
    part = (await parts_store.read(tx, [supplier_order_id]))[supplier_order_id]
    if part.state == "CANCELLED":
        return Standing(order.order_id, order.state, part.cancellation)
    if order.state == "CONFIRMED":
        return await cancel_parts(tx, order, [part], ask, because)
    return await call_off(tx, order, ask, because)


async def list_supplier_orders(
    tx: Tx, supplier_id: SupplierId | None, state: str | None, after: str | None, limit: int
) -> list[Listed]:
    """Newest first; see `store.supplier_orders.page`."""
    return await parts_store.page(tx, supplier_id, state, after, limit)


async def _own_part(tx: Tx, supplier_order_id: SupplierOrderId, asker: Asker) -> SupplierOrder:
    part = (await parts_store.read(tx, [supplier_order_id])).get(supplier_order_id)
    if part is None or (asker.role != "operator" and part.supplier_id != asker.party):
        raise Rejected("not_found", "There is no such supplier order.")
    return part

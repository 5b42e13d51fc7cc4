"""Supplier orders one by one: what a supplier sees, asks, and what a parcel tells of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.orders.domain.lifecycle import SupplierOrder
from shared.contracts.values import OrderId, OrderState, PaymentMode, ShipmentId, SupplierId, SupplierOrderId
from shared.kernel.database import Tx, columns
from shared.kernel.ids import is_uuid

_COLUMNS = "supplier_order_id, order_id, supplier_id, state, cancellation, shipment_id, cod_amount, cod_collected"

_READ = f"SELECT {_COLUMNS} FROM supplier_orders WHERE supplier_order_id = ANY($1::uuid[])"  # noqa: S608


async def read(tx: Tx, supplier_order_ids: Collection[SupplierOrderId]) -> dict[SupplierOrderId, SupplierOrder]:
    """As they are; only the lock on their orders keeps them so."""
    rows = await tx.fetch(_READ, list(supplier_order_ids))
    return {row["supplier_order_id"]: SupplierOrder(**row) for row in rows}


_OF_ORDER = f"SELECT {_COLUMNS} FROM supplier_orders WHERE order_id = $1 ORDER BY supplier_order_id"  # noqa: S608


async def of_order(tx: Tx, order_id: OrderId) -> list[SupplierOrder]:
    """An order's parts."""
    return [SupplierOrder(**row) for row in await tx.fetch(_OF_ORDER, order_id)]


_ASK = """
    UPDATE supplier_orders s SET cancellation = 'REQUESTED'
     WHERE supplier_order_id = ANY($1::uuid[]) AND state = 'CONFIRMED' AND cancellation IS NULL
       AND EXISTS (SELECT FROM lines l WHERE l.supplier_order_id = s.supplier_order_id AND l.kind = 'good')
    RETURNING supplier_order_id
"""


async def request_cancellation(tx: Tx, supplier_order_ids: Collection[SupplierOrderId]) -> list[SupplierOrderId]:
    """Mark those with a parcel that is not handed over and not asked for yet; returns which those were."""
    return sorted(row["supplier_order_id"] for row in await tx.fetch(_ASK, list(supplier_order_ids)))


_CALL_SERVICES_OFF = """
    UPDATE supplier_orders p SET state = 'CANCELLED', cancellation = 'DONE'
     WHERE supplier_order_id = ANY($1::uuid[]) AND state = 'CONFIRMED'
       AND NOT EXISTS (SELECT FROM lines l LEFT JOIN stock s ON s.stock_id = l.slot_id
                        WHERE l.supplier_order_id = p.supplier_order_id
                          AND (l.kind <> 'service' OR NOT $2 AND s.starts_at <= now()))
    RETURNING supplier_order_id
"""


async def call_services_off(
    tx: Tx, supplier_order_ids: Collection[SupplierOrderId], *, even_begun: bool
) -> list[SupplierOrderId]:
    """End those with services alone, none of which has begun unless `even_begun`; returns which those were."""
    rows = await tx.fetch(_CALL_SERVICES_OFF, list(supplier_order_ids), even_begun)
    return [row["supplier_order_id"] for row in rows]


_REFUSE = """
    UPDATE supplier_orders SET cancellation = 'REFUSED'
     WHERE supplier_order_id = ANY($1::uuid[]) AND cancellation = 'REQUESTED'
"""


async def refuse_cancellation(tx: Tx, supplier_order_ids: Collection[SupplierOrderId]) -> None:
    """The parcel was gone already."""
    await tx.execute(_REFUSE, list(supplier_order_ids))


_REMEMBER = """
    UPDATE supplier_orders s SET shipment_id = n.shipment_id
      FROM unnest($1::uuid[], $2::uuid[]) AS n (supplier_order_id, shipment_id)
     WHERE s.supplier_order_id = n.supplier_order_id
"""


async def remember_shipments(tx: Tx, shipments: Mapping[SupplierOrderId, ShipmentId]) -> None:
    """Which parcel carries which supplier order."""
    await tx.execute(_REMEMBER, *columns(list(shipments.items()), 2))


_ADD_CASH = """
    UPDATE supplier_orders s SET cod_collected = coalesce(cod_collected, 0) + n.amount
      FROM unnest($1::uuid[], $2::bigint[]) AS n (supplier_order_id, amount)
     WHERE s.supplier_order_id = n.supplier_order_id
"""


async def add_cash(tx: Tx, amounts: Mapping[SupplierOrderId, int]) -> None:
    """What the courier took, in minor units."""
    if amounts:
        await tx.execute(_ADD_CASH, *columns(list(amounts.items()), 2))


_ADD_DECIDED = """
    UPDATE supplier_orders s SET cod_decided = cod_decided + n.amount
      FROM unnest($1::uuid[], $2::bigint[]) AS n (supplier_order_id, amount)
     WHERE s.supplier_order_id = n.supplier_order_id
"""


async def add_decided(tx: Tx, amounts: Mapping[SupplierOrderId, int]) -> None:
    """What somebody was found to bear of what the courier took too little, in minor units."""
    if amounts:
        await tx.execute(_ADD_DECIDED, *columns(list(amounts.items()), 2))


@dataclass(frozen=True, slots=True)
class Listed:
    """A supplier order as its supplier sees it; `lines` as JSON."""

    part: SupplierOrder
    order_no: str
    order_state: OrderState
    payment_mode: PaymentMode
    currency: str
    placed_at: datetime
    lines: list[dict[str, Any]]


# Newest first: an id is a UUIDv7 and sorts by its time.
_OF_PART = ", ".join(f"s.{name}" for name in _COLUMNS.split(", "))
_LIST = f"""
    SELECT {_OF_PART}, o.order_no, o.state AS order_state, o.payment_mode, o.currency, o.placed_at,
           (SELECT jsonb_agg(jsonb_build_object('line_id', l.line_id, 'kind', l.kind, 'variant_id', l.variant_id,
                                                'slot_id', l.slot_id, 'qty', l.qty, 'amount', l.amount,
                                                'state', l.state) ORDER BY l.ordinal)
              FROM lines l WHERE l.supplier_order_id = s.supplier_order_id) AS lines
      FROM supplier_orders s JOIN orders o USING (order_id)
     WHERE ($1::uuid IS NULL OR s.supplier_id = $1) AND ($2::text IS NULL OR s.state = $2)
       AND ($3::uuid IS NULL OR s.supplier_order_id < $3)
     ORDER BY s.supplier_order_id DESC LIMIT $4
"""  # noqa: S608


async def page(
    tx: Tx, supplier_id: SupplierId | None, state: str | None, after: str | None, limit: int
) -> list[Listed]:
    """Newest supplier orders of a supplier (None: of all) in a state (None: in any) before the id `after`."""
    if supplier_id and not is_uuid(supplier_id):
        return []
    rows = await tx.fetch(_LIST, supplier_id, state, after, limit)
    return [_listed(dict(row)) for row in rows]


def _listed(row: dict[str, Any]) -> Listed:
    part = SupplierOrder(**{name: row.pop(name) for name in _COLUMNS.split(", ")})
    return Listed(part, **row)

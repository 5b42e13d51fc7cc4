"""The cash rows: what is due, and the collection that was counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.logistics import ShipmentCOD
from shared.contracts.values import CashState, Money
from shared.kernel.database import Tx, columns

from ..domain import Cash, Shipment

_INSERT = """
    INSERT INTO cod_cash (shipment_id, due, currency) SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[])
"""


async def insert_due(tx: Tx, shipments: Sequence[Shipment]) -> None:
    """Cash is due for each of these parcels that has a COD amount."""
    rows = [(s.shipment_id, s.cod.amount, s.cod.currency) for s in shipments if s.cod]
    if rows:
        await tx.execute(_INSERT, *columns(rows, 3))


_LOCK = "SELECT state, due, currency FROM cod_cash WHERE shipment_id = $1 FOR UPDATE"


async def lock_cash(tx: Tx, shipment_id: str) -> Cash | None:
    """A parcel's cash, locked; None when it was prepaid."""
    row = await tx.fetchrow(_LOCK, shipment_id)
    return Cash(row["state"], Money(amount=row["due"], currency=row["currency"])) if row else None


_COLLECT = """
    UPDATE cod_cash SET state = 'COLLECTED', collection_id = $2, collected = $3, method = $4, collected_at = $5,
                        remit_by = $6, version = version + 1, events = events + 1
     WHERE shipment_id = $1 AND collection_id IS NULL
    RETURNING events
"""


async def collect(tx: Tx, taken: ShipmentCOD, remit_by: datetime) -> int:
    """Write the one collection that counts, and until when a statement must name it; returns its position on
    logistics.cod."""
    told = (taken.collection_id, taken.collected.amount, taken.method, taken.collected_at)
    position = await tx.fetchval(_COLLECT, taken.shipment_id, *told, remit_by)
    assert isinstance(position, int), "its row is locked, and its state was looked at"
    return position


_WITHDRAW = """
    UPDATE cod_cash SET state = $2, version = version + 1
     WHERE shipment_id = ANY ($1::uuid[]) AND state IN ('DUE', 'OVERDUE')
"""


async def withdraw(tx: Tx, shipment_ids: Sequence[str], state: CashState) -> None:
    """Nothing is due any more: the parcel was called off (REVERSED) or not accepted (REFUSED)."""
    await tx.execute(_WITHDRAW, shipment_ids, state)


_OVERDUE = """
    UPDATE cod_cash c SET state = 'OVERDUE', version = c.version + 1
      FROM shipments s
     WHERE c.shipment_id = ANY ($1::uuid[]) AND c.state = 'DUE'
       AND s.shipment_id = c.shipment_id AND s.state = 'DELIVERED'
    RETURNING c.shipment_id, s.carrier, s.waybill, c.due AS amount, c.currency
"""


@dataclass(frozen=True, slots=True)
class Missed:
    """A parcel with only one half of what should come together; `amount` is due or was collected."""

    shipment_id: str
    carrier: str
    waybill: str
    amount: int
    currency: str


async def mark_overdue(tx: Tx, shipment_ids: Sequence[str]) -> list[Missed]:
    """Those delivered with nothing collected."""
    return [Missed(**row) for row in await tx.fetch(_OVERDUE, shipment_ids)]


_UNDELIVERED = """
    SELECT c.shipment_id, s.carrier, s.waybill, c.collected AS amount, c.currency
      FROM cod_cash c JOIN shipments s USING (shipment_id)
     WHERE c.shipment_id = ANY ($1::uuid[]) AND c.collection_id IS NOT NULL AND s.state <> 'DELIVERED'
"""


async def select_undelivered(tx: Tx, shipment_ids: Sequence[str]) -> list[Missed]:
    """Those whose cash was collected, though they were not delivered."""
    return [Missed(**row) for row in await tx.fetch(_UNDELIVERED, shipment_ids)]

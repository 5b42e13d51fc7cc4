"""Suppliers: written once, read by everything else that checks who acts."""

from __future__ import annotations

from services.catalog.domain import Supplier
from shared.contracts.values import SupplierId
from shared.kernel.database import Tx

_INSERT = """
    INSERT INTO suppliers (supplier_id, name, kinds, regions, cod_allowed, loadtest) VALUES ($1, $2, $3, $4, $5, $6)
    RETURNING events
"""
_SELECT = """
    SELECT supplier_id, version, name, kinds, regions, cod_allowed, loadtest FROM suppliers WHERE supplier_id = $1
"""


async def insert(tx: Tx, supplier: Supplier) -> int:
    """Write a new supplier and return its position, which is 1."""
    events: int = await tx.fetchval(
        _INSERT,
        supplier.supplier_id,
        supplier.name,
        supplier.kinds,
        supplier.regions,
        supplier.cod_allowed,
        supplier.loadtest,
    )
    return events


async def select(tx: Tx, supplier_id: str) -> Supplier | None:
    """The supplier, unlocked: nothing that is decided by it changes."""
    row = await tx.fetchrow(_SELECT, supplier_id)
    if row is None:
        return None
    return Supplier(
        supplier_id=SupplierId(row["supplier_id"]),
        name=row["name"],
        kinds=tuple(row["kinds"]),
        regions=tuple(row["regions"]),
        cod_allowed=row["cod_allowed"],
        loadtest=row["loadtest"],
        version=row["version"],
    )

"""Suppliers join; every other verb asks here whether its actor may act for one."""

from __future__ import annotations

from services.catalog import store
from services.catalog.domain import Actor, Supplier, not_found
from shared.contracts.catalog import SupplierOnboarded
from shared.contracts.event import Cause
from shared.kernel import outbox
from shared.kernel.database import Tx


async def onboard_supplier(tx: Tx, actor: Actor, supplier: Supplier, because: Cause) -> Supplier:
    """Admit a supplier to the platform. Raises `loadtest_only` when a load test makes one for real buyers."""
    actor.check_acts_for(supplier)
    position = await store.suppliers.insert(tx, supplier)
    await outbox.append(tx, [_onboarded(supplier).at(position, because)])
    return supplier


async def see_supplier(tx: Tx, actor: Actor, supplier_id: str) -> Supplier:
    """A supplier as it is, for itself or an operator."""
    supplier = await store.suppliers.select(tx, supplier_id)
    if supplier is None:
        raise not_found()
    actor.check_owns(supplier.supplier_id)
    return supplier


async def acting_for(tx: Tx, actor: Actor, supplier_id: str) -> Supplier:
    """The supplier that the actor acts for.

    Raises:
        Rejected: `not_found`, `loadtest_only`.
    """
    supplier = await see_supplier(tx, actor, supplier_id)
    actor.check_acts_for(supplier)
    return supplier


def _onboarded(supplier: Supplier) -> SupplierOnboarded:
    return SupplierOnboarded(
        supplier_id=supplier.supplier_id,
        version=supplier.version,
        name=supplier.name,
        kinds=supplier.kinds,
        regions=supplier.regions,
        cod_allowed=supplier.cod_allowed,
        loadtest=supplier.loadtest,
    )

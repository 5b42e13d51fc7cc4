"""Suppliers of services say when they serve."""

from __future__ import annotations

from dataclasses import asdict

from services.catalog import store
from services.catalog.domain import Actor, NewSlot, Slot, not_found, opened
from services.catalog.usecases.stock import find_variants
from shared.contracts.catalog import SlotOpened
from shared.contracts.event import Cause
from shared.kernel import outbox
from shared.kernel.database import Tx


async def open_slot(tx: Tx, actor: Actor, wanted: NewSlot, because: Cause) -> Slot:
    """Open a time window of a service, and tell of it.

    Raises:
        Rejected: `not_found`, `loadtest_only`, `good_without_slots`, `product_withdrawn`, `slot_invalid`.
    """
    (variant,) = (await find_variants(tx, actor, [wanted.variant_id])).values()
    slot = opened(wanted, variant, await store.offers.clock(tx))
    position = await store.slots.insert(tx, slot)
    await outbox.append(tx, [SlotOpened(**asdict(slot)).at(position, because)])
    return slot


async def see_slot(tx: Tx, actor: Actor, slot_id: str) -> Slot:
    """A slot as it is, for its supplier or an operator."""
    slot = await store.slots.select(tx, slot_id)
    if slot is None:
        raise not_found()
    actor.check_owns(slot.supplier_id)
    return slot

"""Slots: written once."""

from __future__ import annotations

from dataclasses import astuple

from services.catalog.domain import Slot
from shared.kernel.database import Tx

# As the fields of a Slot stand.
_COLUMNS = "slot_id, variant_id, starts_at, ends_at, capacity, provider, supplier_id, opened_at"
_INSERT = f"""
    INSERT INTO slots ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING events
"""  # noqa: S608 - a constant
_SELECT = f"SELECT {_COLUMNS} FROM slots WHERE slot_id = $1"  # noqa: S608 - a constant


async def insert(tx: Tx, slot: Slot) -> int:
    """Write a new slot and return its position, which is 1."""
    events: int = await tx.fetchval(_INSERT, *astuple(slot))
    return events


async def select(tx: Tx, slot_id: str) -> Slot | None:
    """The slot, unlocked: nothing in it changes."""
    row = await tx.fetchrow(_SELECT, slot_id)
    return Slot(**row) if row else None

"""When a service can be had."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from services.catalog.domain.products import Offered, product_withdrawn
from shared.contracts.values import SlotId, SupplierId, VariantId
from shared.kernel.errors import Rejected


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A time window of a variant as its supplier wants it; `capacity`: how many can be served in it."""

    slot_id: SlotId
    variant_id: VariantId
    starts_at: datetime
    ends_at: datetime
    capacity: int
    provider: str


@dataclass(frozen=True, slots=True)
class Slot(NewSlot):
    """A window that is open."""

    supplier_id: SupplierId
    opened_at: datetime


def opened(slot: NewSlot, variant: Offered, now: datetime) -> Slot:
    """The window, open. Raises `good_without_slots`, `product_withdrawn`, `slot_invalid`."""
    if variant.kind != "service":
        raise Rejected("good_without_slots", "A good has stock instead of slots.", variant_ids=[slot.variant_id])
    if variant.product_state == "withdrawn":
        raise product_withdrawn([slot.variant_id])
    if not now < slot.starts_at < slot.ends_at:
        raise Rejected("slot_invalid", "A slot starts in the future, and ends after that.")
    return Slot(**asdict(slot), supplier_id=variant.supplier_id, opened_at=now)

"""What can still be had."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ..event import Event, Topic
from ..values import Availability, SupplierId, VariantId
from .topics import AVAILABILITY


class AvailabilityState(Event):
    """Whether a variant can be had, carried by every event about it."""

    topic: ClassVar[Topic] = AVAILABILITY

    variant_id: VariantId
    supplier_id: SupplierId
    available: Availability
    missing: int = Field(default=0, ge=0, description="Pieces promised to buyers that the stock no longer covers.")


class AvailabilityChanged(AvailabilityState):
    """A variant became available, scarce or sold out: at most one a second, and not at each turn round a threshold."""

    type: ClassVar[str] = "wanpu.orders.AvailabilityChanged.v1"


class StockShort(AvailabilityState):
    """The supplier's stock fell below what was promised: refill `missing` pieces, or cancel their orders."""

    type: ClassVar[str] = "wanpu.orders.StockShort.v1"

"""Personal data, on a topic of its own that few may read and that forgets."""

from __future__ import annotations

from typing import ClassVar

from pydantic import AwareDatetime

from ..event import Event, Topic
from ..values import Money, OrderId, ShipTo
from .topics import PERSONAL


class DeliveryDetailsGiven(Event):
    """A buyer said where the parcels of an order go."""

    topic: ClassVar[Topic] = PERSONAL
    type: ClassVar[str] = "wanpu.orders.DeliveryDetailsGiven.v1"

    order_id: OrderId
    ship_to: ShipTo


class ConfirmationCodeIssued(Event):
    """A buyer is to confirm cash on delivery with this code, which goes to their phone."""

    topic: ClassVar[Topic] = PERSONAL
    type: ClassVar[str] = "wanpu.orders.ConfirmationCodeIssued.v1"

    order_id: OrderId
    order_no: str
    buyer_ref: str
    phone: str
    code: str
    payable: Money
    expires_at: AwareDatetime

"""What logistics does: one function a verb, in the caller's transaction."""

from .calling_off import call_off
from .collecting import chase_cash, chase_delivery
from .details import forget_details, learn_details
from .handing_over import HandOver, hand_over
from .planning import plan_shipments
from .reading import Label, Viewer, is_uuid, label, list_shipments, shipment
from .reporting import take_report
from .telling import SENT

__all__ = [
    "SENT",
    "HandOver",
    "Label",
    "Viewer",
    "call_off",
    "chase_cash",
    "chase_delivery",
    "forget_details",
    "hand_over",
    "is_uuid",
    "label",
    "learn_details",
    "list_shipments",
    "plan_shipments",
    "shipment",
    "take_report",
]

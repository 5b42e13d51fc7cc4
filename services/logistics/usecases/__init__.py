"""What logistics does: one function a verb, in the caller's transaction."""

from .banking import Credited, Told, chase_credits, follow_bank, reverse_credit, take_credit
from .calling_off import call_off
from .chasing import chase_remittances
from .collecting import chase_cash, chase_delivery
from .deciding import Decide, decide, rematch_rows
from .details import forget_details, learn_details
from .handing_over import HandOver, hand_over
from .jobs import Job, job, list_discrepancies
from .matching import match_statements
from .planning import plan_shipments
from .reading import Label, Viewer, label, list_shipments, shipment
from .receiving import Upload, receive_statement
from .reporting import take_report

__all__ = [
    "Credited",
    "Decide",
    "HandOver",
    "Job",
    "Label",
    "Told",
    "Upload",
    "Viewer",
    "call_off",
    "chase_cash",
    "chase_credits",
    "chase_delivery",
    "chase_remittances",
    "decide",
    "follow_bank",
    "forget_details",
    "hand_over",
    "job",
    "label",
    "learn_details",
    "list_discrepancies",
    "list_shipments",
    "match_statements",
    "plan_shipments",
    "receive_statement",
    "rematch_rows",
    "reverse_credit",
    "shipment",
    "take_credit",
    "take_report",
]

"""The cash for a parcel, from the door to the bank, and what of it does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from services.orders.domain.ledger import Entry, Journal, Occasion, credit, debit
from services.orders.domain.split import PLATFORM
from shared.contracts.values import Bearer, ShipmentId

Fees = Literal["carrier_fees", "psp_fees"]


@dataclass(frozen=True, slots=True)
class Cash:
    """The cash for one parcel, and who carried it."""

    shipment_id: ShipmentId
    carrier: str


@dataclass(frozen=True, slots=True)
class Payer:
    """Who bears a cost: a party of the order, or the carrier; the platform bears what is nobody's."""

    bearer: Bearer
    party: str


def cod_collected(on: Occasion, cash: Cash, amount: int) -> Journal | None:
    """The buyer's money lies with the carrier."""
    return on.book(
        "cod_collected",
        cash.shipment_id,
        debit("carrier_cash", amount, cash.carrier, shipment_id=cash.shipment_id),
        credit("buyer_deposits", amount, shipment_id=cash.shipment_id),
    )


def cod_remitted(on: Occasion, row_id: str, cash: Cash, gross: int, fee: int) -> Journal | None:
    """The carrier's statement names the cash: it is on its way, less the fee."""
    shipment = cash.shipment_id
    return on.book(
        "cod_remitted",
        row_id,
        debit("cash_in_transit", gross - fee, cash.carrier, shipment_id=shipment),
        debit("carrier_fees", fee, shipment_id=shipment),
        credit("carrier_cash", gross, cash.carrier, shipment_id=shipment),
    )


def fee_passed_on(on: Occasion, subject: str, fees: Fees, shares: Sequence[tuple[Payer, int]]) -> Journal | None:
    """Who bears a fee pays it out of what is theirs; the platform's part stays a cost."""
    charged = [(payer, amount) for payer, amount in shares if payer.bearer not in (PLATFORM, "carrier")]
    total = sum(amount for _, amount in charged)
    return on.book(
        "fee_passed_on",
        subject,
        *(debit("payable:available", amount, payer.party) for payer, amount in charged),
        credit(fees, total),
    )


def cod_banked(on: Occasion, row_id: str, cash: Cash, net: int) -> Journal | None:
    """The bank has it."""
    return on.book("cod_banked", row_id, *_banked(cash, net))


def banking_reversed(on: Occasion, row_id: str, cash: Cash, net: int) -> Journal | None:
    """The bank took it back: it is on its way again."""
    return on.book("banking_reversed", row_id, *_banked(cash, -net))


def _banked(cash: Cash, net: int) -> tuple[Entry | None, ...]:
    transit = credit("cash_in_transit", net, cash.carrier, shipment_id=cash.shipment_id)
    return debit("bank", net, PLATFORM, shipment_id=cash.shipment_id), transit


def shortage_borne(on: Occasion, subject: str, cash: Cash, payer: Payer, amount: int) -> Journal | None:
    """The courier took too little at the door: the bearer makes it good to the order."""
    bearing = _bearing(cash, payer, amount)
    return on.book("shortage_borne", subject, bearing, credit("buyer_deposits", amount, shipment_id=cash.shipment_id))


def remittance_borne(on: Occasion, subject: str, cash: Cash, payer: Payer, amount: int) -> Journal | None:
    """The carrier remitted less than it took: unless it still owes the rest, somebody else bears it."""
    if payer.bearer == "carrier":
        return None
    owed = credit("carrier_cash", amount, cash.carrier, shipment_id=cash.shipment_id)
    return on.book("shortage_borne", subject, _bearing(cash, payer, amount), owed)


def _bearing(cash: Cash, payer: Payer, amount: int) -> Entry | None:
    match payer.bearer:
        case "carrier":
            return debit("carrier_cash", amount, cash.carrier, shipment_id=cash.shipment_id)
        case "platform":
            return debit("losses", amount, shipment_id=cash.shipment_id)
        case "supplier" | "creator":
            return debit("payable:available", amount, payer.party, shipment_id=cash.shipment_id)


def cash_over(on: Occasion, subject: str, cash: Cash, amount: int) -> Journal | None:
    """The courier took too much at the door: it is the buyer's."""
    shipment = cash.shipment_id
    back = credit("refund_payable", amount, shipment_id=shipment)
    return on.book("cash_over", subject, debit("buyer_deposits", amount, shipment_id=shipment), back)


def remitted_over(on: Occasion, subject: str, cash: Cash, amount: int) -> Journal | None:
    """The statement shows that the courier took more than was reported."""
    taken = debit("carrier_cash", amount, cash.carrier, shipment_id=cash.shipment_id)
    deposit = credit("buyer_deposits", amount, shipment_id=cash.shipment_id)
    return on.book("remitted_over", subject, taken, deposit)


def owed_to_carrier(on: Occasion, subject: str, carrier: str, amount: int, cash: Cash | None = None) -> Journal | None:
    """The carrier gave more than was its to give: out of a parcel's cash, or out of money that names none."""
    where = (
        debit("carrier_cash", amount, carrier, shipment_id=cash.shipment_id)
        if cash
        else debit("bank", amount, PLATFORM)
    )
    return on.book("owed_to_carrier", subject, where, credit("carrier_payable", amount, carrier))


def return_charged(on: Occasion, cash: Cash, payer: Payer, amount: int) -> Journal | None:
    """The carrier asks for the way back; at fault is whom its contract names."""
    shipment = cash.shipment_id
    party = payer.bearer in ("supplier", "creator")
    cost = (
        debit("payable:available", amount, payer.party, shipment_id=shipment)
        if party
        else debit("return_costs", amount, shipment_id=shipment)
    )
    return on.book(
        "return_charged", shipment, cost, credit("carrier_payable", amount, cash.carrier, shipment_id=shipment)
    )


def charge_corrected(on: Occasion, subject: str, cash: Cash, amount: int) -> Journal | None:
    """The carrier asked for more than its contract says, or below zero for less, and the platform accepted."""
    shipment = cash.shipment_id
    cost = debit("return_costs", amount, shipment_id=shipment)
    owed = credit("carrier_payable", amount, cash.carrier, shipment_id=shipment)
    return on.book("return_charged", subject, cost, owed)


def charge_settled(on: Occasion, row_id: str, cash: Cash, amount: int) -> Journal | None:
    """The carrier kept its charge out of what it remitted."""
    shipment = cash.shipment_id
    paid = debit("carrier_payable", amount, cash.carrier, shipment_id=shipment)
    return on.book("charge_settled", row_id, paid, credit("bank", amount, PLATFORM, shipment_id=shipment))

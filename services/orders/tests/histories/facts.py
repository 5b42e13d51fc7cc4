"""What can happen to orders, payments, parcels and their cash. A fact has its own name: told twice it is harmless."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from services.orders.domain import journals, payments, split
from services.orders.domain.commissions import Commission
from services.orders.domain.journals import Payer
from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Line, Order, SupplierOrderState
from services.orders.domain.payments import Payment
from services.orders.domain.split import PLATFORM, Amount, Parties
from services.orders.tests.books import CNY
from services.orders.tests.histories.world import BEFORE, BUYER, CARRIER, LATER, Asked, Bought, Part, Row, Sold, World
from shared.contracts.values import (
    Bearer,
    CreatorId,
    LineId,
    LineState,
    OrderId,
    PaymentId,
    PaymentMode,
    ShipmentId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)

Fact = Callable[..., None]
FACTS: dict[str, Fact] = {}
UNDELIVERED = ("CANCELLED", "RETURNED", "LOST", "RELEASED")


def fact(work: Fact) -> Fact:
    """A fact that is written down when it is told."""
    FACTS[work.__name__] = work
    return work


def tell(world: World, name: str, *args: Any) -> None:
    """Let it happen, and remember that it was told."""
    world.told.append((name, args))
    FACTS[name](world, *args)


# Orders -------------------------------------------------------------------------------------------------------------


@fact
def placed(
    world: World, order_id: str, mode: PaymentMode, creator: str, referrer: str | None, sold: Sequence[Sold]
) -> None:
    """Cash on delivery is confirmed at once, a prepaid order waits for its money."""
    if order_id in world.orders:
        return
    prepaid = mode == "prepaid"
    payment_id = PaymentId(f"payment of {order_id}") if prepaid else None
    order = Order(
        order_id=OrderId(order_id),
        order_no=order_id,
        buyer_ref=BUYER,
        placed_by=BUYER,
        storefront_id=StorefrontId("shop"),
        creator_id=CreatorId(creator),
        state="PLACED" if prepaid else "CONFIRMED",
        cancellation=None,
        payment_mode=mode,
        payment_id=payment_id,
        currency=CNY,
        code_hash=None,
        code_tries=0,
        overdue=False,
        loadtest=False,
        correlation_id=None,
    )
    bought = Bought(order, {}, [], None, list(sold), referrer)
    for number, each in enumerate(sold):
        _add_line(bought, LineId(f"{order_id} line {number}"), each, Parties(each.supplier, creator, referrer))
    if payment_id:
        due = sum(part.due for part in bought.parts)
        bought.payment = Payment(payment_id, order.order_id, "PENDING", due, CNY, 0)
    else:
        _set_parts(bought, "CONFIRMED", "CONFIRMED")
    world.orders[order_id] = bought


def _add_line(bought: Bought, line_id: LineId, sold: Sold, parties: Parties) -> None:
    amount = sold.price * sold.qty
    variant = VariantId(sold.variant)
    shares = split.divide(sold.terms, parties, Amount(amount, CNY), variant_id=variant, qty=sold.qty)
    part = next((part for part in bought.parts if part.supplier == sold.supplier), None)
    if part is None:
        number = f"{bought.order_id} part {len(bought.parts)}"
        part = Part(SupplierOrderId(number), ShipmentId(f"parcel of {number}"), bought.order_id, sold.supplier, [], 0)
        bought.parts.append(part)
    part.line_ids.append(line_id)
    part.due += amount
    supplier = SupplierId(sold.supplier)
    bought.lines[line_id] = Line(
        *(line_id, bought.order.order_id, part.part_id, supplier, "RESERVED", "good", variant, sold.qty, amount),
        *(shares, None),
    )


def _set_parts(bought: Bought, part_state: SupplierOrderState, line_state: LineState) -> None:
    for part in bought.parts:
        _set_part(bought, part, part_state, line_state)


def _set_part(bought: Bought, part: Part, part_state: SupplierOrderState, line_state: LineState) -> None:
    part.state = part_state
    for line_id in part.line_ids:
        bought.lines[line_id] = replace(bought.lines[line_id], state=line_state)


@fact
def expired(world: World, order_id: str) -> None:
    bought = world.orders[order_id]
    if bought.order.state == "PLACED":
        bought.order = replace(bought.order, state="EXPIRED")
        _set_parts(bought, "RELEASED", "RELEASED")


@fact
def completed(world: World, order_id: str) -> None:
    """The after-sale window is over."""
    bought = world.orders[order_id]
    bought.order = replace(bought.order, state="COMPLETED")


# Payments -----------------------------------------------------------------------------------------------------------


@fact
def captured(world: World, cause: str, order_id: str, amount: int, currency: str) -> None:
    bought = world.orders[order_id]
    payment = bought.payment
    assert payment is not None, "only what is prepaid is captured"
    news = world.is_news(cause)
    if not news:
        return  # the provider's report was kept with its outcome
    outcome = payments.judge_capture(payment, bought.order.state, amount, currency)
    on = Occasion(bought.order.order_id, currency, cause)
    world.post(journals.payment_captured(on, payment.payment_id, amount))
    world.should("psp_clearing", -amount, currency=currency)
    if currency == CNY:
        bought.settling = replace(bought.settling, captured=bought.settling.captured + amount)
    if outcome == "applied":
        world.should("buyer_deposits", amount, currency=currency)
        bought.payment = replace(payment, state="CAPTURED", captured=amount)
        bought.order = replace(bought.order, state="CONFIRMED")
        _set_parts(bought, "CONFIRMED", "CONFIRMED")
    else:
        world.post(journals.refund_approved(on, payment.payment_id, amount))
        world.should("refund_payable", amount, currency=currency)
        _owe(world, bought, f"refund of {cause}", None, amount, currency=currency)


def _owe(world: World, bought: Bought, refund_id: str, part: Part | None, amount: int, *, currency: str = CNY) -> None:
    """An automatic refund, one a parcel and cause: what was paid and never reached the buyer."""
    if amount and refund_id not in world.refunds:
        route: Literal["card", "transfer"] = "card" if bought.order.prepaid else "transfer"
        state: Literal["SUBMITTED", "DUE"] = "SUBMITTED" if route == "card" else "DUE"
        world.refunds[refund_id] = Asked(refund_id, bought.order_id, part, amount, currency, route, state)


@fact
def settled(
    world: World, cause: str, order_id: str, gross: int, fee: int, bearer: Literal["supplier", "platform"]
) -> None:
    """The provider pays over what it took; below zero it keeps what it had given back."""
    bought = world.orders[order_id]
    assert bought.payment is not None, "only what is prepaid is settled"
    news = world.is_news(cause)
    if news:
        bought.settling = bought.settling.take(gross, fee)
        world.should("bank", -(gross - fee), PLATFORM)
        world.should("psp_clearing", gross)
        world.should("psp_fees", -fee)
    on, subject = world.occasion(bought, cause), bought.payment.payment_id
    fees = split.apportion(fee, [part.due for part in bought.parts])
    shares = [(Payer(bearer, part.supplier), share) for part, share in zip(bought.parts, fees, strict=True)]
    world.post(
        journals.payment_settled(on, subject, gross, fee), journals.fee_passed_on(on, subject, "psp_fees", shares)
    )
    for payer, share in shares if news else []:
        _bears(world, payer, share, "psp_fees")
    world.release(bought, cause)


def _bears(world: World, payer: Payer, amount: int, cost: Literal["psp_fees", "carrier_fees"]) -> None:
    if payer.bearer in ("supplier", "creator"):
        world.should("payable:available", -amount, payer.party)
        world.should(cost, amount)


# Parcels ------------------------------------------------------------------------------------------------------------


def _find(world: World, part_id: str) -> tuple[Bought, Part]:
    return next((bought, part) for bought, part in world.parts() if part.part_id == part_id)


@fact
def delivered(world: World, cause: str, part_id: str) -> None:
    bought, part = _find(world, part_id)
    if part.state != "CONFIRMED":
        return
    _set_part(bought, part, "DELIVERED", "DELIVERED")
    on = world.occasion(bought, cause)
    for line_id in part.line_ids:
        line = bought.lines[line_id]
        world.post(journals.line_delivered(on, line_id, line.split))
        world.should("buyer_deposits", -line.amount)
        for share in line.split:
            own = share.party_kind == PLATFORM
            world.should("platform_revenue" if own else "payable:held", share.amount.amount, share.party)
        bought.shares[line_id] = [
            Commission(
                *(line_id, share.party_kind, share.party, line.order_id, part.part_id, "EARNED", True),
                *(share.amount.amount, CNY, LATER),
            )
            for share in line.split
            if share.amount.amount
        ]


@fact
def undelivered(
    world: World, cause: str, part_id: str, fate: Literal["CANCELLED", "LOST", "RETURNED"], charge: int, bearer: Bearer
) -> None:
    """Nothing of it reached the buyer; the way back may cost something."""
    bought, part = _find(world, part_id)
    if part.state != "CONFIRMED":
        return
    _set_part(bought, part, fate, "REFUSED" if fate == "RETURNED" else fate)
    on = world.occasion(bought, cause)
    for line_id in part.line_ids if bought.order.prepaid else []:
        amount = bought.lines[line_id].amount
        world.post(journals.refund_approved(on, line_id, amount, line_id))
        world.should("buyer_deposits", -amount)
        world.should("refund_payable", amount)
    _owe(world, bought, f"refund of {cause}", part, part.due if bought.order.prepaid else 0)
    _cash_back(world, bought, part, cause, part.collected or 0)
    if fate == "RETURNED" and charge:
        payer = world.party_of(bought, part, bearer)
        world.post(journals.return_charged(on, part.cash, payer, charge))
        part.charge, part.owed_to_carrier = (charge, bearer), part.owed_to_carrier + charge
        world.should("carrier_payable", charge, CARRIER)
        if bearer in ("supplier", "creator"):
            world.should("payable:available", -charge, payer.party)
        else:
            world.should("return_costs", -charge)


def _cash_back(world: World, bought: Bought, part: Part, cause: str, amount: int) -> None:
    on = world.occasion(bought, cause)
    world.post(journals.refund_approved(on, part.shipment_id, amount))
    world.should("buyer_deposits", -amount)
    world.should("refund_payable", amount)
    _owe(world, bought, f"refund of {cause} cash", part, amount)


@fact
def charge_kept(world: World, cause: str, part_id: str, amount: int) -> None:
    """The carrier kept what it is owed out of what it remits."""
    bought, part = _find(world, part_id)
    world.post(journals.charge_settled(world.occasion(bought, cause), cause, part.cash, amount))
    if world.is_news(cause):
        part.owed_to_carrier -= amount
        part.kept += amount
        world.should("carrier_payable", -amount, CARRIER)
        world.should("bank", amount, PLATFORM)


@fact
def hold_over(world: World, cause: str, order_id: str) -> None:
    """The buyer's time to send things back is over."""
    bought = world.orders[order_id]
    for line_id, shares in bought.shares.items():
        bought.shares[line_id] = [replace(share, hold_until=BEFORE) for share in shares]
    world.release(bought, cause)


# Cash ---------------------------------------------------------------------------------------------------------------


@fact
def collected(world: World, cause: str, part_id: str, amount: int) -> None:
    """The courier took so much at the door."""
    bought, part = _find(world, part_id)
    on = world.occasion(bought, cause)
    fresh = world.post(journals.cod_collected(on, part.cash, amount))
    if world.is_news(cause):
        part.taken += amount
        part.with_carrier += amount
        world.should("carrier_cash", -amount, CARRIER)
        world.should("buyer_deposits", amount)
    if fresh and part.state in UNDELIVERED:
        _cash_back(world, bought, part, cause, amount)
    if fresh:
        part.collected = (part.collected or 0) + amount


@fact
def remitted(world: World, cause: str, part_id: str, gross: int, fee: int, bearer: Bearer) -> None:
    """The carrier's statement names it; the cause is the row."""
    bought, part = _find(world, part_id)
    on, payer = world.occasion(bought, cause), world.party_of(bought, part, bearer)
    world.post(
        journals.cod_remitted(on, cause, part.cash, gross, fee),
        journals.fee_passed_on(on, cause, "carrier_fees", [(payer, fee)]),
    )
    if world.is_news(cause):
        part.rows[cause] = Row(gross, fee)
        part.with_carrier -= gross
        world.should("carrier_cash", gross, CARRIER)
        world.should("cash_in_transit", -(gross - fee), CARRIER)
        world.should("carrier_fees", -fee)
        _bears(world, payer, fee, "carrier_fees")


@fact
def banked(world: World, cause: str, part_id: str, row_id: str) -> None:
    bought, part = _find(world, part_id)
    row = part.rows[row_id]
    world.post(journals.cod_banked(world.occasion(bought, cause), row_id, part.cash, row.gross - row.fee))
    if world.is_news(cause):
        row.banked = True
        world.should("bank", row.fee - row.gross, PLATFORM)
        world.should("cash_in_transit", row.gross - row.fee, CARRIER)
    world.release(bought, cause)


@fact
def unbanked(world: World, cause: str, part_id: str, row_id: str) -> None:
    """The bank took the credit back."""
    bought, part = _find(world, part_id)
    row = part.rows[row_id]
    if not world.is_news(cause):
        return  # the inbox has seen it
    world.post(journals.banking_reversed(world.occasion(bought, cause), row_id, part.cash, row.gross - row.fee))
    row.banked = False
    world.should("bank", row.gross - row.fee, PLATFORM)
    world.should("cash_in_transit", row.fee - row.gross, CARRIER)
    world.hold_again(bought, part, cause)


# Decisions ----------------------------------------------------------------------------------------------------------


@fact
def short_decided(world: World, cause: str, part_id: str, amount: int, bearer: Bearer) -> None:
    """Somebody bears what the courier took too little."""
    bought, part = _find(world, part_id)
    payer = world.party_of(bought, part, bearer)
    fresh = world.post(journals.shortage_borne(world.occasion(bought, cause), cause, part.cash, payer, amount))
    if world.is_news(cause):
        world.should("buyer_deposits", amount)
        _makes_good(world, part, payer, amount)
        part.with_carrier += amount if bearer == "carrier" else 0
    part.decided += amount if fresh else 0
    world.release(bought, cause)


def _makes_good(world: World, part: Part, payer: Payer, amount: int) -> None:
    match payer.bearer:
        case "carrier":
            world.should("carrier_cash", -amount, CARRIER)
        case "platform":
            world.should("losses", -amount)
        case "supplier" | "creator":
            world.should("payable:available", -amount, payer.party)


@fact
def over_decided(world: World, cause: str, part_id: str, amount: int) -> None:
    """The buyer gets back what the courier took too much."""
    bought, part = _find(world, part_id)
    if part.state in UNDELIVERED:
        return
    fresh = world.post(journals.cash_over(world.occasion(bought, cause), cause, part.cash, amount))
    if world.is_news(cause):
        world.should("buyer_deposits", -amount)
        world.should("refund_payable", amount)
    if fresh:
        part.collected = (part.collected or 0) - amount
        _owe(world, bought, f"refund of {cause}", part, amount)
    world.release(bought, cause)


@fact
def remitted_short_decided(world: World, cause: str, part_id: str, amount: int, bearer: Bearer) -> None:
    """Somebody bears what the carrier remitted too little; the carrier itself goes on owing it."""
    bought, part = _find(world, part_id)
    payer = world.party_of(bought, part, bearer)
    world.post(journals.remittance_borne(world.occasion(bought, cause), cause, part.cash, payer, amount))
    if world.is_news(cause) and bearer != "carrier":
        part.with_carrier -= amount
        world.should("carrier_cash", amount, CARRIER)
        _makes_good(world, part, payer, amount)
    world.release(bought, cause)


@fact
def remitted_over_decided(
    world: World, cause: str, part_id: str, amount: int, whose: Literal["buyer", "carrier"]
) -> None:
    """The carrier remitted more than was reported: the buyer had paid it, or it is the carrier's."""
    bought, part = _find(world, part_id)
    on = world.occasion(bought, cause)
    news = world.is_news(cause)
    part.with_carrier += amount if news else 0
    world.should("carrier_cash", -amount if news else 0, CARRIER)
    if whose == "carrier":
        world.post(journals.owed_to_carrier(on, cause, CARRIER, amount, part.cash))
        part.owed_to_carrier += amount if news else 0
        world.should("carrier_payable", amount if news else 0, CARRIER)
    else:
        made = (journals.remitted_over(on, cause, part.cash, amount), journals.cash_over(on, cause, part.cash, amount))
        part.taken += amount if news else 0
        world.should("refund_payable", amount if news else 0)
        if world.post(*made):
            _owe(world, bought, f"refund of {cause}", part, amount)
    world.release(bought, cause)

"""What was decided about cash that does not fit, and what that moves in the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.orders.domain import journals
from services.orders.domain.journals import Cash
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.lifecycle import Order, SupplierOrder
from services.orders.store import supplier_orders as parts_store
from services.orders.usecases import commissions, refunds
from services.orders.usecases.cash import UNDELIVERED
from services.orders.usecases.ledger import Posting, post, postings
from services.orders.usecases.lifecycle import inherited, lock_known, payer_of
from services.orders.usecases.refunds import Back, give_back
from shared.contracts.event import Cause
from shared.contracts.logistics import DiscrepancyResolved
from shared.contracts.values import Money, OrderId, SupplierOrderId
from shared.kernel import outbox
from shared.kernel.database import Tx


@dataclass(frozen=True, slots=True)
class _About:
    """A decision that moves money about a parcel of ours."""

    event: DiscrepancyResolved
    amount: Money
    order: Order
    part: SupplierOrder
    cash: Cash

    @property
    def on(self) -> Occasion:
        return Occasion(self.order.order_id, self.amount.currency, self.event.envelope.id)

    @property
    def at_the_door(self) -> bool:
        """Whether it is about what the courier took, not about what the carrier remitted of it."""
        return self.event.kind == "delivered_without_cash" or (
            self.event.source == "report" and self.event.kind == "short"
        )


async def book_decisions(tx: Tx, events: Sequence[DiscrepancyResolved]) -> None:
    """Book what each decision moves; what waited for it only becomes available."""
    moving = [event for event in events if event.amount and event.amount.amount]
    orders = await lock_known(tx, [event.order_id for event in moving if event.order_id])
    parts = await parts_store.read(tx, [event.supplier_order_id for event in moving if event.supplier_order_id])
    about = [known for event in moving if (known := _known(event, orders, parts))]
    strays = [event for event in moving if _is_stray(event, orders)]
    told = await post(tx, [p for each in about for p in _booked(each)] + [p for event in strays for p in _stray(event)])
    back = await give_back(tx, [_back(each) for each in about if each.event.decision == "refund_buyer"])
    await parts_store.add_decided(tx, _sums([each for each in about if _is_borne_at_the_door(each)], 1))
    await parts_store.add_cash(tx, _sums([each for each in about if _goes_back(each)], -1))
    because = {each.order.order_id: inherited(each.order, each.event.as_cause()) for each in about}
    released = await commissions.release(tx, _of(orders, because), because)
    await refunds.wake(tx, because, because)
    await outbox.append(tx, [*told, *back, *released])


def _known(
    event: DiscrepancyResolved, orders: Mapping[OrderId, Order], parts: Mapping[SupplierOrderId, SupplierOrder]
) -> _About | None:
    """None for what is about no parcel, or one of a load test."""
    if event.order_id is None or event.supplier_order_id is None or event.shipment_id is None or event.amount is None:
        return None
    order, part = orders[event.order_id], parts[event.supplier_order_id]
    if order.loadtest or _is_stray(event, orders):
        return None
    return _About(event, event.amount, order, part, Cash(event.shipment_id, event.carrier or ""))


def _booked(about: _About) -> list[Posting]:
    return postings(about.event.as_cause(), *_journals(about))


def _journals(about: _About) -> list[Journal | None]:
    on, subject, cash, amount = about.on, about.event.discrepancy_id, about.cash, about.amount.amount
    match about.event.decision:
        case "bear":
            bearer = about.event.bearer or "platform"
            payer = payer_of(bearer, about.part.supplier_id, about.order)
            bear = journals.shortage_borne if about.at_the_door else journals.remittance_borne
            return [bear(on, subject, cash, payer, amount)]
        case "refund_buyer":
            return [journals.remitted_over(on, subject, cash, amount) if _unbooked(about) else None]
        case "return_to_carrier":
            return [journals.owed_to_carrier(on, subject, cash.carrier, amount, cash)]
        case "accept":  # of a charge for the way back that differs from the contract's
            return [journals.charge_corrected(on, subject, cash, amount)]
        case "retry" | "dismiss":
            return []


def _back(about: _About) -> Back:
    due = _unbooked(about) or _goes_back(about)
    owed = journals.cash_over(about.on, about.event.discrepancy_id, about.cash, about.amount.amount) if due else None
    because = inherited(about.order, about.event.as_cause())
    return Back(about.order, about.part.supplier_order_id, f"cash_{about.event.kind}", owed, because, in_cash=True)


def _unbooked(about: _About) -> bool:
    """Whether the sum was in no collection that was booked."""
    return about.event.source == "statement" or about.order.prepaid


def _is_borne_at_the_door(about: _About) -> bool:
    return about.event.decision == "bear" and about.at_the_door


def _goes_back(about: _About) -> bool:
    """Whether booked cash goes back to the buyer now; of a parcel that was never delivered it did so by itself."""
    refunds = about.event.decision == "refund_buyer" and about.event.source != "statement" and not about.order.prepaid
    return refunds and about.part.state not in UNDELIVERED


def _is_stray(event: DiscrepancyResolved, orders: Mapping[OrderId, Order]) -> bool:
    """A statement's money that is no parcel's and goes back: only of a parcel's own that is over a part does."""
    if event.source != "statement" or event.decision != "return_to_carrier":
        return False
    order = orders.get(event.order_id) if event.order_id else None
    return event.kind != "over" or order is None or order.prepaid


def _stray(event: DiscrepancyResolved) -> list[Posting]:
    assert event.amount and event.carrier, "a statement's money has an amount and a sender"
    on = Occasion(None, event.amount.currency, event.envelope.id, about=event.statement_id or event.discrepancy_id)
    owed = journals.owed_to_carrier(on, event.discrepancy_id, event.carrier, event.amount.amount)
    return postings(event.as_cause(), owed)


def _sums(about: Sequence[_About], sign: int) -> Counter[SupplierOrderId]:
    sums: Counter[SupplierOrderId] = Counter()
    for each in about:
        sums[each.part.supplier_order_id] += sign * each.amount.amount
    return sums


def _of(orders: Mapping[OrderId, Order], because: Mapping[OrderId, Cause]) -> dict[OrderId, Order]:
    return {order_id: orders[order_id] for order_id in because}

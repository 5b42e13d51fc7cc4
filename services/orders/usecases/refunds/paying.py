"""What is due to buyers on its way to them: by card at once, otherwise once the order's cash lies in the bank."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from services.orders.domain import journals
from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Order
from services.orders.domain.payouts import check_banked
from services.orders.domain.refunds import Refund, covered
from services.orders.domain.split import PLATFORM
from services.orders.store import banks
from services.orders.store import lifecycle as orders_store
from services.orders.store import refunds as store
from services.orders.usecases import commissions
from services.orders.usecases.commissions import Cut
from services.orders.usecases.ledger import post, postings
from services.orders.usecases.lifecycle import COMPLETE_ORDER
from services.orders.usecases.refunds import telling
from shared.contracts.event import Cause
from shared.contracts.values import OrderId, RefundId
from shared.kernel import database, timers
from shared.kernel.database import Tx
from shared.kernel.outbox import Told

PAY_REFUND = "pay_refund"  # timer: look whether the money to pay it is there


@dataclass(frozen=True, slots=True)
class Standing:
    """A refund with its locked order, and what led here."""

    order: Order
    refund: Refund
    because: Cause


async def fall_due(tx: Tx, due: Sequence[Standing]) -> tuple[dict[RefundId, Refund], list[Told]]:
    """Take what is due back from those who have it and send it on; returns the refunds sent, and what to tell."""
    told = [*await _take_back(tx, due), *await free(tx, due)]
    sent, submitted = await send(tx, due)
    return sent, [*told, *submitted]


async def free(tx: Tx, answered: Sequence[Standing]) -> list[Told]:
    """These refunds have their answer: shares of their locked orders that waited for nothing else are available."""
    orders = {each.order.order_id: each.order for each in answered}
    because = {each.order.order_id: each.because for each in answered}
    return await commissions.release(tx, orders, because) if orders else []


async def _take_back(tx: Tx, due: Sequence[Standing]) -> list[Told]:
    if not due:
        return []
    lines = await orders_store.lines(tx, {each.refund.order_id for each in due})
    by_id = {line.line_id: line for mine in lines.values() for line in mine}
    cuts = [
        Cut(
            line=by_id[piece.line_id],
            amount=piece.amount,
            on=Occasion(each.refund.order_id, each.refund.currency, f"refund:{each.refund.refund_id}"),
            subject=piece.line_id,
            because=each.because,
        )
        for each in due
        for piece in each.refund.lines
        if piece.amount
    ]
    return await commissions.take_back(tx, cuts)


async def send(tx: Tx, due: Sequence[Standing]) -> tuple[dict[RefundId, Refund], list[Told]]:
    """Tell the provider of those by card; the others wait, perhaps not a second, for the bank's money."""
    cards = [each for each in due if each.refund.route == "card"]
    others: dict[str, Cause] = {each.refund.refund_id: each.because for each in due if each.refund.route != "card"}
    await timers.schedule_each(tx, PAY_REFUND, others, 0)
    sent = await submit(tx, cards)
    return {each.refund.refund_id: each.refund for each, _ in sent}, [told for _, told in sent]


async def submit(tx: Tx, due: Sequence[Standing]) -> list[tuple[Standing, Told]]:
    """DUE or FAILED → SUBMITTED, with what to tell of each."""
    after = [replace(each, refund=each.refund.to("SUBMITTED").told()) for each in due]
    await store.move(tx, [(was.refund, now.refund) for was, now in zip(due, after, strict=True)])
    at = await database.now(tx)
    told = [telling.submitted(o.order, o.refund, at).at(o.refund.events, o.because) for o in after]
    await telling.note(tx, told)
    return list(zip(after, told, strict=True))


async def pay(tx: Tx, waiting: Sequence[Standing]) -> tuple[set[RefundId], list[Told]]:
    """Pay those of these DUE refunds whose money is there; returns which, and what to tell."""
    banked = await store.banked(tx, [each.refund.refund_id for each in waiting])
    ready = [each for each in waiting if each.refund.refund_id in banked]
    chosen = await _covered(tx, ready)
    transfers = [each for each in chosen if each.refund.route == "transfer"]
    told = [event for _, event in await submit(tx, transfers)]
    for each in chosen:
        told += await _into_wallet(tx, each) if each.refund.route == "wallet" else []
    return {each.refund.refund_id for each in chosen}, told


async def _covered(tx: Tx, ready: Sequence[Standing]) -> list[Standing]:
    currencies = {each.refund.currency for each in ready}
    keys = {(PLATFORM, "bank", currency) for currency in currencies}
    keys |= {(each.order.buyer_ref, "payable:available", each.refund.currency) for each in ready if _wallet(each)}
    await banks.lock(tx, keys)
    free = await banks.free(tx, currencies)
    paid: set[RefundId] = set()
    for currency in currencies:
        mine = [(each.refund.refund_id, each.refund.amount) for each in ready if each.refund.currency == currency]
        paid |= set(covered(mine, free[currency]))
    return [each for each in ready if each.refund.refund_id in paid]


def _wallet(each: Standing) -> bool:
    return each.refund.route == "wallet"


async def _into_wallet(tx: Tx, here: Standing) -> list[Told]:
    """Nobody is asked to pay: the money becomes the buyer's own balance."""
    submitted = here.refund.to("SUBMITTED")
    await store.move(tx, [(here.refund, submitted)])
    wallet = f"wallet:{here.refund.refund_id}"
    on = Occasion(here.refund.order_id, here.refund.currency, wallet)
    to_wallet = journals.refund_to_wallet(on, here.refund.refund_id, here.refund.amount, here.order.buyer_ref)
    posted = await post(tx, postings(here.because, to_wallet))
    return [*posted, *(await refunded(tx, replace(here, refund=submitted), wallet))]


async def refunded(tx: Tx, here: Standing, paid_ref: str) -> list[Told]:
    """SUBMITTED → REFUNDED; the caller has booked it."""
    after = replace(here.refund.to("REFUNDED").told(), paid_ref=paid_ref)
    await store.move(tx, [(here.refund, after)])
    told = telling.paid(here.order, after, await database.now(tx)).at(after.events, here.because)
    await telling.note(tx, [told])
    await end(tx, {here.order.order_id: here.because})
    return [told]


async def failed(tx: Tx, here: Standing, failure: str) -> list[Told]:
    """SUBMITTED or REFUNDED → FAILED: the money is still the buyer's."""
    after = here.refund.to("FAILED").told()
    await store.move(tx, [(here.refund, after)])
    told = telling.failed(here.order, after, await database.now(tx), failure).at(after.events, here.because)
    await telling.note(tx, [told])
    return [told]


async def send_again(tx: Tx, here: Standing) -> tuple[Refund, list[Told]]:
    """FAILED → SUBMITTED. Raises `illegal_transition`; `not_banked` when the bank's money does not cover it."""
    refund = here.refund
    refund.expect("FAILED", "sent again")
    if refund.route == "transfer":
        await banks.lock(tx, [(PLATFORM, "bank", refund.currency)])
        check_banked(refund.amount, (await banks.free(tx, [refund.currency]))[refund.currency])
    ((sent, told),) = await submit(tx, [here])
    return sent.refund, [told]


async def wake(tx: Tx, order_ids: Collection[OrderId], because: Mapping[OrderId, Cause]) -> None:
    """Money of these locked orders has come: look at once at what waits for it."""
    due = await store.due_of(tx, order_ids)
    causes: dict[str, Cause] = {refund_id: because[order_id] for refund_id, order_id in due.items()}
    await timers.schedule_each(tx, PAY_REFUND, causes, 0)


async def end(tx: Tx, ended: Mapping[OrderId, Cause]) -> None:
    """A refund of these locked orders has ended: one that waited for nothing else is completed at once."""
    still_open = await store.open_orders(tx, ended)
    fulfilled = await store.fulfilled(tx, ended.keys() - still_open)
    counting = await timers.pending(tx, COMPLETE_ORDER, fulfilled)
    over: dict[str, Cause] = {one: ended[one] for one in fulfilled if one not in counting}
    await timers.schedule_each(tx, COMPLETE_ORDER, over, 0)

"""Money that leaves: refunds to buyers, the provider's settlement, payouts to suppliers and creators."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Final

from shared.contracts.orders import COMMISSIONS, PAYMENTS, PAYOUTS, REFUNDS
from wanpu.demo import ledgers
from wanpu.demo.cash import LOOK_SECONDS, MONEY_SECONDS, Desk
from wanpu.demo.client import Json, money, until
from wanpu.demo.shopping import COD_ABOVE, PREPAID, Order
from wanpu.demo.topics import Told

ASKS: Final = {"kind": "refund_only", "reason": "it came with a crack"}
PAYERS: Final = {"card": "psp", "transfer": "bank"}  # who pays a refund out, by its route; a wallet's is booked at once
ODD: Final = ("fail", "return")  # what becomes of the first two transfers
PAYOUTS_ENDED: Final = ("PayoutPaid", "PayoutFailed", "PayoutReturned")
MAX_WAIT: Final = timedelta(seconds=MONEY_SECONDS)


@dataclass(frozen=True, slots=True)
class Payout:
    """One that was asked for, and how the bank was told to treat it."""

    payout_id: str
    party: str
    amount: int
    behaviour: str
    approved: bool  # by a second person

    @property
    def end(self) -> str:
        """The event it ends with."""
        return {"fail": "PayoutFailed", "return": "PayoutReturned"}.get(self.behaviour, "PayoutPaid")


async def ask_refunds(desk: Desk) -> int:
    """Two buyers want money back for a piece: one paid by card, one at the door; their suppliers approve."""
    marred = set((await desk.waybills(*desk.slips.values())).values())
    sound = [order for order in desk.orders if order.order_id not in marred]
    chosen = [next(order for order in sound if order.fate is fate) for fate in (PREPAID, COD_ABOVE)]
    await asyncio.gather(*(_ask(desk, order) for order in chosen))
    return len(chosen)


async def _ask(desk: Desk, order: Order) -> None:
    found = await desk.platform.operator.get("orders", f"/orders/{order.order_id}")
    line = next(each for each in found["lines"] if each["kind"] == "good")
    body: Json = {"lines": [{"line_id": line["line_id"], "qty": 1}], **ASKS}
    await order.buyer.post("orders", f"/orders/{order.order_id}/refunds", body)

    def look(events: list[Told]) -> str | None:
        asked = ledgers.of(events, "RefundRequested")
        return next((str(each.body["refund_id"]) for each in asked if each.body["order_id"] == order.order_id), None)

    refund_id = await desk.until_told(f"the refund of {order.order_no} is told", [REFUNDS], look)
    supplier = desk.platform.caller("supplier", line["supplier_id"])
    await supplier.post("orders", f"/refunds/{refund_id}/approve")


async def pay_refunds(desk: Desk) -> Counter[str]:
    """Every refund of our orders, also those nobody asked for, comes to its end; how many by route."""
    asked: set[str] = set()

    async def look() -> Counter[str] | None:
        found = [each.body for each in ledgers.refunds(await desk.told(REFUNDS), desk.order_ids)]
        await _let_pay(desk, found, asked)
        ended = all(each["state"] in ledgers.REFUNDS_ENDED for each in found)
        return Counter(str(each["route"]) for each in found if each["state"] == "REFUNDED") if ended else None

    return await until("every refund is paid out", look, MONEY_SECONDS, LOOK_SECONDS)


async def _let_pay(desk: Desk, found: Sequence[Json], asked: set[str]) -> None:
    """Let the provider or the bank pay what was submitted to them, each refund once."""
    for refund in found:
        payer, refund_id = PAYERS.get(refund["route"]), str(refund["refund_id"])
        if payer and refund["state"] == "SUBMITTED" and refund_id not in asked:
            asked.add(refund_id)
            await desk.control(payer, f"refunds/{refund_id}", {"behaviour": "pay"})


async def settle(desk: Desk) -> None:
    """The payment provider pays over what it took, less what it paid back."""

    async def look() -> bool | None:
        await desk.control("psp", "settle", {})  # again: it may have heard of a refund only now
        return None if ledgers.unsettled(await desk.told(PAYMENTS), desk.order_ids) else True

    await until("every payment is settled", look, MONEY_SECONDS, LOOK_SECONDS)


async def until_available(desk: Desk, but: Collection[str] = ()) -> datetime | None:
    """Wait until all that was earned is available, `but` for these orders.

    Returns None; or, where periods are those of real life, at once the time until which it is held.
    """
    order_ids = desk.order_ids - set(but)

    def look(events: list[Told]) -> tuple[datetime | None] | None:
        waiting = ledgers.waiting(events, order_ids)
        if waiting is None:
            return (None,)
        is_long = waiting.hold_until and waiting.hold_until > datetime.now(UTC) + MAX_WAIT
        return (waiting.hold_until,) if is_long else None

    return (await desk.until_told("all that was earned is available", [COMMISSIONS], look))[0]


async def pay_out(desk: Desk) -> list[Payout]:
    """Each party that has something available asks for it; one transfer fails, one comes back, the others arrive."""
    parties = await _available(desk)
    behaviours = chain(ODD, repeat("pay"))
    asked = [await _request(desk, *each, behaviour) for each, behaviour in zip(parties, behaviours, strict=False)]
    await desk.until_told("every payout has come to its end", [PAYOUTS], lambda events: _all_ended(asked, events))
    return asked


async def _available(desk: Desk) -> list[tuple[str, int]]:
    """Who can be paid what; creators first."""
    found = []
    for party in sorted(desk.town.names, key=lambda each: each in desk.town.suppliers):
        balance = await desk.platform.operator.get("orders", f"/balances/{party}")
        found.append((party, int(balance["available"]["amount"])))
    return [(party, amount) for party, amount in found if amount > 0]


async def _request(desk: Desk, party: str, amount: int, behaviour: str) -> Payout:
    caller = desk.platform.caller("supplier" if party in desk.town.suppliers else "creator", party)
    made = await caller.post("orders", "/payouts", {"party": party, "amount": money(amount)})
    payout_id = str(made["payout_id"])
    await desk.control("bank", f"payouts/{payout_id}", {"behaviour": behaviour})
    needs_second = made["state"] == "REQUESTED"
    if needs_second:
        await desk.platform.operator.post("orders", f"/payouts/{payout_id}/approve")
    return Payout(payout_id, party, amount, behaviour, needs_second)


def _all_ended(asked: Sequence[Payout], events: Sequence[Told]) -> bool | None:
    ended = {(each.body["payout_id"], each.name) for each in ledgers.of(events, *PAYOUTS_ENDED)}
    return True if {(each.payout_id, each.end) for each in asked} <= ended else None

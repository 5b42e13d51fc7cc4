"""Money that moves after the parcel: banked, released, paid back, paid out; for the tests of refunds and payouts."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.domain.payouts import Payout
from services.orders.domain.refunds import Refund, Wish
from services.orders.store.banks import BankReport
from services.orders.store.settlements import Settlement
from services.orders.tests.journey import BUYER, CHEAP, PSP_KEY, Edge, Journey, Parcel, now
from services.orders.usecases import banks, cash, lifecycle, payouts, refunds, settlements
from services.orders.usecases.parcels import RELEASE_LINE
from shared.contracts.event import Cause
from shared.contracts.logistics import CodBanked, CodBankingReversed, CodRemitted
from shared.contracts.values import Money, PaymentId, RefundId
from shared.kernel import webhooks
from shared.kernel.ids import derived_id, new_id
from shared.kernel.testing import as_received
from shared.kernel.timers import Timer

OPERATOR = Asker("operator", "op-1")
TWO_DAYS = 172_800.0
LIMIT = 1_000_000  # payouts above it take a second person


def cny(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "CNY"}


@dataclass
class Purse:
    """A journey whose money is followed to the bank."""

    journey: Journey
    _calls: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # Into the bank -----------------------------------------------------------------------------------------------

    async def delivered(self, *prices: int, payment: str = "prepaid") -> Placed:
        """An order whose every line the buyer has; under cash on delivery the courier has the money."""
        order = await self.journey.order(*(prices or (CHEAP,)), payment=payment)
        if payment == "prepaid":
            assert await self.journey.capture(order) == "applied"
        elif order.code:
            await self.journey.confirm(order)
        for parcel in await self.journey.shipped(order):
            await self.journey.hear(parcel.delivered(), *([parcel.collected()] if payment == "cod" else []))
        return order

    async def earned(self, *prices: int, payment: str = "prepaid") -> Placed:
        """The same, with the money in the bank and available to its parties."""
        order = await self.delivered(*prices, payment=payment)
        await (self.settle(order) if payment == "prepaid" else self.bank(order))
        await self.release(order)
        return order

    async def settle(self, order: Placed, fee: int = 0) -> None:
        rows = [(PaymentId(order.payment_id or ""), order.payable.amount, fee)]
        sent = Settlement("sandbox", f"s-{next(self._calls)}", "b-1", rows, {})
        await self.journey.run(lambda tx: settlements.take_settlement(tx, sent, "platform", Cause()))

    async def bank(self, order: Placed, fee: int = 0) -> None:
        for parcel in self.journey.parcels(order):
            fact = _cash(parcel, fee)
            remitted = CodRemitted(**fact, cash_state="REMITTED", fee_bearer="supplier", remitted_at=now())
            banked = CodBanked(**fact, cash_state="BANKED", banked_at=now())
            await self.journey.run(lambda tx, told=remitted: cash.remit_cash(tx, [as_received(told)]))  # type: ignore[misc]
            await self.journey.run(lambda tx, told=banked: cash.bank_cash(tx, [as_received(told)]))  # type: ignore[misc]

    async def unbank(self, order: Placed) -> None:
        for parcel in self.journey.parcels(order):
            told = as_received(CodBankingReversed(**_cash(parcel, 0), cash_state="REVERSED", reversed_at=now()))
            await self.journey.run(lambda tx, told=told: cash.unbank_cash(tx, [told]))  # type: ignore[misc]

    async def release(self, order: Placed) -> None:
        due = [Timer(RELEASE_LINE, line.line_id, now()) for line in order.lines]
        await self.journey.run(lambda tx: cash.release_lines(tx, due))

    # Back to the buyer -------------------------------------------------------------------------------------------

    async def ask(self, order: Placed, *wishes: Wish, asker: Asker = BUYER, **changes: Any) -> Refund:
        """A refund of these pieces; of the first line whole unless something else is said."""
        line = order.lines[0]
        given: dict[str, Any] = {"kind": "refund_only", "reason": "it is broken", "route": None, **changes}
        wanted = wishes or (Wish(line.line_id, line.qty),)
        ask = refunds.Ask(order.order_id, wanted, asker=asker, approve_seconds=TWO_DAYS, **given)
        return await self.journey.run(lambda tx: refunds.request(tx, ask, Cause()))

    async def approve(self, refund: Refund, asker: Asker = OPERATOR) -> Refund:
        return await self.journey.run(lambda tx: refunds.approve(tx, refund.refund_id, asker, Cause()))

    async def reject(self, refund: Refund, asker: Asker = OPERATOR) -> Refund:
        return await self.journey.run(lambda tx: refunds.reject(tx, refund.refund_id, "worn", asker, Cause()))

    async def inspect(self, refund: Refund, *, accepted: bool = True, damaged: bool = False) -> Refund:
        note = "" if accepted else "an empty box"
        found = refunds.Inspection(refund.refund_id, accepted, damaged, note, OPERATOR)
        return await self.journey.run(lambda tx: refunds.inspect(tx, found, Cause()))

    async def stay_silent(self, *asked: Refund) -> None:
        due = [Timer(refunds.APPROVE_REFUND, refund.refund_id, now()) for refund in asked]
        await self.journey.run(lambda tx: refunds.approve_silent(tx, due))

    async def submit_again(self, refund: Refund) -> Refund:
        return await self.journey.run(lambda tx: refunds.submit_again(tx, refund.refund_id, OPERATOR, Cause()))

    async def tick(self) -> None:
        """Fire every timer that pays refunds, whenever it is due."""
        query = "DELETE FROM timers WHERE kind = $1 RETURNING subject"
        rows = await self.journey.db.pool.fetch(query, refunds.PAY_REFUND)
        due = [Timer(refunds.PAY_REFUND, row["subject"], now()) for row in rows]
        await self.journey.run(lambda tx: refunds.pay_waiting(tx, due, retry_seconds=60))

    async def close(self, order: Placed) -> None:
        """The after-sale window is over: its timer fires, and is gone."""
        query = "DELETE FROM timers WHERE kind = $1 AND subject = $2"
        await self.journey.db.pool.execute(query, lifecycle.COMPLETE_ORDER, order.order_id)
        await self.journey.complete(order)

    async def refund_row(self, refund_id: str) -> dict[str, Any]:
        row = await self.journey.db.pool.fetchrow("SELECT * FROM refunds WHERE refund_id = $1", refund_id)
        assert row is not None
        return dict(row)

    async def refund_state(self, refund: Refund | RefundId) -> str:
        refund_id = refund.refund_id if isinstance(refund, Refund) else refund
        return str((await self.refund_row(refund_id))["state"])

    async def refunds_of(self, order: Placed) -> list[dict[str, Any]]:
        query = "SELECT * FROM refunds WHERE order_id = $1 ORDER BY refund_id"
        return [dict(row) for row in await self.journey.db.pool.fetch(query, order.order_id)]

    async def card_refunded(self, order: Placed, amount: int, **changes: Any) -> str:
        return await self.journey.take(self.journey.report(order, "refunded", amount=amount, **changes))

    # Out to the parties ------------------------------------------------------------------------------------------

    async def pay_out(self, party: str, amount: int, *, by: str | None = None, currency: str = "CNY") -> Payout:
        ask = payouts.Ask(party, Money(amount=amount, currency=currency), by or party, LIMIT)
        return await self.journey.run(lambda tx: payouts.request(tx, ask, Cause()))

    async def approve_payout(self, payout: Payout, by: str = "op-1") -> Payout:
        return await self.journey.run(lambda tx: payouts.approve(tx, payout.payout_id, by, Cause()))

    async def bank_says(self, kind: str, about: Payout | Refund, **changes: Any) -> str:
        number = next(self._calls)
        ids = (about.payout_id, None) if isinstance(about, Payout) else (None, about.refund_id)
        said: dict[str, Any] = {
            "bank": "sandbox",
            "webhook_id": f"w-{number}",
            "kind": kind,
            "payout_id": ids[0],
            "refund_id": ids[1],
            "amount": about.amount,
            "currency": about.currency,
            "bank_ref": f"b-{number}",
            "at": now(),
            "reason": None,
            "body": {},
        }
        report = BankReport(**{**said, **changes})
        return await self.journey.run(lambda tx: banks.take_report(tx, report, Cause()))

    # What came of it ---------------------------------------------------------------------------------------------

    async def balance(self, party: str, account: str, currency: str = "CNY") -> int:
        query = "SELECT amount FROM balances WHERE party = $1 AND account = $2 AND currency = $3"
        return int(await self.journey.db.pool.fetchval(query, party, account, currency) or 0)

    async def in_bank(self) -> int:
        return -await self.balance("platform", "bank")

    async def is_sound(self) -> None:
        """Every journal sums to zero, and the bank covers what is available and in payouts."""
        unbalanced = "SELECT journal_id FROM entries GROUP BY journal_id HAVING sum(debit) <> sum(credit)"
        assert await self.journey.db.pool.fetch(unbalanced) == []
        owed = (
            "SELECT coalesce(sum(amount), 0) FROM balances WHERE account IN ('payable:available', 'payable:in_payout')"
        )
        assert await self.in_bank() >= await self.journey.db.pool.fetchval(owed)


def _cash(parcel: Parcel, fee: int) -> dict[str, Any]:
    assert parcel.part.cod_amount is not None, "prepaid parcels carry no cash"
    gross = parcel.part.cod_amount.amount
    return {
        "shipment_id": parcel.shipment_id,
        "order_id": parcel.order.order_id,
        "supplier_order_id": parcel.part.supplier_order_id,
        "supplier_id": parcel.part.supplier_id,
        "carrier": "sandbox",
        "waybill": "W1",
        "statement_id": derived_id(parcel.shipment_id, "statement"),
        "row_id": derived_id(parcel.shipment_id, "row"),
        "gross": Money(amount=gross, currency="CNY"),
        "fee": Money(amount=fee, currency="CNY"),
        "net": Money(amount=gross - fee, currency="CNY"),
    }


def supplier(order: Placed, place: int = 0) -> Asker:
    """Whose goods a line is."""
    return Asker("supplier", order.lines[place].listing.supplier_id)


def names(told: Sequence[str]) -> list[str]:
    """Without the books."""
    return [name for name in told if name != "LedgerPosted"]


async def bank_calls(edge: Edge, body: Any, *, webhook_id: str | None = None, key: str = PSP_KEY) -> httpx.Response:
    """A bank's signed call."""
    raw = json.dumps(body).encode()
    headers = {"content-type": "application/json", **webhooks.sign([key], raw, webhook_id or new_id())}
    return await edge.http.post("/banks/callbacks", content=raw, headers=headers)

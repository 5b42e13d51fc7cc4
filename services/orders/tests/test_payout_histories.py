"""Random histories of money that comes, goes back and goes out: the bank always covers what is promised."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from services.orders.domain.order import Placed
from services.orders.domain.payouts import Payout
from services.orders.domain.refunds import Refund, Wish
from services.orders.tests.journey import CHEAP, Journey
from services.orders.tests.purse import Purse, supplier
from shared.kernel.errors import Rejected

HISTORIES = 25  # a few seconds each ten; `make fault` runs whole orders' histories by the hundred
STEPS = 14

Act = Callable[[], Awaitable[object]]


@dataclass
class History:
    """Some orders, and what was asked of them so far."""

    purse: Purse
    data: DataObject
    orders: list[Placed]
    refunds: list[Refund] = field(default_factory=list)
    payouts: list[Payout] = field(default_factory=list)

    async def step(self) -> None:
        """Anything that anybody may do now; a refusal by name is as good an answer as any."""
        acts = [self.money_comes, self.ask, self.answer, self.ask_payout, self.bank_of_payout, self.bank_of_refund]
        with suppress(Rejected):
            await self.data.draw(st.sampled_from(acts), label="act")()

    def _one(self, of: list[Placed]) -> Placed:
        return self.data.draw(st.sampled_from(of), label="order")

    async def money_comes(self) -> None:
        order = self._one(self.orders)
        if order.payment_id:
            await self.purse.settle(order)
        else:
            await self.purse.bank(order)
        await self.purse.release(order)
        await self.purse.tick()

    async def ask(self) -> None:
        order = self._one(self.orders)
        amount = self.data.draw(st.none() | st.integers(1, CHEAP + 10), label="amount")
        wish = Wish(order.lines[0].line_id, 1, amount, None if amount is None else "CNY")
        route = None if order.payment_id else self.data.draw(st.sampled_from(["transfer", "wallet"]))
        self.refunds.append(await self.purse.ask(order, wish, route=route))

    async def answer(self) -> None:
        if not self.refunds:
            return
        refund = self.data.draw(st.sampled_from(self.refunds), label="refund")
        acts: list[Act] = [
            lambda: self.purse.approve(refund),
            lambda: self.purse.reject(refund),
            lambda: self.purse.stay_silent(refund),
            lambda: self.purse.submit_again(refund),
            self.purse.tick,
        ]
        await self.data.draw(st.sampled_from(acts), label="answer")()

    async def bank_of_refund(self) -> None:
        if not self.refunds:
            return
        refund = self.data.draw(st.sampled_from(self.refunds), label="refund")
        if refund.route == "card":
            order = next(order for order in self.orders if order.order_id == refund.order_id)
            await self.purse.card_refunded(order, refund.amount, refund_id=refund.refund_id)
        else:
            await self.purse.bank_says(self.data.draw(st.sampled_from(["paid", "failed", "returned"])), refund)

    async def ask_payout(self) -> None:
        order = self._one(self.orders)
        parties = [supplier(order).party, order.creator_id, "buyer-1"]
        party = self.data.draw(st.sampled_from(parties), label="party")
        available = await self.purse.balance(party, "payable:available")
        # A share, not a sum: a wallet is one over all histories, and what is drawn may not depend on those before.
        permille = self.data.draw(st.integers(1, 1_001), label="permille")
        self.payouts.append(await self.purse.pay_out(party, max(1, -(-available * permille // 1_000))))

    async def bank_of_payout(self) -> None:
        if self.payouts:
            payout = self.data.draw(st.sampled_from(self.payouts), label="payout")
            await self.purse.bank_says(self.data.draw(st.sampled_from(["paid", "failed", "returned"])), payout)

    async def check(self) -> None:
        await self.purse.is_sound()
        pool = self.purse.journey.db.pool
        promised = "SELECT coalesce(sum(amount), 0) FROM payouts WHERE state IN ('REQUESTED', 'APPROVED', 'SUBMITTED')"
        in_payout = "SELECT coalesce(sum(amount), 0) FROM balances WHERE account = 'payable:in_payout'"
        assert await pool.fetchval(promised) == await pool.fetchval(in_payout)
        owed = "SELECT coalesce(sum(credit - debit), 0) FROM entries WHERE account = 'refund_payable'"
        due = "SELECT coalesce(sum(amount), 0) FROM refunds WHERE state IN ('DUE', 'SUBMITTED', 'FAILED')"
        assert await pool.fetchval(owed) == await pool.fetchval(due)
        too_much = """
            SELECT l.line_id FROM refunds r JOIN refund_lines p USING (refund_id) JOIN lines l USING (line_id)
             WHERE r.state <> 'REJECTED' GROUP BY l.line_id, l.amount HAVING sum(p.amount) > l.amount
        """
        assert await pool.fetch(too_much) == []
        assert await self.purse.in_bank() >= 0


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_nobody_is_paid_with_money_that_has_not_arrived(journey: Journey, data: DataObject) -> None:
    purse = Purse(journey)
    history = History(purse, data, [await purse.delivered(payment=how) for how in ("cod", "cod", "prepaid")])
    for _ in range(STEPS):
        await history.step()
        await history.check()
    for refund in history.refunds:
        told = await journey.told(refund.refund_id)
        assert told[0] == "RefundRequested"

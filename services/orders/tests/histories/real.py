"""The same history told to the service itself: its use cases on a real PostgreSQL, fact by fact."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed
from services.orders.domain.refunds import Wish
from services.orders.store.banks import BankReport
from services.orders.store.settlements import Settlement
from services.orders.tests.histories.world import Sold, World
from services.orders.tests.journey import WEEK_SECONDS, Journey, Parcel, now
from services.orders.tests.market import RULES, Goods, cny, order_of, touch_token
from services.orders.usecases import banks, parcels, payouts, refunds, settlements
from shared.contracts.event import Cause, Event
from shared.contracts.logistics import ShipmentDelivered
from shared.contracts.values import (
    CreatorId,
    LineId,
    Money,
    PayoutId,
    RefundId,
    StorefrontId,
    SupplierId,
    Terms,
    VariantId,
    WholesaleTerms,
)
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import derived_id, new_id
from shared.kernel.testing import as_received
from shared.kernel.timers import Timer

T = TypeVar("T")
OPERATOR = Asker("operator", "operator-1")
FOR_EVER = 3_600.0  # seconds: a hold that is over only when the history says so
ANY = replace(RULES, cod_auto_confirm_below=cny(10**12), max_quantity=10**6)
_HOLD_OVER = (
    "UPDATE commissions SET hold_until = now() - interval '1 second' WHERE order_id = $1 AND hold_until > now()"
)
_DUE = "SELECT refund_id FROM refunds WHERE state = 'DUE' ORDER BY refund_id"
_AUTOMATIC = """
    SELECT refund_id FROM refunds WHERE kind = 'automatic' AND order_id = $1 AND amount = $2 AND currency = $3
       AND refund_id <> ALL($4::uuid[]) ORDER BY refund_id LIMIT 1
"""


@dataclass
class Real:
    """The service, and by which ids it knows what the history speaks of."""

    journey: Journey
    world: World
    salt: str = field(default_factory=new_id)
    orders: dict[str, Placed] = field(default_factory=dict)
    refunds: dict[str, RefundId] = field(default_factory=dict)
    payouts: dict[str, PayoutId] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    told: int = 0

    async def catch_up(self) -> None:
        """Tell the service what was told to the world since."""
        while self.told < len(self.world.told):
            name, args = self.world.told[self.told]
            self.told += 1
            await getattr(self, name)(*args)
        await self._meet_automatic()  # when the service knows all that the world knows

    def id_of(self, name: str) -> str:
        """The party, or any other thing, that a name stands for."""
        fixed = ("platform", "sandbox", "buyer-1")
        return name if name in fixed else "01890000" + derived_id(self.salt, name)[8:]

    async def _meet_automatic(self) -> None:
        """Refunds that the service made by itself, by what they are about."""
        for refund in self.world.refunds.values():
            if refund.refund_id not in self.refunds:
                order = self.orders[refund.order_id]
                known = list(self.refunds.values())
                found = await self.journey.db.pool.fetchval(
                    _AUTOMATIC, order.order_id, refund.amount, refund.currency, known
                )
                assert found, f"no refund of {refund.amount} {refund.currency} was made"
                self.refunds[refund.refund_id] = found

    async def run(self, work: Callable[[Tx], Awaitable[T]]) -> T | None:
        """None for what is refused."""
        try:
            return await self.journey.run(work)
        except Rejected:
            return None

    def parcel(self, part_id: str) -> Parcel:
        order_id, _, number = part_id.rpartition(" part ")
        order = self.orders[order_id]
        return Parcel(order, order.supplier_orders[int(number)])

    async def hear(self, cause: str, make: Callable[[], Event]) -> None:
        """Told again it is the same event."""
        event = self.events.setdefault(cause, make())
        await self.journey.hear(event)

    # Orders and payments ---------------------------------------------------------------------------------------------

    async def placed(
        self, order_id: str, mode: str, creator: str, referrer: str | None, sold: tuple[Sold, ...]
    ) -> None:
        if order_id in self.orders:
            return
        goods = [self._goods(each, creator) for each in sold]
        for each in goods:
            await self.journey.market.sell(each, 100)
        touch = touch_token(goods[0], by=self.id_of(referrer)) if referrer else None
        wanted = [each.wanted(asked.qty) for each, asked in zip(goods, sold, strict=True)]
        order = order_of(goods, *wanted, payment=mode, touch=touch)
        placed = self.orders[order_id] = await self.journey.market.placed(order, ANY)
        ours = self.world.orders[order_id]
        for line, known in zip(placed.lines, ours.lines.values(), strict=True):
            assert [part.amount for part in line.split] == [part.amount for part in known.split]

    def _goods(self, sold: Sold, creator: str) -> Goods:
        variant = VariantId(self.id_of(sold.variant))
        return Goods(
            price=sold.price,
            terms=self._terms(sold.terms, variant),
            creators_price=sold.price if isinstance(sold.terms, WholesaleTerms) else None,
            supplier_id=SupplierId(self.id_of(sold.supplier)),
            creator_id=CreatorId(self.id_of(creator)),
            storefront_id=StorefrontId(self.id_of("shop")),
            variant_id=variant,
        )

    @staticmethod
    def _terms(terms: Terms, variant: VariantId) -> Terms:
        if not isinstance(terms, WholesaleTerms):
            return terms
        (floor,) = terms.floors
        return terms.model_copy(update={"floors": (floor.model_copy(update={"variant_id": variant}),)})

    async def expired(self, order_id: str) -> None:
        await self.journey.expire(self.orders[order_id])

    async def captured(self, cause: str, order_id: str, amount: int, currency: str) -> None:
        said = {"webhook_id": cause, "psp_ref": cause, "amount": amount, "currency": currency}
        await self.journey.capture(self.orders[order_id], **said)

    async def settled(self, cause: str, order_id: str, gross: int, fee: int, bearer: Any) -> None:
        payment_id = self.orders[order_id].payment_id
        assert payment_id is not None, "only what is prepaid is settled"
        rows = [(payment_id, gross, fee)]
        sent = Settlement("sandbox", cause, f"bank {cause}", rows, {"rows": [[str(payment_id), gross, fee]]})
        await self.journey.run(lambda tx: settlements.take_settlement(tx, sent, bearer, Cause()))

    # Parcels ---------------------------------------------------------------------------------------------------------

    async def _travel(self, cause: str, part_id: str) -> Parcel:
        parcel = self.parcel(part_id)
        await self.hear(f"{part_id} created", parcel.created)
        await self.hear(f"{part_id} handed over", parcel.handed_over)
        return parcel

    async def delivered(self, cause: str, part_id: str) -> None:
        parcel = await self._travel(cause, part_id)
        event = self.events.setdefault(cause, parcel.delivered())
        assert isinstance(event, ShipmentDelivered), "the cause names it"
        await self.journey.run(
            lambda tx: parcels.deliver_lines(tx, [event], after_sale_seconds=WEEK_SECONDS, hold_seconds=FOR_EVER)
        )

    async def undelivered(self, cause: str, part_id: str, fate: str, charge: int, bearer: str) -> None:
        parcel = self.parcel(part_id)
        if fate == "CANCELLED":
            await self.hear(f"{part_id} created", parcel.created)
            await self.hear(cause, parcel.cancelled)
            return
        await self._travel(cause, part_id)
        asked: dict[str, Any] = {"return_charge": cny(charge), "charge_bearer": bearer} if charge else {}
        ends = {"LOST": lambda: parcel.turned("LOST"), "RETURNED": lambda: parcel.returned("refused", **asked)}
        await self.hear(cause, ends[fate])

    async def hold_over(self, cause: str, order_id: str) -> None:
        order = self.orders[order_id]
        await self.journey.db.pool.execute(_HOLD_OVER, order.order_id)
        await self.journey.release(order)

    async def charge_kept(self, cause: str, part_id: str, amount: int) -> None:
        parcel = self.parcel(part_id)
        await self.hear(cause, lambda: self._renamed(parcel.charge_settled(amount), row_id=cause))

    # Cash ------------------------------------------------------------------------------------------------------------

    @staticmethod
    def _renamed(event: Any, **changes: Any) -> Event:
        """The same event about another row."""
        return as_received(event.model_copy(update=changes))  # type: ignore[no-any-return]

    async def collected(self, cause: str, part_id: str, amount: int) -> None:
        parcel = self.parcel(part_id)
        event = parcel.collected(amount, cause)  # a new event about the same collection
        await self.journey.hear(event)

    async def remitted(self, cause: str, part_id: str, gross: int, fee: int, bearer: str) -> None:
        parcel = self.parcel(part_id)
        await self.hear(cause, lambda: self._renamed(parcel.remitted(gross, fee, bearer), row_id=cause))

    async def banked(self, cause: str, part_id: str, row_id: str) -> None:
        parcel, row = self.parcel(part_id), self._row(part_id, row_id)
        await self.hear(cause, lambda: self._renamed(parcel.banked(*row), row_id=row_id))

    async def unbanked(self, cause: str, part_id: str, row_id: str) -> None:
        parcel, row = self.parcel(part_id), self._row(part_id, row_id)
        if cause not in self.events:  # the inbox lets an event through once
            await self.hear(cause, lambda: self._renamed(parcel.unbanked(*row), row_id=row_id))

    def _row(self, part_id: str, row_id: str) -> tuple[int, int]:
        row = next(part for _, part in self.world.parts() if part.part_id == part_id).rows[row_id]
        return row.gross, row.fee

    async def _decided(self, cause: str, part_id: str, *what: Any, **changes: Any) -> None:
        parcel = self.parcel(part_id)
        if cause not in self.events:
            await self.hear(cause, lambda: parcel.decided(*what, discrepancy_id=self.id_of(cause), **changes))

    async def short_decided(self, cause: str, part_id: str, amount: int, bearer: str) -> None:
        await self._decided(cause, part_id, "short", "bear", amount, bearer=bearer)

    async def over_decided(self, cause: str, part_id: str, amount: int) -> None:
        await self._decided(cause, part_id, "over", "refund_buyer", amount)

    async def remitted_short_decided(self, cause: str, part_id: str, amount: int, bearer: str) -> None:
        await self._decided(cause, part_id, "short", "bear", amount, bearer=bearer, source="statement")

    async def remitted_over_decided(self, cause: str, part_id: str, amount: int, whose: str) -> None:
        decision = "refund_buyer" if whose == "buyer" else "return_to_carrier"
        await self._decided(cause, part_id, "over", decision, amount, source="statement")

    # Back to buyers, out to parties ----------------------------------------------------------------------------------

    async def refund_asked(self, refund_id: str, order_id: str, wishes: Any, wallet: bool) -> None:
        order = self.orders[order_id]
        if refund_id in self.asked:
            return
        self.asked.add(refund_id)
        asked = tuple(Wish(self._line(line_id), qty, amount) for line_id, qty, amount in wishes)
        route: Any = None if order.payment_id else "wallet" if wallet else "transfer"
        buyer = Asker("buyer", order.asked.buyer_ref)
        ask = refunds.Ask(order.order_id, asked, "refund_only", "too small", route, buyer, FOR_EVER)
        made = await self.run(lambda tx: refunds.request(tx, ask, Cause()))
        assert (made is not None) == (refund_id in self.world.refunds), f"{refund_id}: {made}"
        if made:
            self.refunds[refund_id] = made.refund_id

    def _line(self, line_id: str) -> LineId:
        order_id, _, number = line_id.rpartition(" line ")
        return self.orders[order_id].lines[int(number)].line_id

    async def refund_answered(self, refund_id: str, yes: bool) -> None:
        if (known := self.refunds.get(refund_id)) is None:
            return
        if yes:
            await self.run(lambda tx: refunds.approve(tx, known, OPERATOR, Cause()))
        else:
            await self.run(lambda tx: refunds.reject(tx, known, "worn", OPERATOR, Cause()))

    async def refund_by_card(self, cause: str, refund_id: str) -> None:
        refund = self.world.refunds[refund_id]
        said = {"amount": refund.amount, "currency": refund.currency, "webhook_id": cause, "psp_ref": cause}
        order, known = self.orders[refund.order_id], self.refunds[refund_id]
        await self.journey.take(self.journey.report(order, "refunded", refund_id=known, **said))

    async def waiting_refunds_looked_at(self, cause: str) -> None:
        due = [row["refund_id"] for row in await self.journey.db.pool.fetch(_DUE)]
        timers = [Timer(refunds.PAY_REFUND, refund_id, now()) for refund_id in due]
        await self.journey.run(lambda tx: refunds.pay_waiting(tx, timers, retry_seconds=FOR_EVER))

    async def refund_by_bank(self, cause: str, refund_id: str, kind: Any) -> None:
        known, refund = self.refunds[refund_id], self.world.refunds[refund_id]
        await self._bank_says(cause, kind, refund.amount, refund_id=known)

    async def refund_sent_again(self, refund_id: str) -> None:
        known = self.refunds[refund_id]
        await self.run(lambda tx: refunds.submit_again(tx, known, OPERATOR, Cause()))

    async def payout_asked(self, payout_id: str, party: str, amount: int) -> None:
        if payout_id in self.asked:
            return
        self.asked.add(payout_id)
        ask = payouts.Ask(self.id_of(party), Money(amount=amount, currency="CNY"), self.id_of(party), 10**12)
        made = await self.run(lambda tx: payouts.request(tx, ask, Cause()))
        assert (made is not None) == (payout_id in self.world.payouts), f"{payout_id}: {made}"
        if made:
            self.payouts[payout_id] = made.payout_id

    async def payout_by_bank(self, cause: str, payout_id: str, kind: Any) -> None:
        await self._bank_says(cause, kind, self.world.payouts[payout_id].amount, payout_id=self.payouts[payout_id])

    async def _bank_says(self, cause: str, kind: Any, amount: int, **about: Any) -> None:
        names: dict[str, Any] = {"bank": "sandbox", "webhook_id": cause, "bank_ref": cause, "reason": None, "body": {}}
        names |= {"payout_id": None, "refund_id": None, "currency": "CNY", "at": now()}
        said = BankReport(**{**names, "kind": kind, "amount": amount, **about})
        await self.run(lambda tx: banks.take_report(tx, said, Cause()))

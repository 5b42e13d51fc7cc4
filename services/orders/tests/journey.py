"""Orders on their way: what buyers, providers, carriers and time do to them in the tests of the lifecycle."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

from services.orders import domain, http
from services.orders.domain.lifecycle import Asker
from services.orders.domain.order import Placed, SupplierPart
from services.orders.http.intake import Desk
from services.orders.settings import Settings
from services.orders.store.payments import Report
from services.orders.store.settlements import Settlement
from services.orders.tests.market import Goods, Market, cny, order_of
from services.orders.usecases import (
    cancellation,
    cash,
    decisions,
    lifecycle,
    parcels,
    payments,
    settlements,
    supplier_orders,
)
from services.orders.usecases.cancellation import Cancel
from services.orders.usecases.lifecycle import Confirm, Standing, WrongCode
from shared.contracts.event import Cause, Event
from shared.contracts.logistics import (
    CancellationRefused,
    CodBanked,
    CodBankingReversed,
    CodRemitted,
    DiscrepancyResolved,
    ReturnChargeSettled,
    ShipmentCancelled,
    ShipmentCOD,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentLine,
    ShipmentReturned,
    ShipmentStatusChanged,
)
from shared.contracts.values import Money, OrderId, PaymentId, ShipmentId, StatementId
from shared.kernel import auth, webhooks
from shared.kernel.database import Database, Tx
from shared.kernel.http import api
from shared.kernel.ids import derived_id, new_id
from shared.kernel.testing import as_received
from shared.kernel.tests.edge_fixtures import PRIVATE, PUBLIC
from shared.kernel.timers import Timer

T = TypeVar("T")

WEEK_SECONDS = 604_800.0
HOLD_SECONDS = 0.001  # over as soon as anybody looks
BUYER = Asker("buyer", "buyer-1")
DEAR, CHEAP = 50_000, 5_000  # above and below the limit under which COD needs no code
PSP_KEY = webhooks.new_key()
STATEMENT = StatementId(new_id())


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parcel:
    """The parcel of one supplier order, as logistics would tell of it."""

    order: Placed
    part: SupplierPart

    @property
    def shipment_id(self) -> ShipmentId:
        return ShipmentId(derived_id(self.part.supplier_order_id, "parcel"))

    def _state(self, parcel_state: str) -> dict[str, Any]:
        return {
            "shipment_id": self.shipment_id,
            "order_id": self.order.order_id,
            "supplier_order_id": self.part.supplier_order_id,
            "supplier_id": self.part.supplier_id,
            "carrier": "sandbox",
            "waybill": "W1",
            "parcel_state": parcel_state,
            "attempts": 0,
            "cod_amount": self.part.cod_amount,
            "region": "CN-ZJ",
            "lines": tuple(self._lines()),
        }

    def _lines(self) -> Iterator[ShipmentLine]:
        for line in self.order.lines:
            if line.line_id in self.part.line_ids:
                yield ShipmentLine(line_id=line.line_id, kind="good", quantity=line.qty, amount=cny(line.amount.amount))

    def created(self) -> ShipmentCreated:
        return as_received(ShipmentCreated(**self._state("CREATED")))

    def handed_over(self) -> ShipmentHandedOver:
        return as_received(ShipmentHandedOver(**self._state("HANDED_OVER"), handed_over_at=now()))

    def delivered(self) -> ShipmentDelivered:
        return as_received(ShipmentDelivered(**self._state("DELIVERED"), delivered_at=now()))

    def cancelled(self) -> ShipmentCancelled:
        return as_received(ShipmentCancelled(**self._state("CANCELLED"), cancelled_at=now()))

    def refused_to_cancel(self) -> CancellationRefused:
        return as_received(CancellationRefused(**self._state("HANDED_OVER"), reason="handed_over"))

    def returned(self, reason: str = "refused", *, restock: bool = True, **charge: Any) -> ShipmentReturned:
        event = {**self._state("RETURNED"), "reason": reason, "restock": restock, "returned_at": now(), **charge}
        return as_received(ShipmentReturned.model_validate(event))

    def turned(self, parcel_state: str) -> ShipmentStatusChanged:
        event = {**self._state(parcel_state), "previous_state": "IN_TRANSIT", "changed_at": now()}
        return as_received(ShipmentStatusChanged.model_validate(event))

    def collected(self, amount: int | None = None, collection_id: str | None = None) -> ShipmentCOD:
        assert self.part.cod_amount is not None, "nothing is collected for a prepaid parcel"
        taken = Money(amount=self.part.cod_amount.amount if amount is None else amount, currency="CNY")
        return as_received(
            ShipmentCOD(
                shipment_id=self.shipment_id,
                order_id=self.order.order_id,
                supplier_order_id=self.part.supplier_order_id,
                supplier_id=self.part.supplier_id,
                carrier="sandbox",
                waybill="W1",
                collection_id=collection_id or f"c-{self.shipment_id}",
                due=self.part.cod_amount,
                collected=taken,
                method="cash",
                collected_at=now(),
                cash_state="COLLECTED",
            )
        )

    # From the carrier to the bank ------------------------------------------------------------------------------------

    def _row(self, gross: int | None, fee: int, cash_state: str) -> dict[str, Any]:
        """A row of the carrier's statement about this parcel's cash."""
        due = self.part.cod_amount.amount if self.part.cod_amount else 0
        taken = due if gross is None else gross
        names = ("shipment_id", "order_id", "supplier_order_id", "supplier_id", "carrier", "waybill")
        return {name: self._state("DELIVERED")[name] for name in names} | {
            "statement_id": STATEMENT,
            "row_id": f"row-{self.shipment_id}",
            "gross": cny(taken),
            "fee": cny(fee),
            "net": cny(taken - fee),
            "cash_state": cash_state,
        }

    def remitted(self, gross: int | None = None, fee: int = 100, bearer: str = "supplier") -> CodRemitted:
        event = self._row(gross, fee, "REMITTED") | {"fee_bearer": bearer, "remitted_at": now()}
        return as_received(CodRemitted.model_validate(event))

    def banked(self, gross: int | None = None, fee: int = 100) -> CodBanked:
        return as_received(CodBanked.model_validate(self._row(gross, fee, "BANKED") | {"banked_at": now()}))

    def unbanked(self, gross: int | None = None, fee: int = 100) -> CodBankingReversed:
        event = self._row(gross, fee, "REMITTED") | {"reversed_at": now()}
        return as_received(CodBankingReversed.model_validate(event))

    def decided(self, kind: str, decision: str, amount: int, **changes: Any) -> DiscrepancyResolved:
        """What somebody decided about this parcel's cash; found by a report unless `source` says otherwise."""
        names = ("shipment_id", "order_id", "supplier_order_id", "supplier_id", "carrier", "waybill")
        event = {name: self._state("DELIVERED")[name] for name in names} | {
            "discrepancy_id": new_id(),
            "kind": kind,
            "source": "report",
            "statement_id": STATEMENT,
            "decision": decision,
            "amount": cny(amount),
            "resolved_by": "operator-1",
            "resolved_at": now(),
        }
        return as_received(DiscrepancyResolved.model_validate(event | changes))

    def charge_settled(self, amount: int) -> ReturnChargeSettled:
        return as_received(
            ReturnChargeSettled(
                **{name: cny(0) for name in ("gross", "fee", "net", "credited")},
                statement_id=STATEMENT,
                carrier="sandbox",
                statement_ref="st-1",
                state="BANKED",
                rows=1,
                shipment_id=self.shipment_id,
                order_id=self.order.order_id,
                supplier_order_id=self.part.supplier_order_id,
                row_id=f"charge-{self.shipment_id}",
                amount=cny(amount),
                settled_at=now(),
            )
        )


@dataclass
class Journey:
    """A market whose orders go on."""

    market: Market
    _acts: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def db(self) -> Database:
        return self.market.db

    async def run(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        return await self.db.run(work)

    # Placing ---------------------------------------------------------------------------------------------------------

    async def order(self, *prices: int, payment: str = "cod", **changes: Any) -> Placed:
        """An order of goods at these prices, each of a supplier of its own."""
        first, *others = [Goods(price=price, loadtest=changes.get("loadtest", False)) for price in prices]
        goods = [await self.market.sell(each) for each in (first, *(other.beside(first) for other in others))]
        return await self.market.placed(order_of(goods, payment=payment, **changes))

    async def prepaid(self, *prices: int, **changes: Any) -> Placed:
        return await self.order(*(prices or (CHEAP,)), payment="prepaid", **changes)

    async def paid(self, *prices: int, **changes: Any) -> Placed:
        order = await self.prepaid(*prices, **changes)
        assert await self.capture(order) == "applied"
        return order

    def parcels(self, order: Placed) -> list[Parcel]:
        return [Parcel(order, part) for part in order.supplier_orders]

    # Buyers, suppliers, time -----------------------------------------------------------------------------------------

    async def confirm(self, order: Placed, code: str | None = None, *, tries: int = 5) -> Standing | WrongCode:
        ask = Confirm(order.order_id, code or order.code or "", BUYER, tries)
        return await self.run(lambda tx: lifecycle.confirm_by_code(tx, ask, Cause()))

    async def cancel(self, order: Placed, asker: Asker = BUYER) -> Standing:
        ask = Cancel("changed my mind", asker, WEEK_SECONDS)
        return await self.run(lambda tx: cancellation.cancel_order(tx, order.order_id, ask, Cause()))

    async def cancel_part(self, parcel: Parcel, asker: Asker | None = None) -> Standing:
        who, part = asker or Asker("supplier", parcel.part.supplier_id), parcel.part.supplier_order_id
        ask = Cancel("no tea left", who, WEEK_SECONDS)
        return await self.run(lambda tx: supplier_orders.cancel_supplier_order(tx, part, ask, Cause()))

    async def expire(self, *orders: Placed) -> None:
        due = [Timer(lifecycle.EXPIRE_ORDER, order.order_id, now()) for order in orders]
        await self.run(lambda tx: lifecycle.expire_orders(tx, due))

    async def complete(self, *orders: Placed) -> None:
        due = [Timer(lifecycle.COMPLETE_ORDER, order.order_id, now()) for order in orders]
        await self.run(lambda tx: lifecycle.complete_orders(tx, due))

    # The provider ----------------------------------------------------------------------------------------------------

    async def settle(
        self, *orders: Placed, fee: int = 30, gross: int | None = None, settlement_id: str | None = None
    ) -> bool:
        """The provider pays over what it took for these orders, or below zero keeps what it gave back."""
        rows = [(order.payment_id or PaymentId(new_id()), gross or order.payable.amount, fee) for order in orders]
        name = settlement_id or new_id()
        sent = Settlement("sandbox", name, f"bank-{name}", rows, {"rows": [list(row) for row in rows]})
        return await self.run(lambda tx: settlements.take_settlement(tx, sent, "supplier", Cause()))

    def report(self, order: Placed, kind: str = "captured", **changes: Any) -> Report:
        number = next(self._acts)
        said: dict[str, Any] = {
            "psp": "sandbox",
            "webhook_id": f"w-{number}",
            "payment_id": order.payment_id or PaymentId(new_id()),
            "kind": kind,
            "amount": order.payable.amount,
            "currency": order.payable.currency,
            "psp_ref": f"ref-{number}",
            "at": now(),
            "reason": None,
            "body": {},
        }
        return Report(**{**said, **changes})

    async def take(self, report: Report) -> str:
        return await self.run(lambda tx: payments.take_report(tx, report, Cause()))

    async def capture(self, order: Placed, **changes: Any) -> str:
        return await self.take(self.report(order, **changes))

    # Parcels ---------------------------------------------------------------------------------------------------------

    async def hear(self, *events: Event) -> None:
        """React to each event in a transaction of its own."""
        for event in events:
            await self.hear_together([event])

    async def hear_together(self, events: Sequence[Event]) -> None:
        """React to events of one type in one transaction, as the consumer does with a batch."""
        react = _REACTIONS[type(events[0])]
        await self.run(lambda tx: react(tx, events))

    async def shipped(self, order: Placed) -> list[Parcel]:
        """Every parcel of the order is with the carrier."""
        found = self.parcels(order)
        for parcel in found:
            await self.hear(parcel.created(), parcel.handed_over())
        return found

    # What came of it -------------------------------------------------------------------------------------------------

    async def state(self, order: Placed) -> str:
        return str(await self.db.pool.fetchval("SELECT state FROM orders WHERE order_id = $1", order.order_id))

    async def cancellation(self, order: Placed) -> str | None:
        query = "SELECT cancellation FROM orders WHERE order_id = $1"
        found: str | None = await self.db.pool.fetchval(query, order.order_id)
        return found

    async def line_states(self, order: Placed) -> list[str]:
        query = "SELECT state FROM lines WHERE order_id = $1 ORDER BY ordinal"
        return [row["state"] for row in await self.db.pool.fetch(query, order.order_id)]

    async def part_states(self, order: Placed) -> list[str]:
        rows = await self.db.pool.fetch(
            "SELECT supplier_order_id, state FROM supplier_orders WHERE order_id = $1", order.order_id
        )
        states = {row["supplier_order_id"]: row["state"] for row in rows}
        return [states[part.supplier_order_id] for part in order.supplier_orders]

    async def payment_state(self, order: Placed) -> str:
        return str(await self.db.pool.fetchval("SELECT state FROM payments WHERE order_id = $1", order.order_id))

    async def stock(self, order: Placed) -> list[tuple[int, int]]:
        """reserved and sold where each line's pieces are."""
        found = [
            await self.db.pool.fetchrow("SELECT reserved, sold FROM stock WHERE stock_id = $1", line.stock_id)
            for line in order.lines
        ]
        return [(row["reserved"], row["sold"]) for row in found if row]

    async def accounts(self, order: Placed) -> dict[str, int]:
        """Credits less debits of each account, of this order alone; accounts at zero are left out."""
        query = """
            SELECT account, sum(credit - debit)::bigint AS balance FROM entries WHERE order_id = $1
             GROUP BY account HAVING sum(credit - debit) <> 0
        """
        return {row["account"]: row["balance"] for row in await self.db.pool.fetch(query, order.order_id)}

    async def told(self, key: str) -> list[str]:
        """The names of a stream's events, in order; their positions must be 1, 2, 3 … without a hole."""
        query = "SELECT type, aggregate_version, topic FROM outbox WHERE key = $1 ORDER BY id"
        rows = await self.db.pool.fetch(query, key)
        streams: Counter[str] = Counter()
        for row in rows:
            streams[row["topic"]] += 1
            assert row["aggregate_version"] == streams[row["topic"]], f"a hole in {row['topic']} of {key}"
        return [row["type"].split(".")[2] for row in rows]

    async def told_of(self, order: Placed) -> list[str]:
        """What was told on orders.orders."""
        others = {"LedgerPosted", "DeliveryDetailsGiven", "ConfirmationCodeIssued"}
        return [name for name in await self.told(order.order_id) if name not in others]

    async def bodies(self, key: str, name: str) -> list[dict[str, Any]]:
        query = "SELECT body FROM outbox WHERE key = $1 AND type LIKE '%.' || $2 || '.v1' ORDER BY id"
        return [json.loads(row["body"]) for row in await self.db.pool.fetch(query, key, name)]

    async def shares(self, order: Placed) -> dict[tuple[str, str], int]:
        """What is left of the order's shares, by kind of party and state; the platform's aside."""
        query = """SELECT party_kind, state, sum(amount)::bigint AS amount FROM commissions
                    WHERE order_id = $1 AND party_kind <> 'platform' GROUP BY 1, 2"""
        return {(r["party_kind"], r["state"]): r["amount"] for r in await self.db.pool.fetch(query, order.order_id)}

    async def release(self, order: Placed) -> None:
        """The holds of the order's lines are over."""
        due = [Timer(parcels.RELEASE_LINE, line.line_id, now()) for line in order.lines]
        await self.run(lambda tx: cash.release_lines(tx, due))

    async def said(self, party: str, name: str | None = None) -> list[dict[str, Any]]:
        """The commission events of a party, in their order; with their names."""
        query = """SELECT type, body FROM outbox WHERE topic = 'orders.commissions' AND key = $1
                      AND ($2::text IS NULL OR type LIKE '%.' || $2 || '.v1') ORDER BY aggregate_version"""
        rows = await self.db.pool.fetch(query, party, name)
        return [{"name": row["type"].split(".")[2], **json.loads(row["body"])} for row in rows]

    async def timers(self, order_id: OrderId) -> list[str]:
        query = "SELECT kind FROM timers WHERE subject = $1 ORDER BY kind"
        return [row["kind"] for row in await self.db.pool.fetch(query, order_id)]


async def _called_off(tx: Tx, events: Any) -> None:
    await parcels.call_parcels_off(tx, events, after_sale_seconds=WEEK_SECONDS)


async def _delivered(tx: Tx, events: Any) -> None:
    await parcels.deliver_lines(tx, events, after_sale_seconds=WEEK_SECONDS, hold_seconds=HOLD_SECONDS)


async def _taken_back(tx: Tx, events: Any) -> None:
    await parcels.take_lines_back(tx, events, after_sale_seconds=WEEK_SECONDS)


async def _followed(tx: Tx, events: Any) -> None:
    await parcels.follow_parcels(tx, events, after_sale_seconds=WEEK_SECONDS)


_REACTIONS: dict[type[Any], Callable[[Tx, Any], Awaitable[None]]] = {
    ShipmentCreated: parcels.learn_shipments,
    ShipmentHandedOver: parcels.ship_lines,
    ShipmentDelivered: _delivered,
    ShipmentCancelled: _called_off,
    CancellationRefused: parcels.refuse_cancellations,
    ShipmentReturned: _taken_back,
    ShipmentStatusChanged: _followed,
    ShipmentCOD: cash.collect_cash,
    CodRemitted: cash.remit_cash,
    CodBanked: cash.bank_cash,
    CodBankingReversed: cash.unbank_cash,
    ReturnChargeSettled: cash.settle_charges,
    DiscrepancyResolved: decisions.book_decisions,
}


@dataclass(frozen=True)
class Edge:
    """The service's HTTP routes on a test's database."""

    http: httpx.AsyncClient

    async def get(self, asker: Asker, path: str) -> httpx.Response:
        return await self.http.get(path, headers=self._bearer(asker))

    async def post(self, asker: Asker, path: str, body: Any, key: str | None = None) -> httpx.Response:
        """With an Idempotency-Key of its own unless `key` is given."""
        headers = {**self._bearer(asker), "idempotency-key": key or new_id()}
        return await self.http.post(path, json=body, headers=headers)

    async def call_back(
        self, body: Any, *, webhook_id: str | None = None, key: str = PSP_KEY, route: str = "callbacks"
    ) -> httpx.Response:
        """The provider's signed call to `/payments/{route}/sandbox`."""
        raw = json.dumps(body).encode()
        headers = {"content-type": "application/json", **webhooks.sign([key], raw, webhook_id or new_id())}
        return await self.http.post(f"/payments/{route}/sandbox", content=raw, headers=headers)

    @staticmethod
    def _bearer(asker: Asker) -> dict[str, str]:
        token = auth.mint(PRIVATE, asker.role, asker.party, 60)  # type: ignore[arg-type]
        return {"authorization": f"Bearer {token}"}


@asynccontextmanager
async def open_edge(db: Database) -> AsyncIterator[Edge]:
    """The routes as `main.py` wires them, with keys of the tests."""
    settings = Settings(token_public_key=PUBLIC, pay_url_key="test", postgres_dsn=db.dsn)
    app = api(
        settings,
        http.routes,
        codes=domain.CODES,
        stored=domain.STORED,
        database=db,
        signers=lambda _signer, _party: (PSP_KEY,),
    )
    desk = Desk(settings)
    app.state.settings, app.state.desk = settings, desk
    transport = httpx.ASGITransport(app)
    async with desk.running(), httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
        yield Edge(client)

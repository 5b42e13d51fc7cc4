"""What the tests of logistics speak with: orders as they arrive, suppliers, carriers, and what was told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx
import orjson

from services.logistics import usecases
from services.logistics.settings import Settings
from shared.contracts.event import Cause
from shared.contracts.orders import CancellationRequested, DeliveryDetailsGiven, OrderConfirmed
from shared.kernel import auth, webhooks
from shared.kernel.database import Database
from shared.kernel.ids import new_id
from shared.kernel.testing import as_received
from shared.kernel.timers import Timer

T = TypeVar("T")

CARRIER = "sandbox"
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
ADDRESS = {"name": "王小明", "phone": "13800000000", "region": "CN-ZJ", "address": "西湖区 <1> 号"}


def yuan(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "CNY"}


def line(supplier_id: str, amount: int = 12_900, kind: str = "good") -> dict[str, Any]:
    named = {} if kind == "fee" else {"variant_id": new_id(), "sku": "TEA-1", "title": "龙井"}
    money = {"price": yuan(amount), "discount": yuan(0), "amount": yuan(amount), "split": []}
    return {"line_id": new_id(), "kind": kind, "supplier_id": supplier_id, "quantity": 1, **named, **money}


def confirmed(*parts: Sequence[dict[str, Any]], cod: bool = True, loadtest: bool = False) -> OrderConfirmed:
    """An order, confirmed; each part is one supplier's lines."""
    supplier_orders = [
        {
            "supplier_order_id": new_id(),
            "supplier_id": part[0]["supplier_id"],
            "line_ids": [each["line_id"] for each in part],
            "cod_amount": yuan(sum(each["amount"]["amount"] for each in part)) if cod else None,
        }
        for part in parts
    ]
    event = OrderConfirmed.model_validate(
        {
            **{name: new_id() for name in ("order_id", "storefront_id", "creator_id")},
            "order_no": "W1",
            "buyer_ref": "buyer-1",
            "entry_point": "direct",
            "payment_mode": "cod" if cod else "prepaid",
            "region": "CN-ZJ",
            "totals": {name: yuan(0) for name in ("goods", "fees", "discount", "tax", "payable")},
            "lines": [each for part in parts for each in part],
            "supplier_orders": supplier_orders,
            "placed_at": NOON,
            "confirmed_by": "amount",
            "confirmed_at": NOON,
        }
    )
    return as_received(event, 2, cause=Cause(correlation_id="a-trace", loadtest=loadtest))


def details(order: OrderConfirmed) -> DeliveryDetailsGiven:
    return as_received(DeliveryDetailsGiven.model_validate({"order_id": order.order_id, "ship_to": ADDRESS}))


def cancellation(order: OrderConfirmed) -> CancellationRequested:
    parts = tuple(part.supplier_order_id for part in order.supplier_orders)
    event = CancellationRequested(
        order_id=order.order_id,
        supplier_order_ids=parts,
        reason="changed my mind",
        requested_by="buyer",
        requested_at=NOON,
    )
    return as_received(event, 3)


@dataclass(frozen=True)
class Told:
    """An event in the outbox."""

    type: str
    key: str
    position: int
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class World:
    """The service behind its real edge, on a real database."""

    db: Database
    http: httpx.AsyncClient
    settings: Settings
    signing_key: str
    carrier_key: str
    supplier_id: str = field(default_factory=new_id)

    async def plan(self, order: OrderConfirmed, *, with_details: bool = True) -> list[str]:
        """Let an order's parcels be planned; returns their ids in the order of its supplier orders."""
        await self.db.run(lambda tx: usecases.plan_shipments(tx, [order]))
        if with_details:
            await self.db.run(lambda tx: usecases.learn_details(tx, [details(order)]))
        sql = "SELECT supplier_order_id, shipment_id FROM shipments WHERE order_id = $1"
        planned = {row[0]: row[1] for row in await self.db.pool.fetch(sql, order.order_id)}
        return [planned[p.supplier_order_id] for p in order.supplier_orders if p.supplier_order_id in planned]

    async def parcel(self, amount: int = 12_900, *, cod: bool = True) -> str:
        """A planned parcel of one line."""
        return (await self.plan(confirmed([line(self.supplier_id, amount)], cod=cod)))[0]

    async def call_off(self, order: OrderConfirmed) -> None:
        await self.db.run(lambda tx: usecases.call_off(tx, [cancellation(order)]))

    def bearer(self, role: auth.Role, party: str) -> dict[str, str]:
        return {"authorization": f"Bearer {auth.mint(self.signing_key, role, party, 600)}"}

    async def get(self, path: str, role: auth.Role = "operator", party: str = "op", **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=self.bearer(role, party) | headers)

    async def hand_over(
        self, shipment_id: str, waybill: str = "W-1", *, party: str | None = None, carrier: str = CARRIER
    ) -> httpx.Response:
        headers = self.bearer("supplier", party or self.supplier_id) | {"idempotency-key": new_id()}
        body = {"carrier": carrier, "waybill": waybill}
        return await self.http.post(f"/shipments/{shipment_id}/hand-over", json=body, headers=headers)

    async def report(self, kind: str, minute: int = 0, waybill: str = "W-1", **told: Any) -> httpx.Response:
        """A signed report of `minute` minutes after the tests' noon."""
        moment = (NOON + timedelta(minutes=minute)).isoformat()
        body = {"report_id": new_id(), "waybill": waybill, "kind": kind, "at": moment} | told
        return await self.send(body)

    async def collected(self, amount: int, minute: int = 5, **told: Any) -> httpx.Response:
        return await self.report("cod_collected", minute, amount=yuan(amount), method="cash", **told)

    async def send(self, body: Any, key: str | None = None) -> httpx.Response:
        raw = orjson.dumps(body)
        headers = webhooks.sign([key or self.carrier_key], raw, new_id()) | {"content-type": "application/json"}
        return await self.http.post(f"/carriers/{CARRIER}/reports", content=raw, headers=headers)

    async def seen(self, shipment_id: str) -> dict[str, Any]:
        answer = await self.get(f"/shipments/{shipment_id}")
        assert answer.status_code == 200, answer.text
        seen: dict[str, Any] = answer.json()
        return seen

    async def told(self, topic: str = "logistics.shipments") -> list[Told]:
        """What was told on a topic, in the order it was written."""
        sql = "SELECT type, key, aggregate_version, body, headers FROM outbox WHERE topic = $1 ORDER BY bucket, id"
        return [
            Told(row[0].split(".")[2], row[1], row[2], orjson.loads(row[3]), row[4])
            for row in await self.db.pool.fetch(sql, topic)
        ]

    async def types(self, topic: str = "logistics.shipments") -> list[str]:
        return [event.type for event in await self.told(topic)]

    async def discrepancies(self) -> list[str]:
        sql = "SELECT kind FROM discrepancies WHERE resolved_at IS NULL ORDER BY kind"
        return [row[0] for row in await self.db.pool.fetch(sql)]

    async def timers(self) -> list[str]:
        sql = "SELECT kind FROM timers WHERE subject <> 'all' ORDER BY kind"
        return [row[0] for row in await self.db.pool.fetch(sql)]


AT_ONCE = 8  # a crowd would wait over 5 s for the 8 connections of the pool on a busy machine, and be told 503


async def abreast(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All of these works, so many at a time."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(work: Coroutine[Any, Any, T]) -> T:
        async with turns:
            return await work

    return await asyncio.gather(*(one(work) for work in works))


def timer(kind: str, subject: str) -> Timer:
    return Timer(kind, subject, NOON)

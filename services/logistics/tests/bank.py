"""What the tests of the bank's side speak with: statements as carriers send them, credits, decisions, passing time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx

from services.logistics import consumers
from services.logistics.domain import Contract
from services.logistics.tests.world import CARRIER, NOON, World, yuan
from shared.kernel import timers, webhooks
from shared.kernel.ids import new_id

HEADER = "waybill,collected_at,gross,fee,net"
CONTRACT = Contract()
MOMENT = NOON.isoformat()


def line(waybill: str, gross: int, fee: int | None = None, net: int | None = None) -> str:
    """A row as a carrier writes it; fee and net as the contract has them unless told."""
    kept = CONTRACT.fee.of(gross) if fee is None else fee
    return f"{waybill},{MOMENT},{gross},{kept},{gross - kept if net is None else net}"


def csv(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *lines, ""]).encode()


@dataclass
class Bank:
    """Carriers, bank and operators around one world."""

    world: World

    async def upload(self, body: Any, ref: str = "S-1", carrier: str = CARRIER, **headers: str) -> httpx.Response:
        given = self.world.bearer("operator", "op") | {"content-type": "text/csv", "statement-ref": ref} | headers
        return await self.world.http.post(f"/carriers/{carrier}/statements", content=body, headers=given)

    async def signed(self, body: bytes, ref: str = "S-1", carrier: str = CARRIER) -> httpx.Response:
        headers = webhooks.sign([self.world.carrier_key], body, new_id())
        headers |= {"content-type": "text/csv", "statement-ref": ref}
        return await self.world.http.post(f"/carriers/{carrier}/statements", content=body, headers=headers)

    async def state(self, *lines: str, ref: str = "S-1") -> dict[str, Any]:
        """Send a statement, have it looked at; its job afterwards."""
        answer = await self.upload(csv(*lines), ref)
        assert answer.status_code == 202, answer.text
        await self.pass_time()
        return await self.job(answer.json()["job_id"])

    async def job(self, job_id: str, **viewer: Any) -> dict[str, Any]:
        answer = await self.world.get(f"/jobs/{job_id}", **viewer)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def pass_time(self) -> None:
        """Let the worker do all that is due, and the sweep once."""
        reactions = dict(consumers.reactions(self.world.settings).timers)
        sweep = {"chase_remittances": reactions.pop("chase_remittances")}
        await timers.fire_due(self.world.db, sweep)
        while await timers.fire_due(self.world.db, reactions):
            pass

    async def skip(self, days: float) -> None:
        """Everything that was told so far is so many days older."""
        for statement in (
            "UPDATE cod_cash SET remit_by = remit_by - $1::interval",
            "UPDATE statements SET received_at = received_at - $1::interval",
            "UPDATE timers SET due_at = due_at - $1::interval",
        ):
            await self.world.db.pool.execute(statement, timedelta(days=days))
        await self.pass_time()

    async def collected(self, waybill: str = "W-1", amount: int = 12_900, taken: int | None = None) -> str:
        """A parcel that was delivered and paid at the door."""
        shipment_id = await self.delivered(waybill, amount)
        await self.world.collected(amount if taken is None else taken, waybill=waybill)
        return shipment_id

    async def delivered(self, waybill: str = "W-1", amount: int = 12_900, *, cod: bool = True) -> str:
        shipment_id = await self.world.parcel(amount, cod=cod)
        assert (await self.world.hand_over(shipment_id, waybill)).status_code == 200
        await self.world.report("delivered", 3, waybill)
        return shipment_id

    async def came_back(self, waybill: str = "W-1") -> str:
        """A parcel that was refused at the door and is with its supplier again."""
        shipment_id = await self.world.parcel()
        assert (await self.world.hand_over(shipment_id, waybill)).status_code == 200
        await self.world.report("refused", 3, waybill)
        await self.world.report("returned", 4, waybill)
        return shipment_id

    async def credit(self, minor: int, bank_ref: str = "B-1", ref: str = "S-1", **facts: Any) -> httpx.Response:
        body = {
            **{"carrier": CARRIER, "statement_ref": ref, "amount": yuan(minor)},
            **{"value_date": "2026-11-25", "bank_ref": bank_ref},
        } | facts
        return await self.post("/bank-credits", body)

    async def resolve(self, discrepancy_id: str, decision: str, **facts: Any) -> httpx.Response:
        return await self.post(f"/discrepancies/{discrepancy_id}/resolve", {"decision": decision} | facts)

    async def post(self, path: str, body: Any, key: str | None = None) -> httpx.Response:
        headers = self.world.bearer("operator", "op") | {"idempotency-key": key or new_id()}
        return await self.world.http.post(path, json=body, headers=headers)

    async def open(self, **wanted: str) -> list[dict[str, Any]]:
        answer = await self.world.http.get(
            "/discrepancies", params={"state": "open"} | wanted, headers=self.world.bearer("operator", "op")
        )
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def one(self, **wanted: str) -> dict[str, Any]:
        """The one discrepancy that is open."""
        (found,) = await self.open(**wanted)
        return found

    async def cash(self, shipment_id: str) -> str:
        state: str = await self.world.db.pool.fetchval("SELECT state FROM cod_cash WHERE shipment_id = $1", shipment_id)
        return state

    async def told(self, topic: str = "logistics.cod", key: str | None = None) -> list[str]:
        return [event.type for event in await self.world.told(topic) if key in (None, event.key)]

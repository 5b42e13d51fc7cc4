"""Suppliers hand parcels over, the sandbox's carrier goes its way with them, orders come to their end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from shared.kernel.ids import new_id
from wanpu.demo.client import Answer, DemoError, Json, Platform, until
from wanpu.demo.shopping import CALLED_BACK, FATES, TOO_LATE, Fate, Order

CARRIER = "sandbox"
LATE = ("handed_over", "illegal_transition")  # on its way, or already there
END_SECONDS = 75.0  # the longest way is eight reports; the longest wait an order's expiry


async def call_back(platform: Platform, orders: Sequence[Order]) -> None:
    """Buyers cancel confirmed orders whose parcels still stand at the supplier's; each parcel is called off."""
    chosen = [order for order in orders if order.fate is CALLED_BACK]
    await asyncio.gather(*(_parcels(platform, order) for order in chosen))
    await asyncio.gather(*(_cancel(order) for order in chosen))
    await asyncio.gather(*(ended(platform, order) for order in chosen))


async def hand_over(platform: Platform, orders: Sequence[Order]) -> int:
    """Every parcel that travels goes to the carrier, with the way it is to go; returns how many.

    Some buyers cancel just then: too late, by the order's own knowledge or by the parcel's row.
    """
    ways = {fate: cycle(fate.ways) for fate in FATES if fate.ways}
    chosen = [(order, next(ways[order.fate])) for order in orders if order.fate.ways]
    return sum(await asyncio.gather(*(_hand_over(platform, order, way) for order, way in chosen)))


async def see_ends(platform: Platform, orders: Sequence[Order]) -> Counter[tuple[Fate, str]]:
    """Wait until every order has come to the end it was meant to have; how many of each fate in each state."""
    states = await asyncio.gather(*(ended(platform, order) for order in orders))
    return Counter((order.fate, state) for order, state in zip(orders, states, strict=True))


async def ended(platform: Platform, order: Order) -> str:
    """Wait until an order, and the cash for it, is where its fate leads; its state."""

    async def look() -> str | None:
        found = await platform.operator.get("orders", f"/orders/{order.order_id}")
        state: str = found["state"]
        arrived = state in order.fate.ends and _has_its_cash(found)
        return state if arrived or ("EXPIRED" in order.fate.ends and _waits_long(found)) else None

    try:
        return await until(f"{order.order_no} ({order.fate.name}) ends", look, END_SECONDS)
    except DemoError as error:
        found = await platform.operator.get("orders", f"/orders/{order.order_id}")
        steps = ", ".join(each["what"] for each in found["timeline"])
        raise DemoError(f"{error}; it is {found['state']} after {steps}") from None


def _has_its_cash(found: Json) -> bool:
    delivered = found["state"] in ("FULFILLED", "COMPLETED")
    return not delivered or all(each.get("collected") == each["due"] for each in found.get("cash") or [])


def _waits_long(found: Json) -> bool:
    """Whether the stack's periods are those of real life (docker compose): nobody waits two hours for a demo."""
    if found["state"] != "PLACED":
        return False
    return datetime.fromisoformat(found["expires_at"]) > datetime.now(UTC) + timedelta(seconds=END_SECONDS)


async def _parcels(platform: Platform, order: Order) -> list[Json]:
    """An order's parcels, once there is one for each supplier."""

    async def look() -> list[Any] | None:
        found = (await platform.operator.get("logistics", "/shipments", order_id=order.order_id))["items"]
        return found if len(found) == order.basket.suppliers else None

    return await until(f"{order.order_no} ({order.fate.name}) has {order.basket.suppliers} parcels", look)


async def _hand_over(platform: Platform, order: Order, way: str) -> int:
    parcels = await _parcels(platform, order)
    for parcel in parcels:
        waybill = f"SB{new_id().replace('-', '')[-16:].upper()}"
        told = await platform.send("POST", "carrier", f"/control/parcels/{waybill}", json={"behaviour": way})
        if told.status != 204:
            raise DemoError(f"the sandbox's carrier did not take {way!r}: {told}")
        supplier = platform.caller("supplier", parcel["supplier_id"])
        body = {"carrier": CARRIER, "waybill": waybill}
        await supplier.post("logistics", f"/shipments/{parcel['shipment_id']}/hand-over", body)
    if order.fate is TOO_LATE:
        answer = await _cancel(order)
        if answer.status != 202 and answer.code not in LATE:
            raise DemoError(f"a cancellation of {order.order_no} on its way was answered {answer.status} {answer.code}")
    return len(parcels)


async def _cancel(order: Order) -> Answer:
    body = {"reason": "changed my mind"}
    return await order.buyer.ask("POST", "orders", f"/orders/{order.order_id}/cancel", body)

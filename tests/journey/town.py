"""A small town for the journeys: two suppliers, a shop with all they offer, and a creator who shares its links."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.kernel.ids import new_id
from wanpu.demo.client import Answer, Caller, DemoError, Json, Platform, money, until
from wanpu.demo.market import Listing, Market, Shop, onboard, open_shop
from wanpu.demo.samples import Creator, Deal, Item, Supplier

ADDRESS = {"name": "林晓", "phone": "+86 138 0000 0000", "region": "CN-ZJ", "address": "杭州市文三路 8 号"}
FEW = 3  # pieces of what sells out

FARM = Supplier(
    "山里 The Hills",
    "CN-YN",
    (
        Item("honey", "百花蜜 Wildflower Honey", "food", (("500 g", 4500),)),
        Item("mushrooms", "松茸 Pine Mushrooms", "food", (("50 g", 6000),)),
        Item("ham", "火腿 Ham", "food", (("whole", 68000),)),
        Item("pears", "早梨 First Pears", "food", (("a crate", 5200),), "", FEW),
        Item("plums", "青梅 Green Plums", "food", (("a crate", 4800),), "", FEW),
    ),
    (Deal("commission", ("honey", "mushrooms", "ham", "pears", "plums"), 150_000),),
)
KILN = Supplier(
    "窑 The Kiln",
    "CN-JX",
    (Item("cup", "手作杯 Hand-thrown Cup", "home", (("one", 5000),)),),
    (Deal("wholesale", ("cup",), floor_percent=70),),
)
KEEPER = Creator("阿青", "account", "aqing", "一个杯子和一罐蜜", "下午三点，坐下来。")
SHARER = Creator("小满", "person", "xiaoman", "朋友的店", "转给你看看。")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Town:
    """What the journeys start from."""

    platform: Platform
    market: Market
    shop: Shop
    referrer: str

    def listing(self, sku: str) -> Listing:
        return next(each for each in self.shop.listings if each.variant.sku == sku)

    def line(self, sku: str, qty: int = 1) -> Json:
        """A line of an order at the shop's price."""
        listing = self.listing(sku)
        return {"listing_id": listing.listing_id, "qty": qty, "unit_price": money(listing.price)}

    def buyer(self) -> Buyer:
        return Buyer(self, self.platform.caller("buyer", f"buyer-{new_id()}"))

    async def touch(self, entry_point: str, **more: Any) -> str:
        """The touch of an arrival at the shop."""
        asked = {"storefront_id": self.shop.storefront_id, "entry_point": entry_point, "viewer_ref": "v", **more}
        touch: str = (await self.platform.operator.post("storefront", "/touches", asked))["touch"]
        return touch

    async def order(self, order_id: str) -> Json:
        return await self.platform.operator.get("orders", f"/orders/{order_id}")

    async def order_in(self, order_id: str, *states: str) -> Json:
        """The order once it is in one of these states."""

        async def look() -> Json | None:
            found = await self.order(order_id)
            return found if found["state"] in states else None

        return await seen(f"{order_id} is {' or '.join(states)}", look)

    async def parcels(self, order_id: str, count: int = 1) -> list[Json]:
        """An order's parcels once there are so many."""

        async def look() -> list[Json] | None:
            found = (await self.platform.operator.get("logistics", "/shipments", order_id=order_id))["items"]
            return found if len(found) >= count else None

        return await seen(f"{order_id} has {count} parcels", look)

    async def parcel_in(self, shipment_id: str, *states: str) -> Json:
        """The parcel once it is in one of these states."""

        async def look() -> Json | None:
            found = await self.platform.operator.get("logistics", f"/shipments/{shipment_id}")
            return found if found["parcel_state"] in states else None

        return await seen(f"parcel {shipment_id} is {' or '.join(states)}", look)

    async def hand_over(self, parcel: Json, way: str | None = None) -> Answer:
        """The supplier gives a parcel to the carrier, which goes this way with it."""
        waybill = f"T{new_id()[-12:]}"
        if way:
            await self.platform.send("POST", "carrier", f"/control/parcels/{waybill}", json={"behaviour": way})
        supplier = self.platform.caller("supplier", parcel["supplier_id"])
        body = {"carrier": "sandbox", "waybill": waybill}
        return await supplier.ask("POST", "logistics", f"/shipments/{parcel['shipment_id']}/hand-over", body)

    async def delivered(self, order_id: str, parcels: int = 1) -> Json:
        """The order once every parcel of it was handed over, delivered and paid for."""
        for parcel in await self.parcels(order_id, parcels):
            assert (await self.hand_over(parcel, "deliver")).status == 200
        return await self.order_in(order_id, "FULFILLED", "COMPLETED")


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody who orders in the town's shop."""

    town: Town
    caller: Caller

    def body(self, *lines: Json, payment: str = "cod", touch: str | None = None) -> Json:
        """The body of `POST /orders`."""
        body: Json = {
            "storefront_id": self.town.shop.storefront_id,
            "buyer_ref": self.caller.party,
            "payment": payment,
            "lines": list(lines),
            "ship_to": ADDRESS,
        }
        return body | ({"touch": touch} if touch else {})

    async def order(self, *lines: Json, payment: str = "cod", touch: str | None = None) -> Json:
        """An order that is placed."""
        answer = await self.caller.order(self.body(*lines, payment=payment, touch=touch))
        assert answer.status == 201, answer
        return answer.body

    async def tries(self, *lines: Json, payment: str = "cod", touch: str | None = None) -> Answer:
        """An order that may be refused."""
        return await self.caller.order(self.body(*lines, payment=payment, touch=touch))

    async def cancels(self, order_id: str) -> Answer:
        return await self.caller.ask("POST", "orders", f"/orders/{order_id}/cancel", {"reason": "changed my mind"})

    async def types(self, order_id: str, code: str) -> Answer:
        return await self.caller.ask("POST", "orders", f"/orders/{order_id}/confirm", {"code": code})

    async def code(self, order_id: str) -> str:
        """The code on the buyer's phone."""

        async def look() -> str | None:
            said = await self.town.platform.send("GET", "phone", f"/phones/{self.caller.party}/messages")
            codes = [each["code"] for each in said.body["items"] if each["order_id"] == order_id]
            return codes[-1] if codes else None

        return await seen(f"the code of {order_id} is on the phone", look)

    async def orders(self) -> list[Json]:
        found: list[Json] = (await self.caller.get("orders", "/orders"))["items"]
        return found


async def build(platform: Platform) -> Town:
    """The town, once everything in it can be bought."""
    market = Market(platform)
    offers = [*await onboard(market, FARM), *await onboard(market, KILN)]
    shop = await open_shop(market, KEEPER, offers, markup=10)
    sharer = await open_shop(market, SHARER, offers[1:], markup=5)
    return Town(platform, market, shop, sharer.creator_id)


async def seen(what: str, look: Callable[[], Awaitable[T | None]]) -> T:
    """Wait until it is found, a bounded time; the test fails with the sentence when it is not."""
    try:
        return await until(what, look)
    except DemoError as error:
        raise AssertionError(str(error)) from None

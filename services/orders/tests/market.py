"""A small market told by the events orders hears, and the orders placed in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.orders.domain.agreement import Rules
from services.orders.domain.order import Placed, PlaceOrder, Wanted
from services.orders.usecases import mirrors, stock
from services.orders.usecases.intake import Answer, Intake, Refused, Request, Taken
from shared.contracts.catalog import (
    OfferPublished,
    ProductPublished,
    SlotOpened,
    StockAdjusted,
    SupplierOnboarded,
    Variant,
)
from shared.contracts.event import Cause, Event
from shared.contracts.storefront import Listing, OfferAdopted, StorefrontOpened
from shared.contracts.values import (
    CommissionTerms,
    CreatorId,
    ListingId,
    Money,
    OfferVersion,
    ShipTo,
    StorefrontId,
    SupplierId,
    Terms,
    VariantId,
    VariantKind,
)
from shared.kernel.database import Database
from shared.kernel.errors import Rejected
from shared.kernel.idempotency import Decided, Key
from shared.kernel.ids import new_id
from shared.kernel.testing import as_received

KEY_ID, KEY = "k1", b"0123456789abcdef0123456789abcdef"
RULES = Rules(
    cod_auto_confirm_below=Money(amount=20_000, currency="CNY"),
    cod_confirm_seconds=86_400,
    prepaid_expire_seconds=7_200,
    max_lines=50,
    max_quantity=1_000,
    touch_keys={KEY_ID: KEY},
)
COMMISSION = CommissionTerms(kind="commission", creator_ppm=150_000, referrer_ppm=20_000, platform_ppm=10_000)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ADDRESS = ShipTo(name="Li Lei", phone="13800000000", region="CN-ZJ", address="1 West Lake Road")


def cny(amount: int) -> Money:
    return Money(amount=amount, currency="CNY")


def old_id() -> str:
    """An id made long ago: what it names has had its time to arrive."""
    return "01890000" + new_id()[8:]


@dataclass(frozen=True)
class Goods:
    """One thing on sale, with the five events that put it there."""

    price: int = 5_000
    terms: Terms = COMMISSION
    creators_price: int | None = None  # under wholesale terms
    regions: tuple[str, ...] = ()
    cod_allowed: bool = True
    loadtest: bool = False
    currency: str = "CNY"
    kind: VariantKind = "good"
    supplier_id: SupplierId = field(default_factory=lambda: SupplierId(old_id()))
    creator_id: CreatorId = field(default_factory=lambda: CreatorId(old_id()))
    storefront_id: StorefrontId = field(default_factory=lambda: StorefrontId(old_id()))
    variant_id: VariantId = field(default_factory=lambda: VariantId(old_id()))
    listing_id: ListingId = field(default_factory=lambda: ListingId(old_id()))
    product_id: str = field(default_factory=old_id)
    offer_id: str = field(default_factory=old_id)
    adoption_id: str = field(default_factory=old_id)

    @property
    def retail(self) -> Money:
        price = self.price if self.creators_price is None else self.creators_price
        return Money(amount=price, currency=self.currency)

    def beside(self, other: Goods) -> Goods:
        """The same goods in the other's storefront."""
        return replace(self, storefront_id=other.storefront_id, creator_id=other.creator_id)

    def supplier(self) -> SupplierOnboarded:
        given = {"supplier_id": self.supplier_id, "regions": self.regions, "cod_allowed": self.cod_allowed}
        event = SupplierOnboarded(version=1, name="Tea Farm", kinds=("good",), loadtest=self.loadtest, **given)
        return as_received(event)

    def product(self, **changes: Any) -> ProductPublished:
        variant = Variant(variant_id=self.variant_id, sku="T-1", spec={}, list_price=self._money(self.price))
        given = {"product_id": self.product_id, "supplier_id": self.supplier_id, "version": 1, "state": "published"}
        said = {"title": "Longjing", "description": "Green tea", "kind": self.kind, "category": "tea", "media": ()}
        return as_received(ProductPublished.model_validate({**given, **said, "variants": (variant,), **changes}))

    def offer(self, **changes: Any) -> OfferPublished:
        versions = (OfferVersion(version=1, terms=self.terms, effective_from=LONG_AGO),)
        given = {"offer_id": self.offer_id, "supplier_id": self.supplier_id, "version": 1, "state": "active"}
        who = {"adoption": "open", "invited": (), "valid_from": None, "valid_until": None, "notice_days": 7}
        what = {"variant_ids": (self.variant_id,), "versions": versions}
        return as_received(OfferPublished.model_validate({**given, **who, **what, **changes}))

    def storefront(self) -> StorefrontOpened:
        given = {"storefront_id": self.storefront_id, "creator_id": self.creator_id}
        return as_received(StorefrontOpened(version=1, slug="tea", name="Tea", **given))

    def adoption(self, **changes: Any) -> OfferAdopted:
        own = None if self.creators_price is None else self._money(self.creators_price)
        listing = Listing(listing_id=self.listing_id, variant_id=self.variant_id, price=own, state="active")
        given = {"adoption_id": self.adoption_id, "storefront_id": self.storefront_id, "creator_id": self.creator_id}
        offer = {"offer_id": self.offer_id, "offer_version": 1, "supplier_id": self.supplier_id}
        state = {"version": 1, "state": "active", "listings": (listing,)}
        return as_received(OfferAdopted.model_validate({**given, **offer, **state, **changes}))

    def delivery(self, delta: int) -> StockAdjusted:
        what = {"variant_id": self.variant_id, "supplier_id": self.supplier_id, "delta": delta, "reason": "harvest"}
        when = datetime.now(UTC)
        return as_received(StockAdjusted.model_validate({"delivery_id": new_id(), "adjusted_at": when, **what}))

    def slot(self, capacity: int = 1, *, slot_id: str | None = None, begins_in: float = 3600.0) -> SlotOpened:
        """A slot of a service that begins in so many seconds and lasts an hour."""
        starts_at = datetime.now(UTC) + timedelta(seconds=begins_in)
        when = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=1), "opened_at": LONG_AGO}
        what = {"variant_id": self.variant_id, "supplier_id": self.supplier_id, "capacity": capacity, "provider": "Li"}
        return as_received(SlotOpened.model_validate({"slot_id": slot_id or old_id(), **what, **when}))

    def wanted(self, qty: int = 1, price: Money | None = None, slot: SlotOpened | None = None) -> Wanted:
        return Wanted(self.listing_id, qty, price or self.retail, slot.slot_id if slot else None)

    def _money(self, amount: int) -> Money:
        return Money(amount=amount, currency=self.currency)


@dataclass(frozen=True)
class Market:
    """Orders' database with goods in it."""

    db: Database

    async def hear(self, *events: Event) -> None:
        """Apply mirrored events in this order, each in a transaction of its own."""
        reactions: dict[type[Event], Any] = {
            SupplierOnboarded: mirrors.mirror_suppliers,
            ProductPublished: mirrors.mirror_products,
            OfferPublished: mirrors.mirror_offers,
            StorefrontOpened: mirrors.mirror_storefronts,
            OfferAdopted: mirrors.mirror_adoptions,
            StockAdjusted: stock.receive,
            SlotOpened: stock.open_slots,
        }
        for event in events:
            async with self.db.transaction() as tx:
                await reactions[type(event)](tx, [event])

    async def sell(self, goods: Goods, pieces: int = 100) -> Goods:
        """Put goods on sale with so many pieces in stock."""
        await self.hear(goods.supplier(), goods.product(), goods.offer(), goods.storefront(), goods.adoption())
        if pieces:
            await self.hear(goods.delivery(pieces))
        return goods

    async def offer(self, capacity: int = 1, *, begins_in: float = 3600.0, **changes: Any) -> tuple[Goods, SlotOpened]:
        """Put a service on sale, with a slot of so many places."""
        service = await self.sell(Goods(kind="service", **changes), 0)
        slot = service.slot(capacity, begins_in=begins_in)
        await self.hear(slot)
        return service, slot

    async def place(self, *orders: PlaceOrder, rules: Rules = RULES) -> list[Placed | Rejected]:
        """Place a list of orders in one transaction, each under a key of its own."""
        requests = [request_of(order) for order in orders]
        answers = await self.db.run(lambda tx: Intake(lambda: rules).take_orders(tx, requests))
        return [self._seen(answer) for answer in answers]

    @staticmethod
    def _seen(answer: Answer) -> Placed | Rejected:
        if isinstance(answer, Refused):
            assert answer.refusal is not None, "a fresh key"
            return answer.refusal
        if isinstance(answer, Taken):
            assert answer.placed is not None, "a fresh key"
            return answer.placed
        assert isinstance(answer, Rejected), "nobody holds anything"
        return answer

    async def placed(self, order: PlaceOrder, rules: Rules = RULES) -> Placed:
        """Place one order that is expected to stand."""
        (answer,) = await self.place(order, rules=rules)
        assert isinstance(answer, Placed), answer
        return answer

    async def refused(self, order: PlaceOrder, rules: Rules = RULES) -> Rejected:
        """Place one order that is expected to be refused, leaving everything as it was."""
        before = await self.everything()
        (answer,) = await self.place(order, rules=rules)
        assert isinstance(answer, Rejected), answer
        assert await self.everything() == before
        return answer

    async def everything(self) -> dict[str, list[Any]]:
        """All rows that an order could have written or changed."""
        tables = ("orders", "supplier_orders", "lines", "payments", "stock", "order_timeline", "timers", "outbox")
        return {table: await self.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables}  # noqa: S608

    async def rows(self, query: str, *values: Any) -> list[Any]:
        return [tuple(row) for row in await self.db.pool.fetch(query, *values)]

    async def stock_of(self, goods: Goods) -> tuple[int, int, int]:
        """received, reserved, sold"""
        return await self.places_in(goods.variant_id)

    async def places_in(self, stock_id: str) -> tuple[int, int, int]:
        """received, reserved, sold"""
        query = "SELECT received, reserved, sold FROM stock WHERE stock_id = $1"
        return (await self.rows(query, stock_id))[0]  # type: ignore[no-any-return]

    async def told(self, key: str) -> list[tuple[str, int, dict[str, Any]]]:
        """The events of a stream: name, position, body."""
        query = "SELECT type, aggregate_version, body FROM outbox WHERE key = $1 ORDER BY id"
        rows = await self.db.pool.fetch(query, key)
        return [(row[0].split(".")[2], row[1], json.loads(row[2])) for row in rows]

    async def tell_later(self) -> None:
        """Let a second pass for the last announcements."""
        await self.db.pool.execute("UPDATE stock SET announced_at = announced_at - interval '2 seconds'")


def request_of(order: PlaceOrder, key: str | None = None) -> Request:
    """An order under a key, as the edge hands it on."""
    whose = Key(order.placed_by, "POST /orders", key or new_id(), repr(order).encode())
    cause = Cause(correlation_id="c", loadtest=order.loadtest)
    return Request(order, cause, whose, lambda refusal: Decided(409, refusal.code.encode(), None))


def order_of(goods: Goods | Sequence[Goods], *lines: Wanted, **changes: Any) -> PlaceOrder:
    """One piece of each goods, cash on delivery, unless said otherwise."""
    all_goods = [goods] if isinstance(goods, Goods) else list(goods)
    order = PlaceOrder(
        storefront_id=all_goods[0].storefront_id,
        buyer_ref="buyer-1",
        placed_by="buyer-1",
        payment="cod",
        lines=lines or tuple(each.wanted() for each in all_goods),
        ship_to=ADDRESS,
    )
    return replace(order, **changes)


def touch_token(goods: Goods, *, key: bytes = KEY, age_seconds: int = 0, **claims: Any) -> str:
    """A token as the storefront signs it."""
    issued = int(time.time()) - age_seconds
    said = {"tid": new_id(), "sf": goods.storefront_id, "cr": goods.creator_id, "ep": "article", "vw": "v"}
    payload = json.dumps({**said, "iat": issued, "exp": issued + 1_296_000, **claims}).encode()
    signed = f"v1.{KEY_ID}.{_b64(payload)}"
    return f"{signed}.{_b64(hmac.digest(key, signed.encode(), hashlib.sha256))}"


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

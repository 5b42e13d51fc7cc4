"""What the storefront's tests are told in: a small market, the callers, and a neighbour that speaks for orders."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.storefront import consumers
from services.storefront.domain import TouchKeys
from shared.contracts.catalog import (
    OfferPublished,
    OfferState,
    ProductPublished,
    SupplierOnboarded,
    Variant,
)
from shared.contracts.event import Event
from shared.contracts.orders import AvailabilityChanged
from shared.contracts.values import (
    CommissionTerms,
    Floor,
    Money,
    OfferId,
    OfferVersion,
    ProductId,
    SupplierId,
    Terms,
    VariantId,
    WholesaleTerms,
)
from shared.kernel import auth, timers
from shared.kernel.database import Database
from shared.kernel.ids import new_id
from shared.kernel.testing import as_received

_KEY = Ed25519PrivateKey.generate()
PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
TOUCH_KEYS = "k2:c2Vjb25kLXNlY29uZC1zZWNvbmQtc2Vjb25kLXNlY28\nk1:Zmlyc3QtZmlyc3QtZmlyc3QtZmlyc3QtZmlyc3QtZmk"
KEYS = TouchKeys.parse(TOUCH_KEYS)
BROWSER = {"user-agent": "Mozilla/5.0 (Linux; Android 14) Mobile", "accept": "text/html", "accept-language": "en"}


def cny(amount: int) -> Money:
    return Money(amount=amount, currency="CNY")


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)


COMMISSION = CommissionTerms(kind="commission", creator_ppm=150_000, referrer_ppm=20_000, platform_ppm=10_000)


@dataclass(slots=True)
class Market:
    """One supplier with one product of two variants, as catalog and orders tell of them."""

    supplier_id: SupplierId = field(default_factory=lambda: SupplierId(new_id()))
    product_id: ProductId = field(default_factory=lambda: ProductId(new_id()))
    tin: VariantId = field(default_factory=lambda: VariantId(new_id()))
    box: VariantId = field(default_factory=lambda: VariantId(new_id()))
    offer_id: OfferId = field(default_factory=lambda: OfferId(new_id()))

    def supplier(self, **changed: Any) -> SupplierOnboarded:
        said = {"name": "山里茶园", "kinds": ("good",), "regions": (), "cod_allowed": True}
        return SupplierOnboarded(supplier_id=self.supplier_id, version=1, **said | changed)

    def product(self, **changed: Any) -> ProductPublished:
        variants = (
            Variant(variant_id=self.tin, sku="T-1", spec={"size": "100 g"}, list_price=cny(12_900)),
            Variant(variant_id=self.box, sku="T-2", spec={"size": "500 g"}, list_price=cny(49_900)),
        )
        said: dict[str, Any] = {
            "state": "published",
            "title": "明前龙井 Longjing",
            "description": "Spring leaves,\nroasted by hand.",
            "kind": "good",
            "category": "tea",
            "media": ("https://pictures.example/tea.jpg",),
            "variants": variants,
        }
        ids = {"product_id": self.product_id, "supplier_id": self.supplier_id}
        return ProductPublished(version=1, **ids | said | changed)

    def wholesale(self, tin: int = 8_000, box: int = 30_000, platform_ppm: int = 10_000) -> WholesaleTerms:
        floors = (Floor(variant_id=self.tin, price=cny(tin)), Floor(variant_id=self.box, price=cny(box)))
        return WholesaleTerms(kind="wholesale", platform_ppm=platform_ppm, floors=floors)

    def offer(
        self, *terms: Terms, event: type[OfferState] = OfferPublished, since: Sequence[datetime] = (), **changed: Any
    ) -> OfferState:
        """The offer with these terms as its versions 1, 2 …, in force since an hour ago unless `since` says when."""
        times = since or [ago(hours=1)] * len(terms or (COMMISSION,))
        pairs = enumerate(zip(terms or (COMMISSION,), times, strict=True), 1)
        said: dict[str, Any] = {
            "version": 1,
            "state": "active",
            "variant_ids": (self.tin, self.box),
            "versions": tuple(OfferVersion(version=n, terms=t, effective_from=at) for n, (t, at) in pairs),
            "adoption": "open",
            "invited": (),
            "valid_from": None,
            "valid_until": None,
            "notice_days": 7,
        }
        return event(offer_id=self.offer_id, supplier_id=self.supplier_id, **said | changed)

    def stock(self, variant_id: VariantId, available: str = "yes") -> AvailabilityChanged:
        said = {"variant_id": variant_id, "supplier_id": self.supplier_id, "available": available}
        return AvailabilityChanged.model_validate(said)

    @property
    def all(self) -> list[Event]:
        return [self.supplier(), self.product(), self.offer(), self.stock(self.tin), self.stock(self.box, "few")]

    def own_prices(self, tin: int = 12_000, box: int = 45_000) -> list[dict[str, Any]]:
        """What a creator asks under wholesale terms."""
        return [
            {"variant_id": self.tin, "price": cny(tin).model_dump()},
            {"variant_id": self.box, "price": cny(box).model_dump()},
        ]


@dataclass
class Orders(httpx.AsyncBaseTransport):
    """The public API of orders as a client meets it: answers in turn, and what it was asked."""

    answers: list[tuple[int, Mapping[str, Any]] | Exception] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer[0], json=answer[1])

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.asked if request.content]


@dataclass(slots=True)
class World:
    """The storefront behind its edge."""

    http: httpx.AsyncClient
    db: Database
    orders: Orders
    positions: dict[tuple[str, str], int] = field(default_factory=dict)
    router: ClassVar[Any] = consumers.reactions()

    def caller(self, role: auth.Role, party: str) -> Caller:
        token = auth.mint(PRIVATE, role, party, 600)
        return Caller(self, {"authorization": f"Bearer {token}"})

    async def hear(self, *events: Event) -> None:
        """Let events arrive, each in a transaction of its own."""
        for event in events:
            stream = (event.topic.name, event.key)
            self.positions[stream] = self.positions.get(stream, 0) + 1
            received = as_received(event, self.positions[stream])
            react = self.router.subscriptions[event.topic.name].reactions[event.type]
            async with self.db.transaction() as tx:
                await react(tx, [received])

    async def fire(self) -> int:
        """Let the timers fire that are due."""
        return await timers.fire_due(self.db, self.router.timers)

    async def told(self, name: str = "") -> list[dict[str, Any]]:
        """Bodies of the events told so far, of one type if it is named."""
        rows = await self.db.pool.fetch("SELECT type, body FROM outbox ORDER BY bucket, id")
        return [json.loads(row["body"]) for row in rows if f".{name}" in row["type"]]

    async def written(self) -> tuple[int, ...]:
        """How much is in the tables that a request may write, events included."""
        tables = ("creators", "storefronts", "adoptions", "listings", "contents", "embeds", "outbox")
        counts = [await self.db.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]  # noqa: S608
        states = "SELECT coalesce(sum(hashtext(t::text)::bigint), 0)::bigint FROM"
        for table in ("adoptions", "listings"):
            counts.append(await self.db.pool.fetchval(f"{states} {table} t"))
        return tuple(counts)

    async def page(self, path: str, **headers: str) -> httpx.Response:
        """Open a page as a phone's browser does."""
        return await self.http.get(path, headers=BROWSER | {k.replace("_", "-"): v for k, v in headers.items()})

    async def listings(self, storefront_id: str, **query: Any) -> list[dict[str, Any]]:
        answer = await self.http.get(f"/storefronts/{storefront_id}/listings", params=query)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with a token."""

    world: World
    headers: Mapping[str, str]

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.world.http.post(path, json=body, headers=self.headers)

    async def made(self, path: str, body: Any = None) -> dict[str, Any]:
        """The answer of a call that must succeed."""
        answer = await self.post(path, body)
        assert answer.is_success, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def refused(self, path: str, body: Any = None) -> tuple[int, str]:
        """Status and code of a call that must write nothing and tell nothing."""
        before = await self.world.written()
        answer = await self.post(path, body)
        assert await self.world.written() == before
        return answer.status_code, answer.json()["code"]


@dataclass(frozen=True, slots=True)
class Shop:
    """An opened storefront and its creator."""

    storefront_id: str
    creator_id: str
    slug: str
    owner: Caller

    @property
    def path(self) -> str:
        return f"/s/{self.slug}"

    async def adopt(self, market: Market, **body: Any) -> dict[str, Any]:
        return await self.owner.made(self.adoptions, {"offer_id": market.offer_id, **body})

    @property
    def adoptions(self) -> str:
        return f"/storefronts/{self.storefront_id}/adoptions"

    async def write(self, body: str, title: str = "Tea, slowly", **embeds: str) -> str:
        """Publish an article; `p3=listing` embeds a listing at position 3. Gives the page's path."""
        placed = [{"position": int(name[1:]), "listing_id": listing} for name, listing in embeds.items()]
        said = {"kind": "article", "title": title, "body": body, "embeds": placed}
        made = await self.owner.made(f"/storefronts/{self.storefront_id}/contents", said)
        return str(made["url"])


def hidden(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))


def links(page: httpx.Response, part: str) -> list[str]:
    """Addresses in a page that contain `part`."""
    return [each.replace("&amp;", "&") for each in re.findall(r'<a [^>]*href="([^"]+)"', page.text) if part in each]

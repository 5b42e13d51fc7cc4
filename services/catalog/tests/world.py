"""Callers with tokens, bodies that are accepted, and what the catalog stored and told."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.contracts import BY_TYPE
from shared.contracts.event import Cause, Event
from shared.kernel.auth import Role, mint
from shared.kernel.database import Database

NOTICE_SECONDS = 3600.0
Json = dict[str, Any]

_KEY = Ed25519PrivateKey.generate()
PRIVATE = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC = (
    _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
)
_keys = count(1)


def cny(amount: int) -> Json:
    return {"amount": amount, "currency": "CNY"}


def commission(creator: int = 150_000, referrer: int = 20_000, platform: int = 10_000) -> Json:
    return {"kind": "commission", "creator_ppm": creator, "referrer_ppm": referrer, "platform_ppm": platform}


def wholesale(floors: dict[str, int], platform: int = 10_000) -> Json:
    prices = [{"variant_id": variant_id, "price": cny(amount)} for variant_id, amount in floors.items()]
    return {"kind": "wholesale", "platform_ppm": platform, "floors": prices}


def supplier_body(**changed: Any) -> Json:
    return {"name": "青山茶园", "kinds": ["good"], "regions": ["CN-ZJ"], "cod_allowed": True} | changed


def product_body(supplier_id: str, **changed: Any) -> Json:
    variants = [
        {"sku": "tea-100", "spec": {"weight": "100 g"}, "list_price": cny(12_900), "weight_g": 120},
        {"sku": "tea-250", "spec": {"weight": "250 g"}, "list_price": cny(28_800)},
    ]
    described = {"title": "龙井 Longjing tea", "description": "Picked before the rains.", "kind": "good"}
    shown = {"category": "tea", "media": ["https://example.com/tea.jpg"], "variants": variants}
    return {"supplier_id": supplier_id} | described | shown | changed


@dataclass(frozen=True, slots=True)
class Caller:
    """One party with its token."""

    http: httpx.AsyncClient
    token: str

    async def get(self, path: str) -> httpx.Response:
        return await self.http.get(path, headers={"authorization": f"Bearer {self.token}"})

    async def post(self, path: str, body: Json | None = None, *, key: str | None = "new") -> httpx.Response:
        """A POST with an Idempotency-Key of its own, the one given, or (None) without."""
        chosen = f"key-{next(_keys)}" if key == "new" else key
        headers = {"authorization": f"Bearer {self.token}"} | ({"idempotency-key": chosen} if chosen else {})
        return await self.http.post(path, json=body, headers=headers)

    async def made(self, path: str, body: Json | None = None) -> Json:
        """The answer to a POST that must succeed."""
        answer = await self.post(path, body)
        assert answer.status_code < 300, answer.text
        result: Json = answer.json()
        return result


@dataclass(frozen=True, slots=True)
class World:
    """The service and its database."""

    http: httpx.AsyncClient
    db: Database

    def caller(self, role: Role, party: str, *, loadtest: bool = False) -> Caller:
        return Caller(self.http, mint(PRIVATE, role, party, 600, loadtest=loadtest))

    async def told(self) -> list[Event]:
        """Every event in the outbox, with its position, oldest first."""
        rows = await self.db.pool.fetch("SELECT type, aggregate_version, body FROM outbox ORDER BY id")
        return [
            BY_TYPE[row["type"]].model_validate_json(row["body"]).at(row["aggregate_version"], Cause()) for row in rows
        ]

    async def rows(self) -> Json:
        """All the service has stored, to compare before with after."""
        query = """
            SELECT (SELECT count(*) FROM suppliers) AS suppliers, (SELECT count(*) FROM variants) AS variants,
                   (SELECT count(*) FROM stock_deliveries) AS deliveries,
                   (SELECT count(*) FROM offer_versions) AS terms, (SELECT count(*) FROM outbox) AS outbox,
                   (SELECT sum(version + events) FROM products) AS products,
                   (SELECT sum(version + events) FROM offers) AS offers,
                   (SELECT sum(list_price + events) FROM variants) AS prices,
                   (SELECT count(*) FROM idempotency) AS keys, (SELECT count(*) FROM timers) AS timers
        """
        row = await self.db.pool.fetchrow(query)
        assert row is not None
        return dict(row)


@dataclass(frozen=True, slots=True)
class Shop:
    """A supplier with a draft of two variants."""

    supplier_id: str
    product_id: str
    variants: tuple[str, str]
    owner: Caller

    def offer_body(self, **changed: Any) -> Json:
        made = {"supplier_id": self.supplier_id, "variant_ids": list(self.variants)}
        return made | {"terms": commission(), "adoption": "open"} | changed

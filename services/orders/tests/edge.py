"""Orders over HTTP: an application on a test's database, and callers with tokens."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from services.orders import domain, http
from services.orders.http.intake import Desk
from services.orders.settings import Settings
from services.orders.tests.market import ADDRESS, KEY, KEY_ID, Goods
from shared.kernel.auth import Role, mint
from shared.kernel.database import Database
from shared.kernel.http import api
from shared.kernel.ids import new_id

PAY_URL_KEY = "pay-url-key"
_PAIR = Ed25519PrivateKey.generate()
PRIVATE = _PAIR.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = _PAIR.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class Edge:
    """A client of the service under test."""

    client: httpx.AsyncClient

    async def post(
        self,
        path: str,
        body: Any,
        *,
        role: Role = "buyer",
        party: str = "buyer-1",
        key: str | None = None,
        **claims: Any,
    ) -> httpx.Response:
        headers = _bearer(role, party, **claims) | {"idempotency-key": key or new_id()}
        return await self.client.post(path, json=body, headers=headers)

    async def get(self, path: str, *, role: Role = "buyer", party: str = "buyer-1") -> httpx.Response:
        return await self.client.get(path, headers=_bearer(role, party))


@asynccontextmanager
async def serving(db: Database, secrets: Path, **changes: Any) -> AsyncIterator[Edge]:
    """The service's API on this database, without a socket."""
    (secrets / "touch_keys").write_text(f"{KEY_ID}:{base64.urlsafe_b64encode(KEY).decode()}\n")
    given = {"token_public_key": PUBLIC, "secrets_dir": secrets, "pay_url_key": PAY_URL_KEY, "postgres_dsn": db.dsn}
    settings = Settings(**{**given, **changes})
    app = api(settings, http.routes, codes=domain.CODES, stored=domain.STORED, database=db)
    desk = Desk(settings)
    app.state.settings, app.state.desk = settings, desk
    transport = httpx.ASGITransport(app)
    async with desk.running(), httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
        yield Edge(client)


def order_body(goods: Goods, qty: int = 1, **changes: Any) -> dict[str, Any]:
    """A request for these goods, cash on delivery."""
    line = {"listing_id": goods.listing_id, "qty": qty, "unit_price": goods.retail.model_dump()}
    given = {"storefront_id": goods.storefront_id, "buyer_ref": "buyer-1", "payment": "cod", "lines": [line]}
    return {**given, "ship_to": ADDRESS.model_dump(), **changes}


def _bearer(role: Role, party: str, **claims: Any) -> dict[str, str]:
    return {"authorization": f"Bearer {mint(PRIVATE, role, party, 600, **claims)}"}

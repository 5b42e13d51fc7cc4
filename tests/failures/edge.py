"""The meter's HTTP edge as a process, and a client with a token for it."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.embedded.process import free_port
from shared.kernel.auth import mint
from tests.failures.rig import Pair, Process, until


@dataclass(slots=True)
class Edge:
    """A process that answers `POST /counts`."""

    process: Process
    client: httpx.AsyncClient
    token: str

    @classmethod
    def make(cls, pair: Pair) -> Edge:
        """Keys of its own in a folder of its own; not started yet."""
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        secrets = pair.folder / "secrets"
        secrets.mkdir(exist_ok=True)
        (secrets / "token_public_key").write_bytes(public)
        port = free_port()
        environment = {"WANPU_POSTGRES_DSN": pair.dsn, "WANPU_SECRETS_DIR": str(secrets)}
        made = pair.process("api", pair.dsn, "meter", str(port), **environment)
        client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=5)
        return cls(made, client, mint(private.decode(), "service", "driver", 3600))

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}

    async def post(self, key: str, amount: int) -> int | None:
        """The status, or None when the connection broke before an answer came."""
        try:
            body = {"meter_id": "m1", "amount": amount}
            return (await self.client.post("/counts", json=body, headers=self.headers(key))).status_code
        except httpx.TransportError:
            return None

    async def until_ready(self) -> None:
        await until("the edge is ready", self._is_ready, 20)

    async def _is_ready(self) -> bool:
        try:
            return (await self.client.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

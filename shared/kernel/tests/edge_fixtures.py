"""What the edge's tests stand on: a key pair, settings, and what they look at."""

from __future__ import annotations

from typing import ClassVar

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.kernel.database import Database
from shared.kernel.settings import ServiceSettings

SCHEMA = "rooms"


class Settings(ServiceSettings):
    service: ClassVar[str] = SCHEMA


def _pem_pair() -> tuple[str, str]:
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private.decode(), public.decode()


PRIVATE, PUBLIC = _pem_pair()
OTHER_PRIVATE, _ = _pem_pair()


async def count(db: Database, table: str = "shelves") -> int:
    async with db.transaction() as tx:
        number: int = await tx.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a table of these tests
        return number

"""What the edge's tests stand on: a real PostgreSQL with the kernel's tables, a key pair, settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.embedded.postgres import Postgres
from shared.embedded.process import free_port
from shared.kernel import database, migrate
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


@pytest.fixture(scope="session")
def edge_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = Postgres(tmp_path_factory.mktemp("edge") / "data", free_port())
    server.start()
    try:
        yield server.dsn()
    finally:
        server.remove()


@pytest.fixture
async def db(edge_dsn: str) -> AsyncIterator[Database]:
    """The service's schema, made anew for each test, with one table of its own."""
    admin = await database.connect(edge_dsn, "public", "edge-tests")
    await admin.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
    await admin.close()
    await migrate.migrate(edge_dsn, SCHEMA)
    opened = await Database.open(edge_dsn, SCHEMA)
    async with opened.transaction() as tx:
        await tx.execute("CREATE TABLE shelves (label text)")
    yield opened
    await opened.close()


async def count(db: Database, table: str = "shelves") -> int:
    async with db.transaction() as tx:
        number: int = await tx.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - a table of these tests
        return number

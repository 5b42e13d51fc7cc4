"""Forward-only migrations: numbered `.sql` files, each with a checksum, applied once under a lock."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from shared.kernel import database

_KERNEL = Path(__file__).parent / "migrations"
_SERVICES = Path(__file__).parents[2] / "services"
MIGRATION_SECONDS = 600.0  # an index on a large table may take minutes; a request never waits for it

_HISTORY = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
"""
_APPLIED = "SELECT name, checksum FROM schema_migrations"
_RECORD = "INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)"
_LOCK = "SELECT pg_advisory_lock(hashtext('wanpu.migrate.' || current_schema()))"


class MigrationChanged(Exception):
    """A migration that was applied here has been edited since: write a new one instead."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `kernel/0001_kernel` or `catalog/0001_catalog`."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(service: str, folder: Path | None = None) -> list[Migration]:
    """The kernel's files, then the service's, each in the order of their numbers."""
    own = folder or _SERVICES / service / "migrations"
    files = [("kernel", path) for path in sorted(_KERNEL.glob("*.sql"))]
    files += [(service, path) for path in sorted(own.glob("*.sql"))]
    return [Migration(f"{owner}/{path.stem}", path.read_text()) for owner, path in files]


async def migrate(dsn: str, service: str, folder: Path | None = None) -> list[str]:
    """Apply what is missing in the service's schema and return the names applied.

    Raises:
        MigrationChanged: when a file applied earlier no longer has its checksum.
    """
    connection = await database.connect(dsn, service, f"wanpu-migrate-{service}", statement_timeout="0")
    try:
        await connection.execute(_LOCK, timeout=MIGRATION_SECONDS)
        await connection.execute(_HISTORY)
        applied = {row["name"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
        done = []
        for migration in migrations_of(service, folder):
            if migration.name in applied:
                if applied[migration.name] != migration.checksum:
                    raise MigrationChanged(f"{migration.name} was edited after it had been applied to {service}")
                continue
            async with connection.transaction():
                await connection.execute(migration.sql, timeout=MIGRATION_SECONDS)
                await connection.execute(_RECORD, migration.name, migration.checksum)
            done.append(migration.name)
        return done
    finally:
        await connection.close()

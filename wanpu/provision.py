"""The database of the platform: one schema and one role for each service, and a role that only reads.

Idempotent, so that it runs at every start; passwords are set again each time, which is how they rotate.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from shared.kernel import database
from shared.kernel.database import Tx
from wanpu.layout import AUDITOR, DATABASE, SERVICES, role_of

APPLICATION = "wanpu-provision"
# No statement of a service may hold locks for long: these stand on the role, so that no code can forget them.
ROLE_SETTINGS = {
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
    "lock_timeout": "10s",
}
# A call ends after 3 s: who says nothing for longer amid a transaction is gone, and its locks hold others up.
SERVICE_SETTINGS = {**ROLE_SETTINGS, "idle_in_transaction_session_timeout": "4s"}
_DATABASE_EXISTS = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)"
_ROLE_EXISTS = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)"
_QUOTE_LITERAL = "SELECT quote_literal($1)"
# Two stacks or jobs that provision one server at once would otherwise fail on each other's catalog rows.
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('wanpu.provision'))"


async def provision(superuser_dsn: str, secrets: Mapping[str, str]) -> None:
    """Create database, schemas, roles and grants; `secrets` are the passwords by service, and `auditor`'s."""
    await _create_database(superuser_dsn)
    connection = await database.connect(in_database(superuser_dsn), "public", APPLICATION)
    try:
        async with connection.transaction():
            await connection.execute(_LOCK)
            await _create_role(connection, AUDITOR, secrets["auditor"], ROLE_SETTINGS)
            await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            await connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            await connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {AUDITOR}")
            for service in SERVICES:
                await _create_service(connection, service, secrets[service])
    finally:
        await connection.close()


def in_database(dsn: str, user: str | None = None) -> str:
    """The platform's database on the server of `dsn`; as `user` without a password, when one is named."""
    parts = urlsplit(dsn)
    address = parts.netloc if user is None else f"{user}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=address, path=f"/{DATABASE}"))


async def _create_database(superuser_dsn: str) -> None:
    connection = await database.connect(superuser_dsn, "public", APPLICATION)
    try:
        if not await connection.fetchval(_DATABASE_EXISTS, DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE}", timeout=60)
    finally:
        await connection.close()


async def _create_role(tx: Tx, role: str, password: str, settings: Mapping[str, str]) -> None:
    verb = "ALTER" if await tx.fetchval(_ROLE_EXISTS, role) else "CREATE"
    literal = await tx.fetchval(_QUOTE_LITERAL, password)  # a utility statement takes no parameters
    await tx.execute(f"{verb} ROLE {role} LOGIN PASSWORD {literal}")
    for name, value in settings.items():
        await tx.execute(f"ALTER ROLE {role} SET {name} = '{value}'")


async def _create_service(tx: Tx, service: str, password: str) -> None:
    """A role that owns the schema of its service's name, and the auditor's right to read what is made there."""
    role = role_of(service)
    await _create_role(tx, role, password, SERVICE_SETTINGS)
    for statement in (
        f"ALTER ROLE {role} SET search_path = {service}",
        f"GRANT {role} TO CURRENT_USER",  # an administrator who is no superuser needs it for the two lines after next
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {role}",
        f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {role}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {role} IN SCHEMA {service} GRANT SELECT ON TABLES TO {AUDITOR}",
        f"GRANT USAGE ON SCHEMA {service} TO {AUDITOR}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {service} TO {AUDITOR}",
    ):
        await tx.execute(statement)

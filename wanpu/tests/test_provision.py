"""A role for each service, which reaches its own schema and no other."""

from pathlib import Path

import pytest

from shared.embedded.postgres import Postgres
from shared.kernel.database import Database
from shared.kernel.settings import with_password
from wanpu import keys
from wanpu.jobs import prepare_database
from wanpu.layout import AUDITOR, SERVICES, role_of
from wanpu.provision import in_database, provision


@pytest.fixture(scope="module")
async def secrets(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    keys.init(folder)
    await prepare_database(postgres.dsn(), folder)
    return folder


async def ask(postgres: Postgres, secrets: Path, owner: str, statement: str) -> object:
    """Run one statement with the rights of a service's role, or of the auditor."""
    role = AUDITOR if owner == "auditor" else role_of(owner)
    dsn = with_password(in_database(postgres.dsn(), role), keys.passwords(secrets)[owner])
    database = await Database.open(dsn, owner, size=1)
    try:
        async with database.transaction() as tx:
            return await tx.fetchval(statement)
    finally:
        await database.close()


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("other", SERVICES)
async def test_a_role_reads_its_own_schema_and_no_other(
    postgres: Postgres, secrets: Path, service: str, other: str
) -> None:
    question = f'TABLE "{other}".outbox'
    if service == other:
        assert await ask(postgres, secrets, service, question) is None
        return
    with pytest.raises(Exception, match=f"permission denied for schema {other}"):
        await ask(postgres, secrets, service, question)


async def test_a_role_makes_nothing_outside_its_schema(postgres: Postgres, secrets: Path) -> None:
    for statement in ("CREATE TABLE public.mine (n int)", "CREATE SCHEMA mine", "CREATE TABLE catalog.mine (n int)"):
        with pytest.raises(Exception, match="permission denied"):
            await ask(postgres, secrets, "orders", statement)


async def test_the_auditor_reads_every_schema_and_writes_none(postgres: Postgres, secrets: Path) -> None:
    for service in SERVICES:
        assert await ask(postgres, secrets, "auditor", f'TABLE "{service}".outbox') is None
    with pytest.raises(Exception, match="permission denied"):
        await ask(postgres, secrets, "auditor", "DELETE FROM orders.inbox")


async def test_the_auditor_reads_a_table_made_later(postgres: Postgres, secrets: Path) -> None:
    await ask(postgres, secrets, "catalog", "CREATE TABLE catalog.later (n int)")
    assert await ask(postgres, secrets, "auditor", "SELECT count(*) FROM catalog.later") == 0


async def test_no_statement_of_a_service_can_hold_a_lock_for_ever(postgres: Postgres, secrets: Path) -> None:
    assert await ask(postgres, secrets, "orders", "SHOW statement_timeout") == "30s"
    assert await ask(postgres, secrets, "orders", "SHOW lock_timeout") == "10s"
    assert await ask(postgres, secrets, "orders", "SHOW idle_in_transaction_session_timeout") == "4s"


async def test_provisioning_again_changes_nothing_but_a_rotated_password(postgres: Postgres, secrets: Path) -> None:
    assert await prepare_database(postgres.dsn(), secrets) == []
    await provision(postgres.dsn(), keys.passwords(secrets) | {"catalog": "rotated"})
    with pytest.raises(Exception, match="password authentication failed"):
        await ask(postgres, secrets, "catalog", "SELECT 1")
    await prepare_database(postgres.dsn(), secrets)
    assert await ask(postgres, secrets, "catalog", "SELECT 1") == 1

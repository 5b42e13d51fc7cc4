"""What a deployment does once before its services start: database, migrations, topics. Each may run again."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from shared.embedded.process import StackError
from wanpu import keys
from wanpu.layout import SERVICES, role_of
from wanpu.provision import in_database, provision

POSTGRES_DSN = "WANPU_POSTGRES_DSN"
KAFKA_BOOTSTRAP = "WANPU_KAFKA_BOOTSTRAP"


async def prepare_database(superuser_dsn: str, secrets: Path) -> list[str]:
    """Roles and schemas, then every service's migrations by its own role; returns the migrations applied.

    Raises:
        StackError: the server does not answer or refuses, or a migration fails.
    """
    from shared.kernel.migrate import migrate
    from shared.kernel.settings import with_password

    passwords = keys.passwords(secrets)
    applied: list[str] = []
    with explained("PostgreSQL could not be prepared", POSTGRES_DSN):
        await provision(superuser_dsn, passwords)
    for service in SERVICES:
        dsn = with_password(in_database(superuser_dsn, role_of(service)), passwords[service])
        with explained(f"the migrations of {service} failed", POSTGRES_DSN):
            applied += [f"{service}: {name}" for name in await migrate(dsn, service)]
    return applied


async def prepare_topics(bootstrap: str, replicas: int = 1) -> list[str]:
    """Every declared topic that is missing; returns their names.

    Raises:
        StackError: Kafka does not answer, or a topic is there with another number of partitions.
    """
    from shared.contracts import TOPICS
    from shared.kernel.kafka import apply_topics

    with explained("Kafka's topics could not be made", KAFKA_BOOTSTRAP):
        return await apply_topics(bootstrap, TOPICS, replicas)


@contextlib.contextmanager
def explained(what: str, variable: str) -> Iterator[None]:
    """Turn a driver's error into a sentence; the error itself stays its cause."""
    try:
        yield
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise StackError(f"{what} ({reason}); if {variable} names a server of yours, check it there") from error

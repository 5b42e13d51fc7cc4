"""The servers under measurement: started for one run, durable as in production, and counted afterwards."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.event import PARTITIONS, Topic
from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres
from shared.embedded.process import free_port
from shared.kernel import database
from shared.kernel.kafka import apply_topics
from shared.kernel.migrate import migrate
from shared.kernel.tests import mill

DURABLE = ("fsync", "synchronous_commit", "full_page_writes")

_UNLOGGED = """
    SELECT relname FROM pg_class
     WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relpersistence <> 'p'
"""

_numbers = itertools.count(1)


class NotDurable(Exception):
    """A figure from a server that may forget says nothing: the named setting or table has to be put right first."""


@dataclass(frozen=True, slots=True)
class Servers:
    """One PostgreSQL and one Kafka."""

    postgres: Postgres
    kafka: Kafka

    @property
    def dsn(self) -> str:
        return self.postgres.dsn()

    @property
    def pids(self) -> tuple[int, int]:
        """PostgreSQL's and Kafka's processes."""
        assert self.postgres.pid is not None and self.kafka.pid is not None
        return self.postgres.pid, self.kafka.pid

    async def schema(self, name: str) -> str:
        """A schema of its own with the kernel's tables and the mill's; returns its name."""
        schema = f"{name}_{next(_numbers)}"
        await self.execute(f'CREATE SCHEMA "{schema}"', "public")
        await migrate(self.dsn, schema)
        await self.execute(mill.TABLES, schema)
        return schema

    async def topic(self, name: str) -> str:
        """A fresh topic; returns its name."""
        topic = Topic(f"{name}.{next(_numbers)}", owner="bench", key="meter_id")
        await apply_topics(self.kafka.bootstrap, [topic])
        return topic.name

    async def delete_topic(self, topic: str) -> None:
        """Give the disk back between runs."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            await admin.delete_topics([topic])
        finally:
            await admin.close()

    async def records(self, topic: str) -> int:
        """How many records the topic holds, by its end offsets."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap)
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(topic, part) for part in range(PARTITIONS)])
        finally:
            await consumer.stop()
        return sum(ends.values())

    async def execute(self, statement: str, schema: str) -> None:
        """One statement outside any transaction, such as VACUUM."""
        connection = await database.connect(self.dsn, schema, "wanpu-bench")
        try:
            await connection.execute(statement, timeout=120)
        finally:
            await connection.close()

    async def count(self, table: str, schema: str) -> int:
        connection = await database.connect(self.dsn, schema, "wanpu-bench")
        try:
            return int(await connection.fetchval(f'SELECT count(*) FROM "{table}"'))
        finally:
            await connection.close()

    async def require_durable(self, schema: str) -> dict[str, str]:
        return await require_durable(self.dsn, schema)


async def require_durable(dsn: str, schema: str) -> dict[str, str]:
    """The server's durability settings, all on.

    Raises:
        NotDurable: when one is off, or a table of the schema is unlogged or temporary.
    """
    connection = await database.connect(dsn, schema, "wanpu-bench")
    try:
        settings = {name: str(await connection.fetchval(f"SHOW {name}")) for name in DURABLE}
        unlogged: Sequence[database.Row] = await connection.fetch(_UNLOGGED)
    finally:
        await connection.close()
    if wrong := [name for name, value in settings.items() if value != "on"] + [row["relname"] for row in unlogged]:
        raise NotDurable(", ".join(wrong))
    return settings | {"relpersistence": "p"}


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """Both servers in a temporary folder, gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="wanpu-bench-") as folder:
        postgres = Postgres(Path(folder) / "postgres", free_port())
        kafka = Kafka(Path(folder) / "kafka", free_port(), free_port())
        try:
            postgres.start()
            kafka.start()
            yield Servers(postgres, kafka)
        finally:
            kafka.stop()
            postgres.remove()

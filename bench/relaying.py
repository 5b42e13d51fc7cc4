"""Row `relay`: how fast a full outbox reaches Kafka, against a producer that has the same bytes in memory.

Theirs is measured twice: with `send` for each message, which is what the target is about, and with batches that the
caller fills, which is the fastest that aiokafka can do.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from bench import jobs
from bench.gauge import Cost, take_reading
from bench.jobs import Job
from bench.report import Report, Run, ratio_report
from bench.servers import Servers
from shared.contracts.event import Cause
from shared.kernel import kafka, outbox
from shared.kernel.database import Database, Row
from shared.kernel.ids import new_id
from shared.kernel.relay import Relay
from shared.kernel.tests.mill import Counted

EVENTS = 200_000
STREAM = 10  # events of one key: enough that order inside a key is at stake
APPEND_ROWS = 1_000
POLL_SECONDS = 0.005
TARGET = 0.6

_COLUMNS = "event_id, topic, key, type, aggregate_id, aggregate_version, occurred_at, headers, body"
_KEEP = "CREATE TABLE kept AS SELECT * FROM outbox ORDER BY id"
_REFILL = f"INSERT INTO outbox (bucket, {_COLUMNS}) SELECT bucket, {_COLUMNS} FROM kept ORDER BY id"
_TOPIC = "ALTER TABLE kept DROP COLUMN topic, ADD COLUMN topic text NOT NULL DEFAULT '%s'"


async def measure(servers: Servers, events: int = EVENTS, pairs: int = 3) -> Report:
    """Drain the same rows again and again, ours and theirs by turns."""
    schema = await servers.schema("meter")
    await fill(servers, schema, events)
    durable = await servers.require_durable(schema)
    await _one(servers, schema, events, pair=0, who=OURS)  # unmeasured: the broker's code is compiled as it is used
    runs = [await _one(servers, schema, events, pair=pair, who=who) for pair in range(pairs) for who in PROGRAMS]
    title = "relay drain / aiokafka producer with the same bytes in memory"
    return ratio_report(Report("relay", title, runs, durable), PROGRAMS, TARGET)


async def fill(servers: Servers, schema: str, events: int) -> None:
    """Write the rows through the kernel's own outbox, and keep them to be drained again."""
    db = await Database.open(servers.dsn, schema)
    meters = [new_id() for _ in range(max(events // STREAM, 1))]
    cause = Cause(new_id(), new_id(), f"00-{'ab' * 16}-{'cd' * 8}-01")
    told = [Counted(meter_id=meters[n % len(meters)], amount=n).at(n // len(meters) + 1, cause) for n in range(events)]
    for start in range(0, events, APPEND_ROWS):
        async with db.transaction() as tx:
            await outbox.append(tx, told[start : start + APPEND_ROWS])
    await db.close()
    await servers.execute(_KEEP, schema)


async def _one(servers: Servers, schema: str, events: int, *, pair: int, who: str) -> Run:
    topic = await servers.topic("meter.readings")
    await servers.execute(_TOPIC % topic, schema)
    await servers.execute("TRUNCATE outbox", schema)
    if who == OURS:
        await servers.execute(_REFILL, schema)
    await servers.execute("VACUUM ANALYZE outbox", schema)
    await servers.execute("CHECKPOINT", schema)
    job = Job.on(servers, schema, topic, events)
    cost = Cost(**await asyncio.to_thread(jobs.run, who, job))
    found = await servers.records(topic), await servers.count("outbox", schema)
    assert found == (events, 0), f"{who}: {found[0]} records in Kafka, {found[1]} rows left, of {events}"
    await servers.delete_topic(topic)
    return Run(pair, who, cost)


async def drain(job: Job) -> dict[str, float]:
    """Ours: a relay from connecting to the last row acknowledged and deleted."""
    relay = Relay(job.dsn, job.schema, job.bootstrap)
    before = take_reading(job.postgres_pid, job.kafka_pid)
    task = asyncio.create_task(relay.run())
    while relay.sent < job.events and not task.done():
        await asyncio.sleep(POLL_SECONDS)
    cost = take_reading(job.postgres_pid, job.kafka_pid).cost(before, relay.sent)
    relay.stop()
    await task
    return asdict(cost)


async def send(job: Job) -> dict[str, float]:
    """Theirs: one producer with the relay's settings, `send` for each message, all acknowledged at the end."""
    rows = [(row["key"].encode(), row["body"], kafka.to_headers(row, "wanpu.meter")) for row in await _kept(job)]
    producer = kafka.producer(job.bootstrap, "bench")
    before = take_reading(job.postgres_pid, job.kafka_pid)
    await producer.start()
    sent = [await producer.send(job.topic, body, key, headers=headers) for key, body, headers in rows]
    await asyncio.gather(*sent)
    cost = take_reading(job.postgres_pid, job.kafka_pid).cost(before, len(rows))
    await producer.stop()
    return asdict(cost)


async def send_batches(job: Job) -> dict[str, float]:
    """Theirs at its fastest: batches filled by the caller, a partition each."""
    rows = [(row["key"].encode(), row["body"], kafka.to_headers(row, "wanpu.meter")) for row in await _kept(job)]
    producer = kafka.producer(job.bootstrap, "bench")
    before = take_reading(job.postgres_pid, job.kafka_pid)
    await producer.start()
    await producer.client.fetch_all_metadata()
    partitions = sorted(await producer.partitions_for(job.topic))
    by_partition: dict[int, list[tuple[bytes, bytes, list[tuple[str, bytes]]]]] = defaultdict(list)
    choose = DefaultPartitioner()
    for row in rows:
        by_partition[choose(row[0], partitions, partitions)].append(row)
    await asyncio.gather(*(_fill_batches(producer, job.topic, part, found) for part, found in by_partition.items()))
    cost = take_reading(job.postgres_pid, job.kafka_pid).cost(before, len(rows))
    await producer.stop()
    return asdict(cost)


async def _fill_batches(
    producer: AIOKafkaProducer,
    topic: str,
    partition: int,
    rows: Sequence[tuple[bytes, bytes, list[tuple[str, bytes]]]],
) -> None:
    batch = producer.create_batch()
    for key, body, headers in rows:
        if batch.append(key=key, value=body, timestamp=None, headers=headers) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=key, value=body, timestamp=None, headers=headers)
    await (await producer.send_batch(batch, topic, partition=partition))


async def _kept(job: Job) -> Sequence[Row]:
    db = await Database.open(job.dsn, job.schema, size=1)
    rows = await db.pool.fetch("SELECT * FROM kept ORDER BY id LIMIT $1", job.events)
    await db.close()
    return rows


OURS = "relay"
JOBS: dict[str, jobs.Doing] = {OURS: drain, "producer.send": send, "producer.send_batch": send_batches}
PROGRAMS = tuple(JOBS)

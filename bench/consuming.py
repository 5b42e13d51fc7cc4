"""Row `consumer`: how fast a topic takes effect in a projection, against COPY into tables with the same indexes.

Every record is of a key of its own, so that both sides insert one row into the inbox, the positions and the
projection for each: the dearest case for us, and the only one that COPY can do at all.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import uuid_utils

from bench import jobs
from bench.gauge import Cost, Reading, take_reading
from bench.jobs import Job
from bench.relaying import POLL_SECONDS
from bench.report import Report, Run, ratio_report
from bench.servers import Servers
from shared.contracts.event import Cause, Topic
from shared.kernel import database, observe, outbox
from shared.kernel.database import Database
from shared.kernel.delivery import Router
from shared.kernel.ids import new_id
from shared.kernel.relay import Relay
from shared.kernel.tests import mill
from shared.kernel.worker import WorkerSettings, worker

EVENTS = 100_000
TARGET = 0.15
COPY_ROWS = 500
TABLES = ("inbox", "positions", "totals")


async def measure(servers: Servers, events: int = EVENTS, pairs: int = 3) -> Report:
    """One topic, read by a new group into a new schema at each turn; COPY into another new schema."""
    topic = await servers.topic("meter.readings")
    source = await servers.schema("meter")
    await asyncio.to_thread(jobs.run, "fill", Job.on(servers, source, topic, events))
    runs = []
    durable: dict[str, str] = {}
    for pair in range(pairs):
        for who in PROGRAMS:
            schema = await servers.schema("gauge")
            durable = await servers.require_durable(schema)
            await servers.execute("CHECKPOINT", schema)
            job = Job.on(servers, schema, topic, events)
            runs.append(Run(pair, who, Cost(**await asyncio.to_thread(jobs.run, who, job))))
            found = [await servers.count(table, schema) for table in TABLES]
            assert found == [events] * 3, f"{who}: {dict(zip(TABLES, found, strict=True))}, of {events}"
            await servers.execute(f'DROP SCHEMA "{schema}" CASCADE', "public")
    await servers.delete_topic(topic)
    title = f"consumer apply rate / COPY in batches of {COPY_ROWS}"
    return ratio_report(Report("consumer", title, runs, durable), PROGRAMS, TARGET)


async def fill(job: Job) -> int:
    """Events of keys of their own, sent by the outbox and the relay, so that their headers are the real ones."""
    mill.Counted.topic = Topic(job.topic, owner="meter", key="meter_id")
    db = await Database.open(job.dsn, job.schema)
    cause = Cause(new_id(), new_id(), f"00-{'ab' * 16}-{'cd' * 8}-01")
    for start in range(0, job.events, COPY_ROWS):
        numbers = range(start, min(start + COPY_ROWS, job.events))
        async with db.transaction() as tx:
            await outbox.append(tx, [mill.Counted(meter_id=new_id(), amount=n).at(1, cause) for n in numbers])
    await db.close()
    relay = Relay(job.dsn, job.schema, job.bootstrap)
    task = asyncio.create_task(relay.run())
    while relay.sent < job.events:
        await asyncio.sleep(POLL_SECONDS)
    relay.stop()
    await task
    return relay.sent


async def apply(job: Job) -> dict[str, float]:
    """Ours: a whole worker; the clock runs from its first applied batch on, without the joining of its group."""
    mill.Counted.topic = Topic(job.topic, owner="meter", key="meter_id")
    router = Router(job.schema)
    router.latest(mill.Counted, do=mill.mirror)
    app = worker(WorkerSettings(job.schema, job.dsn, job.bootstrap, relay=False), router)
    task = asyncio.create_task(app.run())
    began, first = await _reached(job, 1)
    ended, last = await _reached(job, job.events)
    app.exit()
    await task
    return asdict(ended.cost(began, last - first))


async def _reached(job: Job, number: int) -> tuple[Reading, int]:
    """Wait until so many events were applied; returns the costs then, and how many they were."""
    while (applied := _applied(job)) < number:
        await asyncio.sleep(POLL_SECONDS)
    return take_reading(job.postgres_pid, job.kafka_pid), applied


def _applied(job: Job) -> int:
    labels = {"consumer": f"{job.schema}.{job.topic}", "outcome": "applied"}
    samples = (sample for metric in observe.CONSUMED.collect() for sample in metric.samples)
    return next((int(each.value) for each in samples if each.labels == labels and each.name.endswith("_total")), 0)


async def copy(job: Job) -> dict[str, float]:
    """Theirs: rows made beforehand, a transaction of three COPYs for each batch of the size that ours reads."""
    inbox = [(uuid.UUID(str(uuid_utils.uuid7())),) for _ in range(job.events)]
    keys = [new_id() for _ in range(job.events)]
    tables: dict[str, list[tuple[Any, ...]]] = {
        "inbox": list(inbox),
        "positions": [(job.topic, key, 1) for key in keys],
        "totals": [(key, n, 1) for n, key in enumerate(keys)],
    }
    connection = await database.connect(job.dsn, job.schema, "wanpu-bench-copy")
    await connection.reset_type_codec("uuid", schema="pg_catalog")
    before = take_reading(job.postgres_pid, job.kafka_pid)
    for start in range(0, job.events, COPY_ROWS):
        async with connection.transaction():
            for table in TABLES:
                rows: Sequence[tuple[Any, ...]] = tables[table][start : start + COPY_ROWS]
                await connection.copy_records_to_table(table, records=rows)
    cost = take_reading(job.postgres_pid, job.kafka_pid).cost(before, job.events)
    await connection.close()
    return asdict(cost)


PROGRAMS = ("worker", "COPY")
JOBS: dict[str, jobs.Doing] = {"worker": apply, "COPY": copy, "fill": fill}

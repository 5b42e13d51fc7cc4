"""Row `latency`: from a commit in one service to the event in the hands of another, at a steady rate.

Three processes at work: one commits (a transaction an event, open loop), its relay, and the other service's worker
with a relay of its own. The clock starts when COMMIT is about to be sent, so the commit's own fsync counts.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import time
from collections.abc import Sequence
from dataclasses import replace

from bench import jobs
from bench.gauge import take_reading
from bench.jobs import READY, Job, Running
from bench.report import Report, Run, latency_report
from bench.servers import Servers
from shared.contracts.event import Cause, Topic
from shared.kernel import outbox
from shared.kernel.database import Database, Tx
from shared.kernel.delivery import Router
from shared.kernel.ids import new_id
from shared.kernel.kafka import apply_topics
from shared.kernel.relay import Relay
from shared.kernel.tests import mill
from shared.kernel.worker import WorkerSettings, worker

RATE = 500  # events a second
SECONDS = 20.0
CONNECTIONS = 8
METERS = 1_000  # at this rate a meter's next event comes two seconds later: none waits for its own row
WARM_UP_SECONDS = 3.0  # connections, caches, the group's first assignment
SETTLE_SECONDS = 20.0
TARGET_MS = 60.0


async def measure(servers: Servers, seconds: float = SECONDS) -> Report:
    """Commit at the rate for so long and compare each event's two moments."""
    meter, gauge = await servers.schema("meter"), await servers.schema("gauge")
    topic = await servers.topic("meter.readings")
    await apply_topics(servers.kafka.bootstrap, [mill.TOTALS])
    durable = await servers.require_durable(gauge)
    job = Job.on(servers, meter, topic, int(RATE * (seconds + WARM_UP_SECONDS)))
    consumer, relay = Running("gauge", replace(job, schema=gauge)), Running("relaying", job)
    try:
        consumer.wait_ready()
        relay.wait_ready()
        watched = (*servers.pids, consumer.process.pid, relay.process.pid)
        before = take_reading(*watched)
        committed = await asyncio.to_thread(jobs.run, "meter", job)
        await _all_applied(servers, gauge, job.events)
        cost = take_reading(*watched).cost(before, job.events)
        consumer.process.send_signal(signal.SIGTERM)
        arrived = await asyncio.to_thread(consumer.answer)
    finally:
        relay.stop()
        consumer.stop()
    assert await servers.count("outbox", meter) == 0
    assert committed.keys() == arrived.keys(), f"{len(committed)} committed, {len(arrived)} arrived"
    warm = int(RATE * WARM_UP_SECONDS)
    taken_ms = [(arrived[str(n)] - committed[str(n)]) * 1000 for n in range(warm, job.events)]
    lasted = max(committed.values()) - min(committed.values())
    runs = [Run(0, "meter → gauge", replace(cost, seconds=lasted))]
    title = f"commit → consumer at {RATE} events/s"
    return latency_report(Report("latency", title, runs, durable), taken_ms, TARGET_MS)


async def _all_applied(servers: Servers, schema: str, events: int) -> None:
    async with asyncio.timeout(SETTLE_SECONDS):
        while await servers.count("history", schema) < events:
            await asyncio.sleep(0.2)


async def commit_steadily(job: Job) -> dict[int, float]:
    """The meter: transaction n is due n / RATE seconds after the start, whatever became of those before it."""
    mill.Counted.topic = Topic(job.topic, owner="meter", key="meter_id")
    db = await Database.open(job.dsn, job.schema, size=CONNECTIONS)
    free = asyncio.Semaphore(CONNECTIONS)  # a machine that falls behind shows as a lower rate, not as a timeout
    meters = [new_id() for _ in range(METERS)]
    at: dict[int, float] = {}

    async def commit(n: int) -> None:
        event = mill.Counted(meter_id=meters[n % METERS], amount=n).at(n // METERS + 1, Cause())

        async def work(tx: Tx) -> None:
            await outbox.append(tx, [event])
            at[n] = time.time()

        async with free:
            await db.run(work)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for n in range(job.events):
            if (ahead := began + n / RATE - time.perf_counter()) > 0:
                await asyncio.sleep(ahead)
            group.create_task(commit(n))
    await db.close()
    return at


async def relay_until_killed(job: Job) -> None:
    """The meter's relay."""
    print(READY, flush=True)
    await Relay(job.dsn, job.schema, job.bootstrap).run()


async def note_arrivals(job: Job) -> dict[int, float]:
    """The gauge's worker, until SIGTERM: when each event was in its reaction's hands."""
    mill.Counted.topic = Topic(job.topic, owner="meter", key="meter_id")
    at: dict[int, float] = {}

    async def note(tx: Tx, counted: Sequence[mill.Counted]) -> None:
        at.update(zip((event.amount for event in counted), itertools.repeat(time.time())))
        await mill.add_up(tx, counted)

    router = Router(job.schema)
    router.every(mill.Counted, do=note)
    app = worker(WorkerSettings(job.schema, job.dsn, job.bootstrap), router)
    print(READY, flush=True)
    await app.run()
    return at


JOBS: dict[str, jobs.Doing] = {"meter": commit_steadily, "relaying": relay_until_killed, "gauge": note_arrivals}

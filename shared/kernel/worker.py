"""A service's worker process: its consumers, its relay, its timers, each supervised by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from faststream import FastStream
from faststream.kafka import KafkaBroker
from faststream.specification import AsyncAPI

from shared.contracts.event import Event
from shared.kernel import kafka, observe, timers
from shared.kernel.collector import spare_the_collector
from shared.kernel.database import PLANNED_ONCE, Database, is_transient
from shared.kernel.delivery import Router
from shared.kernel.delivery.pump import HOUSEKEEPING_SECONDS, Pump, tidy
from shared.kernel.idempotency import sweep
from shared.kernel.relay import Relay

SWEEP_SECONDS = 600.0
SWEEP_ROWS = 5_000
PAUSE_SECONDS = 1.0  # after a fault of a task: the database is asked again at a human's pace, not a loop's

_MAINTAIN = "SELECT maintain_inbox()"
_DEPTHS = "SELECT (SELECT count(*) FROM outbox) AS outbox, (SELECT count(*) FROM dead_letters) AS dead"

log = structlog.get_logger(__name__)
Job = Callable[[Database], Awaitable[float]]  # does its work and says after how many seconds to do it again


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What a worker needs to know; `relay=False` where `wanpu relay` runs as its own process."""

    service: str
    dsn: str
    bootstrap: str
    pool_size: int = 8
    relay: bool = True


def worker(settings: WorkerSettings, router: Router, publishes: Sequence[type[Event]] = ()) -> FastStream:
    """The FastStream app of a service; connects to nothing until it runs.

    `publishes` are the events it sends by the outbox: declared here so that AsyncAPI shows their payloads.
    """
    broker = KafkaBroker(settings.bootstrap, client_id=settings.service, logger=None, allow_auto_create_topics=False)
    pumps = [Pump(subscription) for subscription in router.subscriptions.values()]
    for pump in pumps:
        pump.attach(broker)
    for event in publishes:
        broker.publisher(event.topic.name, schema=event, title=event.type, description=event.__doc__)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        db = await _opened(settings)
        await kafka.until_reachable(settings.bootstrap)
        for pump in pumps:
            pump.db = db
        spare_the_collector()
        async with _running(db, settings, router):
            yield
        await db.close()

    title = f"Wanpu {settings.service}"
    return FastStream(
        broker,
        lifespan=lifespan,
        on_shutdown=[pump.close for pump in pumps],
        specification=AsyncAPI(title=title, version="1"),
        logger=None,
    )


async def _opened(settings: WorkerSettings) -> Database:
    """The database, waited for while it is away."""
    name = f"wanpu-worker-{settings.service}"
    while True:
        try:
            return await Database.open(
                settings.dsn, settings.service, size=settings.pool_size, application_name=name, **PLANNED_ONCE
            )
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("waiting for the database", service=settings.service, cause=repr(error))
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def _running(db: Database, settings: WorkerSettings, router: Router) -> AsyncIterator[None]:
    """Relay, timers and housekeeping beside the consumers; stopped in the order in which work arises."""
    relay = Relay(settings.dsn, settings.service, settings.bootstrap)
    tasks = [
        asyncio.create_task(_repeat(db, job), name=job.__name__)
        for job in (_inbox_job, _idempotency_job, _tidy_job(router), _timer_job(router), _depth_job(router.service))
    ]
    if settings.relay:
        tasks.append(asyncio.create_task(relay.run(), name="relay"))
    try:
        yield
    finally:
        relay.stop()
        for task in tasks:
            if task.get_name() != "relay":
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _repeat(db: Database, job: Job) -> None:
    while True:
        try:
            pause = await job(db)
        except Exception as error:
            log.warning("worker task failed", task=job.__name__, cause=repr(error))
            pause = PAUSE_SECONDS
        await asyncio.sleep(pause)


async def _inbox_job(db: Database) -> float:
    async with db.transaction() as tx:
        await tx.execute(_MAINTAIN)
    return SWEEP_SECONDS


async def _idempotency_job(db: Database) -> float:
    async with db.transaction() as tx:
        swept = await sweep(tx, SWEEP_ROWS)
    return PAUSE_SECONDS if swept == SWEEP_ROWS else SWEEP_SECONDS


def _tidy_job(router: Router) -> Job:
    async def tidy_up(db: Database) -> float:
        await tidy(db, router)
        return HOUSEKEEPING_SECONDS

    return tidy_up


def _timer_job(router: Router) -> Job:
    async def fire_timers(db: Database) -> float:
        taken = await timers.fire_due(db, router.timers)
        return 0.0 if taken else timers.POLL_SECONDS

    return fire_timers


def _depth_job(service: str) -> Job:
    async def measure_depths(db: Database) -> float:
        row = await db.pool.fetchrow(_DEPTHS)
        assert row is not None
        observe.OUTBOX_DEPTH.labels(service).set(row["outbox"])
        observe.DEAD_LETTERS.labels(service).set(row["dead"])
        return SWEEP_SECONDS / 60

    return measure_depths

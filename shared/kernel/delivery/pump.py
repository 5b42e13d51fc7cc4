"""From the broker's batch to a committed transaction to a committed offset; waits out faults, never skips a record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage

from shared.kernel import observe
from shared.kernel.database import Database, is_transient
from shared.kernel.delivery import store
from shared.kernel.delivery.batch import Outcome, apply
from shared.kernel.delivery.records import Arrived, Record, read
from shared.kernel.delivery.router import Router, Subscription
from shared.kernel.failpoints import failpoint

BATCH_RECORDS = 500  # a prototype took 47 k msg/s at 500, 1.3 k one by one; bounds a transaction
POLL_MS = 1_000  # a poll ends with the first record; this long it may take when there is none
FETCH_WAIT_MS = 500  # as long the broker keeps a fetch open; it, too, ends with the first record
SESSION_MS = 6_000  # a dead consumer's partitions move on after this
MAX_POLL_MS = 60_000
PATIENCE_SECONDS = MAX_POLL_MS / 2 / 1000  # then the batch goes back to the broker, before the group gives us up
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 30.0
WAITING_ALARM_SECONDS = 60.0
HOUSEKEEPING_SECONDS = 2.0
COMMIT_SECONDS = 0.2  # offsets only save work: what a crash repeats is known by the inbox, and a commit costs 5 ms

log = structlog.get_logger(__name__)


class Pump(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One subscription at work: at most one batch at a time, finished or given back before a rebalance goes on."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self.db: Database | None = None
        self.subscriber: Any = None
        self._next: dict[TopicPartition, int] = {}
        self._sought: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._cautious = False
        self._busy = asyncio.Lock()
        self._give_back = asyncio.Event()

    def attach(self, broker: KafkaBroker) -> None:
        """Subscribe with an own parser and decoder that touch neither headers nor body."""
        self.subscriber = broker.subscriber(
            self.subscription.topic.name,
            group_id=self.subscription.group,
            batch=True,
            ack_policy=AckPolicy.MANUAL,
            parser=_wrap,
            decoder=_unwrap,
            max_records=BATCH_RECORDS,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 4,
            max_poll_interval_ms=MAX_POLL_MS,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            listener=self,
            title=f"{self.subscription.topic.name}:{self.subscription.service}",
            description=f"{self.subscription.mode.value} of {', '.join(sorted(self.subscription.reactions))}",
        )
        self.subscriber.get_msg = self._poll  # FastStream's own sleeps after an empty poll as long as that took
        self.subscriber(self.consume)

    async def _poll(self, consumer: AIOKafkaConsumer) -> tuple[Record, ...]:
        found = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
        return tuple(chain.from_iterable(found.values()))

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Let the batch under way finish, or give it back if it waits for a fault to pass."""
        self._give_back.set()
        async with self._busy:
            await self._commit()
            for known in (self._next, self._sought, self._committed):
                known.clear()

    async def on_partitions_assigned(self, _assigned: Iterable[TopicPartition]) -> None:
        self._give_back.clear()

    async def close(self) -> None:
        """Let the batch under way finish, take no other, commit."""
        self._give_back.set()
        async with self._busy:
            await self._commit()

    async def consume(self, records: Any) -> None:
        """Handle one batch as the broker gave it; returns only when it took effect or was given back."""
        async with self._busy:
            consumer: AIOKafkaConsumer = self.subscriber.consumer
            if self._give_back.is_set() or self._jumped(consumer, records):
                return
            outcome = await self._until_applied(records)
            if outcome is None:
                self._seek(consumer, _starts(records))
                return
            failpoint("consumer.before_offsets")
            self._count(outcome)
            self._next.update(_ends(records))
            if self._committing is None or self._committing.done():
                self._committing = asyncio.create_task(self._commit_soon())

    def _jumped(self, consumer: AIOKafkaConsumer, records: Sequence[Record]) -> bool:
        """Seek back when a batch begins after the next record we wait for; once a gap, retention may be its reason."""
        gaps = {
            part: self._next[part]
            for part, offset in _starts(records).items()
            if offset > self._next.get(part, offset) and self._sought.get(part) != self._next[part]
        }
        if gaps:
            log.warning("records were passed over, reading again", consumer=self.subscription.group, gaps=str(gaps))
            self._sought.update(gaps)
            self._seek(consumer, {**_starts(records), **gaps})
        return bool(gaps)

    async def _until_applied(self, records: Sequence[Record]) -> Outcome | None:
        """Apply the batch, waiting out transient faults with growing pauses; None when it is to be given back."""
        pause, began = FIRST_PAUSE_SECONDS, time.monotonic()
        while True:
            try:
                return await self._apply_at_once(records)
            except Exception as error:
                if not is_transient(error):
                    raise
                log.warning("batch waits", consumer=self.subscription.group, cause=repr(error), pause_seconds=pause)
            if time.monotonic() - began + pause > PATIENCE_SECONDS or await self._gave_back_within(pause):
                return None
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _apply_at_once(self, records: Sequence[Record]) -> Outcome:
        """Without savepoints, unless a record of the last batch was parked; then, or when that fails, with them."""
        assert self.db is not None
        if not self._cautious:
            try:
                async with self.db.transaction() as tx:
                    return await apply(tx, self.subscription, self._read(records), guarded=False)
            except Exception as error:
                if is_transient(error):
                    raise
        outcome = await self._apply(self._read(records))
        self._cautious = outcome.parked > 0
        return outcome

    def _read(self, records: Sequence[Record]) -> list[Arrived]:
        return [read(record, self.subscription) for record in records]

    async def _apply(self, batch: Sequence[Arrived]) -> Outcome:
        """One transaction; when it fails outside any reaction, halve until the record at fault can be parked alone."""
        assert self.db is not None
        try:
            async with self.db.transaction() as tx:
                return await apply(tx, self.subscription, batch)
        except Exception as error:
            if is_transient(error) or (len(batch) == 1 and batch[0].fault is not None):
                raise
            log.exception("batch failed as a whole", consumer=self.subscription.group, records=len(batch))
            if len(batch) == 1:
                batch[0].fault, batch[0].stream = f"{type(error).__name__}: {error}", None
                return await self._apply(batch)
        half = len(batch) // 2
        return (await self._apply(batch[:half])) + await self._apply(batch[half:])

    async def _gave_back_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._give_back.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _seek(self, consumer: AIOKafkaConsumer, starts: dict[TopicPartition, int]) -> None:
        for part, offset in starts.items():
            if part in consumer.assignment():
                consumer.seek(part, offset)
                self._next[part] = offset

    async def _commit_soon(self) -> None:
        """Until nothing is left to commit: a batch that was applied while a commit was under way started no other."""
        while self._uncommitted():
            await asyncio.sleep(COMMIT_SECONDS)
            await self._commit()

    def _uncommitted(self) -> dict[TopicPartition, int]:
        consumer: AIOKafkaConsumer | None = self.subscriber.consumer
        ours = consumer.assignment() if consumer else ()
        return {part: at for part, at in self._next.items() if part in ours and self._committed.get(part) != at}

    async def _commit(self) -> None:
        """Commit what has been applied, partition by partition; what fails is made good by the next commit."""
        if not (news := self._uncommitted()):
            return
        try:
            await self.subscriber.consumer.commit(news)
            self._committed.update(news)
        except KafkaError as error:
            log.warning("offsets not committed", consumer=self.subscription.group, cause=repr(error))

    def _count(self, outcome: Outcome) -> None:
        for what in ("applied", "passed_over", "duplicate", "waiting", "parked", "holes"):
            if number := getattr(outcome, what):
                observe.CONSUMED.labels(self.subscription.group, what).inc(number)
        for cause in outcome.causes:
            log.error("record parked", consumer=self.subscription.group, cause=cause)


async def _wrap(records: Sequence[Record]) -> KafkaMessage:
    return KafkaMessage(raw_message=records, body=b"", headers={}, consumer=None)  # type: ignore[arg-type]


async def _unwrap(message: KafkaMessage) -> Any:
    return message.raw_message


def _starts(records: Sequence[Record]) -> dict[TopicPartition, int]:
    starts: dict[TopicPartition, int] = {}
    for record in records:
        starts.setdefault(TopicPartition(record.topic, record.partition), record.offset)
    return starts


def _ends(records: Sequence[Record]) -> dict[TopicPartition, int]:
    return {TopicPartition(record.topic, record.partition): record.offset + 1 for record in records}


async def tidy(db: Database, router: Router) -> None:
    """Drain streams that were cut off in the middle, and raise the alarm for what waits too long."""
    for subscription in router.subscriptions.values():
        async with db.transaction() as tx:
            if ready := await store.select_ready(tx, subscription.topic.name):
                await apply(tx, subscription, [], drain=ready)
    async with db.transaction() as tx:
        overdue = await store.count_overdue(tx, WAITING_ALARM_SECONDS)
    observe.WAITING_OVERDUE.labels(router.service).set(overdue)
    if overdue:
        log.error("events wait for one that is missing", service=router.service, events=overdue)

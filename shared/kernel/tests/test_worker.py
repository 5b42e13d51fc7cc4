"""The whole worker of a small service at work: consumers, relay and timers against a real broker and database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.event import PARTITIONS, Cause, Topic
from shared.embedded.kafka import Kafka
from shared.kernel import timers
from shared.kernel.database import Database, Tx
from shared.kernel.delivery import Router
from shared.kernel.ids import new_id
from shared.kernel.kafka import apply_topics
from shared.kernel.testing import until
from shared.kernel.tests import mill
from shared.kernel.tests.records import changed, counted, totals
from shared.kernel.worker import WorkerSettings, worker


@pytest.fixture
async def topic(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> Topic:
    """The meter's and the gauge's topics under names of this test's own."""
    readings = Topic(f"meter.{new_id()}", owner="meter", key="meter_id")
    sums = Topic(f"gauge.{new_id()}", owner="gauge", key="meter_id")
    monkeypatch.setattr(mill.Counted, "topic", readings)
    monkeypatch.setattr(mill.TotalChanged, "topic", sums)
    await apply_topics(kafka.bootstrap, [readings, sums])
    return readings


# Ends every connection but the test's own; true when one of the consumers' was among them.
_CUT = """
    SELECT bool_or(pg_terminate_backend(pid) AND application_name LIKE 'wanpu-worker-%') FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'wanpu-%'
"""


@asynccontextmanager
async def at_work(db: Database, kafka: Kafka, router: Router) -> AsyncIterator[None]:
    """The worker's app, running until the block ends."""
    app = worker(WorkerSettings("gauge", db.dsn, kafka.bootstrap), router, publishes=(mill.TotalChanged,))
    task = asyncio.create_task(app.run())
    try:
        yield
    finally:
        app.exit()
        await task


async def send(kafka: Kafka, records: Sequence[Any]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for raw in records:
            await producer.send_and_wait(raw.topic, raw.value, raw.key, headers=list(raw.headers))
    finally:
        await producer.stop()


async def committed(kafka: Kafka, topic: Topic) -> int:
    """How many records of the topic the group has committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, group_id=f"gauge.{topic.name}")
    await consumer.start()
    try:
        offsets = [await consumer.committed(TopicPartition(topic.name, part)) for part in range(PARTITIONS)]
    finally:
        await consumer.stop()
    return sum(offset or 0 for offset in offsets)


async def members(kafka: Kafka, topic: Topic) -> int:
    """Among how many consumers the group has shared the topic; 0 while it is about to."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([f"gauge.{topic.name}"])
    finally:
        await admin.close()
    ((_, _, state, _, _, found, *_),) = answer.groups
    return len(found) if state == "Stable" else 0


async def test_good_and_bad_records_alike_are_taken_up_and_committed(
    gauge: Database, kafka: Kafka, topic: Topic
) -> None:
    good = [counted(f"m{n % 10}", n // 10 + 1, n) for n in range(100)]
    bad = [
        changed(counted("m1", 50), value=b"{"),
        changed(counted("m2", 50), key=None),
        changed(counted("m3", 50), ce_id=b"\xff"),
        changed(counted("m4", 50), value=None),
    ]
    await send(kafka, [*good[:50], *bad, *good[50:]])

    async def done() -> bool:
        return await committed(kafka, topic) == 104

    async with at_work(gauge, kafka, mill.adding()):
        await until(done)
    assert await gauge.pool.fetchval("SELECT count(*) FROM dead_letters") == 4
    assert set(await totals(gauge)) == {f"m{n}" for n in range(10)}
    assert (await totals(gauge))["m0"] == sum(range(0, 100, 10))


async def test_what_is_applied_while_offsets_are_being_committed_is_committed_too(
    gauge: Database, kafka: Kafka, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, commits = AIOKafkaConsumer.commit, 0

    async def second_applied() -> bool:
        return await totals(gauge) == {"a": 2}

    async def slow_commit(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        nonlocal commits
        commits += 1
        if commits == 1:
            await send(kafka, [counted("a", 2, 1)])
            await until(second_applied)
        await commit(consumer, offsets)

    async def done() -> bool:
        return await committed(kafka, topic) == 2

    monkeypatch.setattr(AIOKafkaConsumer, "commit", slow_commit)
    await send(kafka, [counted("a", 1, 1)])
    async with at_work(gauge, kafka, mill.adding()):
        await until(done)


async def test_a_record_that_makes_a_reaction_fail_is_parked_alone(gauge: Database, kafka: Kafka, topic: Topic) -> None:
    await send(kafka, [counted(f"m{n}", 1, 1, explode=n in {7, 30}) for n in range(40)])

    async def done() -> bool:
        return await committed(kafka, topic) == 40

    async with at_work(gauge, kafka, mill.adding()):
        await until(done)
    assert await totals(gauge) == {f"m{n}": 1 for n in range(40) if n not in {7, 30}}
    causes = await gauge.pool.fetch("SELECT stream_key, cause FROM dead_letters ORDER BY stream_key")
    assert [tuple(row) for row in causes] == [(key, "RuntimeError: told to explode") for key in ("m30", "m7")]


async def test_a_lost_database_delays_events_and_loses_none(
    gauge: Database, kafka: Kafka, topic: Topic, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut() -> bool:
        return bool(await gauge.pool.fetchval(_CUT))

    async def all_there() -> bool:
        return await totals(gauge) == {"a": 30}

    async with at_work(gauge, kafka, mill.adding()):
        for start in (1, 11, 21):
            await send(kafka, [counted("a", n) for n in range(start, start + 10)])
            await until(cut)
        await until(all_there)
    assert await gauge.pool.fetchval("SELECT count(*) FROM history") == 30


async def test_consumers_that_come_and_go_apply_each_event_once(gauge: Database, kafka: Kafka, topic: Topic) -> None:
    async def shared() -> bool:
        return await members(kafka, topic) == 2

    async def all_there() -> bool:
        return sum((await totals(gauge)).values()) == 300

    records = [counted(f"m{n % 30}", n // 30 + 1) for n in range(300)]
    async with at_work(gauge, kafka, mill.adding()):
        for start in (0, 150):
            sending = asyncio.create_task(send(kafka, records[start : start + 100]))
            async with at_work(gauge, kafka, mill.adding()):
                await until(shared)
                await sending
            await send(kafka, records[start + 100 : start + 150])
        await until(all_there)
    assert await gauge.pool.fetchval("SELECT count(*) FROM history") == 300


async def test_a_timer_fires_once_by_the_clock_of_the_database(gauge: Database) -> None:
    fired: list[str] = []

    async def react(tx: Tx, due: Sequence[timers.Timer]) -> None:
        fired.extend(timer.subject for timer in due)

    async with gauge.transaction() as tx:
        await timers.schedule(tx, "ring", ["now"], 0, Cause())
        await timers.schedule(tx, "ring", ["later", "never"], 3600, Cause())
        await timers.cancel(tx, "ring", ["never"])
        assert await timers.pending(tx, "ring", ["now", "never", "unheard of"]) == {"now"}
    assert await timers.fire_due(gauge, {"ring": react}) == 1
    assert await timers.fire_due(gauge, {"ring": react}) == 0
    await gauge.pool.execute("UPDATE timers SET due_at = now()")
    await timers.fire_due(gauge, {"ring": react})
    assert fired == ["now", "later"]


async def test_timers_of_two_kinds_fire_in_transactions_of_their_own(gauge: Database) -> None:
    fired: list[tuple[str, str, int]] = []

    async def react(tx: Tx, due: Sequence[timers.Timer]) -> None:
        number = await tx.fetchval("SELECT pg_current_xact_id()::text::bigint")
        fired.extend((timer.kind, timer.subject, number) for timer in due)

    async with gauge.transaction() as tx:
        for kind in ("ring", "wake"):
            await timers.schedule(tx, kind, ["a", "b"], 0, Cause())
    reactions = {"ring": react, "wake": react}
    assert [await timers.fire_due(gauge, reactions) for _ in range(3)] == [2, 2, 0]
    assert len({number for _, _, number in fired}) == 2
    assert sorted(fired[:2])[0][0] == sorted(fired[:2])[1][0]


async def test_a_timer_that_is_firing_is_not_waited_for_by_who_takes_it_back(gauge: Database) -> None:
    async def react(tx: Tx, due: Sequence[timers.Timer]) -> None:
        async with asyncio.timeout(2), gauge.transaction() as other:
            await timers.cancel(other, "ring", ["now", "later"])

    async with gauge.transaction() as tx:
        await timers.schedule(tx, "ring", ["now"], 0, Cause())
        await timers.schedule(tx, "ring", ["later"], 3600, Cause())
    assert await timers.fire_due(gauge, {"ring": react}) == 1
    assert await gauge.pool.fetchval("SELECT count(*) FROM timers") == 0


async def test_a_timer_that_fails_does_not_hold_up_the_others(gauge: Database) -> None:
    fired: list[str] = []

    async def react(tx: Tx, due: Sequence[timers.Timer]) -> None:
        if any(timer.subject == "bad" for timer in due):
            raise RuntimeError("no")
        fired.extend(timer.subject for timer in due)

    async with gauge.transaction() as tx:
        await timers.schedule(tx, "ring", ["a", "bad", "c"], 0, Cause())
    await timers.fire_due(gauge, {"ring": react})
    assert sorted(fired) == ["a", "c"]
    assert await gauge.pool.fetchval("SELECT attempts FROM timers WHERE subject = 'bad' AND due_at > now()") == 1

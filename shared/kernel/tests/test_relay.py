"""What the relay promises, on a real database and a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.event import Cause, Topic
from shared.embedded.kafka import Kafka
from shared.kernel import outbox, relay
from shared.kernel.database import Database
from shared.kernel.ids import new_id
from shared.kernel.kafka import MAX_MESSAGE_BYTES, TopicDiffers, apply_topics
from shared.kernel.relay import Relay
from shared.kernel.relay.buckets import Buckets
from shared.kernel.testing import PATIENCE_SECONDS, until
from shared.kernel.tests import mill


@asynccontextmanager
async def running(db: Database, kafka: Kafka) -> AsyncIterator[Relay]:
    one = Relay(db.dsn, db.schema, kafka.bootstrap)
    task = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        one.stop()
        await task


@pytest.fixture
async def topic(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> Topic:
    """The meter's topic under a name of this test's own."""
    topic = Topic(f"meter.{new_id()}", owner="meter", key="meter_id")
    monkeypatch.setattr(mill.Counted, "topic", topic)
    await apply_topics(kafka.bootstrap, [topic])
    return topic


async def drained(db: Database) -> bool:
    return bool(await db.pool.fetchval("SELECT count(*) = 0 FROM outbox"))


async def published(kafka: Kafka, topic: Topic, number: int) -> list[ConsumerRecord[bytes, bytes]]:
    """So many records from the start of the topic."""
    consumer = AIOKafkaConsumer(topic.name, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    found: list[ConsumerRecord[bytes, bytes]] = []
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(found) < number:
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
    finally:
        await consumer.stop()
    return found


async def test_every_committed_event_arrives_in_the_order_of_its_stream(
    meter: Database, kafka: Kafka, topic: Topic
) -> None:
    async with running(meter, kafka):
        await asyncio.gather(*(mill.count(meter, {f"m{n % 7}": n, "hot": 1}) for n in range(60)))
        records = await published(kafka, topic, 120)
        await until(lambda: drained(meter))
    streams: dict[bytes, list[int]] = {}
    for record in records:
        streams.setdefault(record.key, []).append(int(dict(record.headers)["ce_aggregateversion"]))
    assert streams[b"hot"] == list(range(1, 61))
    assert all(positions == list(range(1, len(positions) + 1)) for positions in streams.values())


async def test_an_event_carries_what_cloudevents_asks_for(meter: Database, kafka: Kafka, topic: Topic) -> None:
    cause = Cause(causation_id="c1", correlation_id="c2", traceparent="00-x", loadtest=True)
    async with meter.transaction() as tx:
        await outbox.append(tx, [mill.Counted(meter_id="a", amount=3).at(1, cause)])
    async with running(meter, kafka):
        (record,) = await published(kafka, topic, 1)
    headers = {name: value.decode() for name, value in record.headers}
    assert (
        headers.items()
        >= {
            "ce_type": "wanpu.meter.Counted.v1",
            "ce_source": "wanpu.meter",
            "ce_subject": "a",
            "ce_specversion": "1.0",
            "ce_causationid": "c1",
            "ce_correlationid": "c2",
            "traceparent": "00-x",
            "ce_loadtest": "true",
            "content-type": "application/json",
        }.items()
    )
    assert record.value == b'{"meter_id":"a","amount":3,"explode":false}'


async def test_an_event_without_a_position_is_refused_before_it_makes_a_hole(meter: Database) -> None:
    async with meter.transaction() as tx:
        with pytest.raises(ValueError, match="has no position"):
            await outbox.append(tx, [mill.Counted(meter_id="a", amount=3)])


async def test_two_relays_share_the_buckets_and_one_takes_over_when_the_other_ends(
    meter: Database, kafka: Kafka
) -> None:
    first = await Buckets.open(meter.dsn, meter.schema)
    await first.share()
    assert len(first.owned) == outbox.BUCKETS
    second = await Buckets.open(meter.dsn, meter.schema)
    first._shared_at = second._shared_at = 0.0
    await first.share()
    await second.share()
    assert (len(first.owned), len(second.owned)) == (8, 8)
    assert not set(first.owned) & set(second.owned)
    await first.close()
    second._shared_at = 0.0
    await second.share()
    assert len(second.owned) == outbox.BUCKETS
    await second.close()


async def test_a_row_that_cannot_be_sent_moves_aside_with_every_later_row_of_its_key(
    meter: Database, kafka: Kafka, topic: Topic
) -> None:
    await mill.count(meter, {"a": 1, "b": 1})
    await meter.pool.execute("UPDATE outbox SET body = repeat('x', $1)::bytea WHERE key = 'a'", MAX_MESSAGE_BYTES + 1)
    await mill.count(meter, {"a": 2})
    async with running(meter, kafka):
        await until(lambda: drained(meter))
        await mill.count(meter, {"a": 3})
        await until(lambda: drained(meter))
        aside = await meter.pool.fetch("SELECT aggregate_version AS position, cause FROM outbox_dead ORDER BY id")
        assert [row["position"] for row in aside] == [1, 2, 3]
        assert "bytes, a message may have" in aside[0]["cause"]
        await meter.pool.execute("UPDATE outbox_dead SET body = '{}'")
        async with meter.transaction() as tx:
            assert await relay.replay_dead(tx, "a") == 3
        records = await published(kafka, topic, 4)
    positions = [int(dict(record.headers)["ce_aggregateversion"]) for record in records if record.key == b"a"]
    assert positions == [1, 2, 3]


async def test_a_missing_topic_sets_its_events_aside_and_not_the_others(
    meter: Database, kafka: Kafka, topic: Topic
) -> None:
    await mill.count(meter, {"a": 1, "b": 1})
    await meter.pool.execute("UPDATE outbox SET topic = 'no.such' WHERE key = 'a'")
    async with running(meter, kafka):
        (record,) = await published(kafka, topic, 1)
        await until(lambda: drained(meter))
    assert record.key == b"b"
    assert "declare it" in await meter.pool.fetchval("SELECT cause FROM outbox_dead")


async def test_a_topic_with_another_number_of_partitions_is_not_touched(kafka: Kafka, topic: Topic) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    name = f"odd.{new_id()}"
    await admin.create_topics([NewTopic(name, 3, 1)])
    await admin.close()
    with pytest.raises(TopicDiffers, match="has 3 partitions"):
        await apply_topics(kafka.bootstrap, [Topic(name, owner="odd", key="id")])
    assert await apply_topics(kafka.bootstrap, [topic]) == []

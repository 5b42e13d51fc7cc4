"""Kafka: the topics as declared, a producer's settings, and the headers an event travels with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.partitioner import DefaultPartitioner

from shared.contracts.event import PARTITIONS, Topic
from shared.kernel.database import Row

MAX_MESSAGE_BYTES = 900_000  # under the broker's 1 MiB with room for headers and the batch's frame
BATCH_BYTES = 256 * 1024  # larger batches gave a prototype nothing more on two cores
LINGER_MS = 2  # the outbox read already groups; waiting longer only adds to latency
REQUEST_MS = 30_000  # longer than the relay's own patience, so that no batch expires behind the relay's back
DAY_MS = 86_400_000
METADATA_SECONDS = 20.0
READ_MS = 200  # how long a reader of whole topics waits for more
READ_RECORDS = 5_000
RETRY_SECONDS = 1.0
PARTITIONED_KEYS = (
    65_536  # whose partition is remembered: hashing a key of 36 bytes in Python costs 6 µs, looking up none
)
_PARTITIONER = DefaultPartitioner()

log = structlog.get_logger(__name__)


class TopicDiffers(Exception):
    """A topic exists with another number of partitions: its keys would lose their order if it were changed."""


async def until_reachable(bootstrap: str) -> None:
    """Return when the broker answers; a worker that starts before its broker waits for it, it does not die."""
    while True:
        client = AIOKafkaClient(bootstrap_servers=bootstrap)
        try:
            await client.bootstrap()
        except KafkaError as error:
            log.warning("waiting for kafka", bootstrap=bootstrap, cause=repr(error))
            await asyncio.sleep(RETRY_SECONDS)
        else:
            return
        finally:
            await client.close()


async def apply_topics(bootstrap: str, topics: Iterable[Topic], replicas: int = 1) -> list[str]:
    """Create the declared topics that are missing and return their names.

    Raises:
        TopicDiffers: when one that is there has not the declared number of partitions.
    """
    wanted = {topic.name: topic for topic in topics}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [name for name in wanted if name not in there]
        if missing:
            _raise_failed(await admin.create_topics([_new_topic(wanted[name], replicas) for name in missing]))
        for name, found in (await _partitions(admin, sorted(wanted))).items():
            if found != PARTITIONS:
                raise TopicDiffers(f"{name} has {found} partitions, not {PARTITIONS}: make a new topic")
        return missing
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """How many partitions each topic has, once the broker knows of all of them: a new one takes a moment."""
    async with asyncio.timeout(METADATA_SECONDS):
        while True:
            described = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)}
            if all(described.get(name) for name in names):
                return described
            await asyncio.sleep(0.1)


def _new_topic(topic: Topic, replicas: int) -> NewTopic:
    keep = topic.retention_days * DAY_MS if topic.retention_days > 0 else -1
    configs = {"cleanup.policy": "delete", "retention.ms": str(keep), "max.message.bytes": "1048576"}
    return NewTopic(topic.name, PARTITIONS, replicas, topic_configs=configs)


def _raise_failed(response: Any) -> None:
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise error(name)


def producer(bootstrap: str, client_id: str) -> AIOKafkaProducer:
    """An idempotent producer that confirms by all replicas."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        partitioner=_PARTITIONER,
        linger_ms=LINGER_MS,
        request_timeout_ms=REQUEST_MS,
        max_request_size=MAX_MESSAGE_BYTES + 100_000,
        metadata_max_age_ms=30_000,
    )


@lru_cache(maxsize=PARTITIONED_KEYS)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition that our producers choose for a key."""
    numbers = range(partitions)
    return int(_PARTITIONER(key, numbers, numbers))


def to_headers(row: Row, source: str) -> list[tuple[str, bytes]]:
    """An outbox row's CloudEvents headers, in binary mode."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", row["event_id"].encode()),
        ("ce_type", row["type"].encode()),
        ("ce_source", source.encode()),
        ("ce_subject", row["key"].encode()),
        ("ce_time", row["occurred_at"].isoformat().encode()),
        ("ce_aggregateversion", b"%d" % row["aggregate_version"]),
        ("content-type", b"application/json"),
    ]
    headers += [(name, value.encode()) for name, value in row["headers"].items()]
    return headers


async def read_all(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Any]:
    """Every record of these topics from the first kept to the last at the start, in order inside a partition.

    Without a group, so nothing of it stays behind.

    Raises:
        KafkaError: the broker is away, or a topic is missing.
    """
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=bootstrap,
        group_id=None,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        request_timeout_ms=REQUEST_MS,
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(sorted(consumer.assignment()))
        left = {part for part, end in ends.items() if await consumer.position(part) < end}
        while left:
            for part, records in (await consumer.getmany(timeout_ms=READ_MS, max_records=READ_RECORDS)).items():
                for record in records:
                    if record.offset < ends[part]:
                        yield record
            left = {part for part in left if await consumer.position(part) < ends[part]}
    finally:
        await consumer.stop()


async def behind(bootstrap: str, groups: Mapping[str, str]) -> dict[str, int]:
    """How many records each group, given with its topic, has still to commit."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=REQUEST_MS)
    topics = sorted(set(groups.values()))
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    await admin.start()
    await consumer.start()
    try:
        parts = sorted(consumer.assignment())
        begins, ends = await consumer.beginning_offsets(parts), await consumer.end_offsets(parts)
        found = {}
        for group, topic in groups.items():
            done = await _committed(admin, group)
            mine = [part for part in parts if part.topic == topic]
            found[group] = sum(ends[part] - max(done.get(part, 0), begins[part]) for part in mine)
        return found
    finally:
        await consumer.stop()
        await admin.close()


async def _committed(admin: AIOKafkaAdminClient, group: str) -> dict[Any, int]:
    """A group's offsets by partition; a broker that has just started needs a moment to know its groups."""
    async with asyncio.timeout(METADATA_SECONDS):
        while True:
            try:
                known = await admin.list_consumer_group_offsets(group)
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(0.1)
            else:
                return {part: offset.offset for part, offset in known.items()}

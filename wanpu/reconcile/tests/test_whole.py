"""The command as a whole: a real database, a real broker of its own, the events sent as the relay sends them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts import TOPICS
from shared.embedded.kafka import Kafka
from shared.embedded.process import free_port
from shared.kernel import kafka as topics
from shared.kernel.delivery import Router
from wanpu.reconcile import reconcile, report, until_quiet
from wanpu.reconcile.history import History
from wanpu.reconcile.quiet import groups
from wanpu.reconcile.tests import sound


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A broker of this module's own: reconcile reads whole topics, and other tests write to them."""
    server = Kafka(tmp_path_factory.mktemp("reconcile") / "kafka", free_port(), free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
async def told(broker: Kafka) -> AsyncIterator[str]:
    """The sound world's events on their topics."""
    await topics.apply_topics(broker.bootstrap, TOPICS)
    producer = topics.producer(broker.bootstrap, "tests")
    await producer.start()
    for event in sound.events():
        await producer.send_and_wait(event.topic, event.value, event.key, headers=list(event.headers))
    await producer.stop()
    yield broker.bootstrap


async def read_up(bootstrap: str, routers: dict[str, Router]) -> None:
    """Commit for every group what there is, as its service would after applying it."""
    for group, topic in groups(routers).items():
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        parts = [TopicPartition(topic, number) for number in range(12)]
        consumer.assign(parts)
        await consumer.commit(await consumer.end_offsets(parts))
        await consumer.stop()


async def test_a_platform_at_rest_is_quiet_and_every_invariant_holds(
    dsn: str, told: str, routers: dict[str, Router]
) -> None:
    assert any("records to read" in line for line in await until_quiet(dsn, told, routers, seconds=0))
    await read_up(told, routers)
    assert await until_quiet(dsn, told, routers) == []
    history = History()
    history.note("driver", "k", 201, sound.ORDER)
    findings = await reconcile(dsn, told, history, routers=routers)
    assert [finding for finding in findings if not finding.holds] == []
    assert {finding.invariant for finding in findings} == set(range(1, 9))
    assert report(findings).row_count == len(findings)
    assert json.loads(json.dumps([finding.as_json() for finding in findings]))


def test_a_history_is_kept_in_a_file(tmp_path: Path) -> None:
    history = History()
    history.note("p", "k1", 201, sound.ORDER)
    history.note("p", "k2", None)
    history.save(tmp_path / "history.jsonl")
    assert History.load(tmp_path / "history.jsonl") == history
    assert history.unknown() == {("p", "k2")}

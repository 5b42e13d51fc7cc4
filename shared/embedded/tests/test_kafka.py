"""The embedded Kafka: real, on ports of our choice, over data that survives it."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.embedded import jars
from shared.embedded.kafka import Kafka, live_brokers
from shared.embedded.process import StackError, free_port


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path / "kafka", free_port(), free_port())
    yield kafka
    kafka.remove()


async def make_topic(kafka: Kafka, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(name, 1, 1)])
    await admin.close()


async def send(kafka: Kafka, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(topic, value)
    await producer.stop()


async def first(kafka: Kafka, topic: str) -> bytes:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    record = await consumer.getone()
    await consumer.stop()
    return bytes(record.value)


async def test_an_acknowledged_record_survives_a_killed_broker(broker: Kafka) -> None:
    broker.start()
    await make_topic(broker, "letters")
    await send(broker, "letters", b"dear")
    assert await first(broker, "letters") == b"dear"
    broker.kill()
    assert live_brokers(broker.port) == 0
    broker.start()
    assert await first(broker, "letters") == b"dear"


def test_a_busy_port_says_so(broker: Kafka) -> None:
    with (
        socket.create_server(("127.0.0.1", broker.port)),
        pytest.raises(StackError, match=f"port {broker.port}, needed by kafka, is in use"),
    ):
        broker.start()


def test_a_folder_with_something_else_in_it_is_left_alone(broker: Kafka) -> None:
    broker.data.mkdir()
    (broker.data / "letters").write_text("dear")
    with pytest.raises(StackError, match="not empty and not a Kafka data folder"):
        broker.start()
    (broker.data / "letters").unlink()


def test_storage_whose_formatting_was_cut_short_is_formatted_again(broker: Kafka) -> None:
    draft = broker.data.with_name("kafka.half-made")
    draft.mkdir()
    (draft / "meta.properties").write_text("version=1\n")
    broker.prepare()
    assert "cluster.id" in (broker.data / "meta.properties").read_text()


def test_the_jars_in_the_cache_are_exactly_those_of_the_lock() -> None:
    folder = jars.kafka_jars()
    assert {file.name for file in folder.iterdir()} == {jar.file for jar in jars.locked_jars()}


def test_a_jar_missing_from_the_cache_brings_it_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jars.kafka_jars()  # from here on the Maven cache of this user has them: nothing is fetched twice
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    told: list[str] = []
    folder = jars.kafka_jars(told.append)
    assert any("47 of 47 files" in line for line in told)
    next(folder.glob("kafka-clients-*.jar")).unlink()
    assert len(list(jars.kafka_jars(told.append).iterdir())) == 47

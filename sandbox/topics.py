"""Public topics, read from their beginning as any other team would: a plain client, no group, nothing stored."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from shared.contracts import BY_TYPE
from shared.contracts.event import Event, Topic

POLL_MS = 500
RETRY_SECONDS = 1.0
BATCH = 500

log = logging.getLogger(__name__)
Hear = Callable[[Event, Mapping[str, str]], None]  # the event and its headers


class Following:
    """What a party hears: each event of the wanted types at least once, in the order of its stream.

    `caught_up` is set when all that was there at the start has been heard. After a fault the topics are read from
    their beginning again, so `hear` must not mind repetitions.
    """

    def __init__(
        self,
        bootstrap: str,
        topics: Sequence[Topic],
        wanted: Sequence[type[Event]],
        hear: Hear,
        caught_up: asyncio.Event,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = [topic.name for topic in topics]
        self._wanted = {event.type for event in wanted}
        self._hear = hear
        self.caught_up = caught_up
        if not bootstrap:
            self.caught_up.set()

    async def run(self) -> None:
        """Follow until cancelled; a broker that is away is waited for."""
        while self._bootstrap:
            try:
                await self._follow()
            except KafkaError as error:
                log.warning("topics can't be read, trying again: %r", error)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._bootstrap,
            group_id=None,  # without a group it takes all partitions, and nothing of it stays behind
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
            ends = await consumer.end_offsets(sorted(consumer.assignment()))
            while True:
                for records in (await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)).values():
                    for record in records:
                        self._take(record)
                if not self.caught_up.is_set() and await _reached(consumer, ends):
                    self.caught_up.set()
        finally:
            await consumer.stop()

    def _take(self, record: Any) -> None:
        """Hear one record; what is no event, or none that is wanted, is passed over."""
        headers = {name: value.decode(errors="replace") for name, value in record.headers if value is not None}
        if headers.get("ce_type") not in self._wanted or record.value is None:
            return
        try:
            event = BY_TYPE[headers["ce_type"]].model_validate_json(record.value)
        except ValidationError as error:
            log.warning("%s[%s]@%s is unreadable: %s", record.topic, record.partition, record.offset, error)
            return
        self._hear(event, headers)


async def _reached(consumer: Any, ends: Mapping[TopicPartition, int]) -> bool:
    return all([await consumer.position(part) >= end for part, end in ends.items()])


def position_of(headers: Mapping[str, str]) -> int:
    """An event's place in its stream, 1, 2, 3 …; 0 when its headers don't say."""
    place = headers.get("ce_aggregateversion", "")
    return int(place) if place.isdecimal() else 0

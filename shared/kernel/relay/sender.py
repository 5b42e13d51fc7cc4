"""Sends a batch of outbox rows and says which were acknowledged; never sends past a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.kernel import kafka
from shared.kernel.database import Row

PATIENCE_SECONDS = 15.0  # shorter than a batch's life in the producer, so that none expires while a later one goes out

log = structlog.get_logger(__name__)


class SendFailed(Exception):
    """The broker did not take the whole batch: what it did not take is still in the outbox."""


class Sender:
    """A producer that is thrown away and built again when anything fails (aiokafka#1017)."""

    def __init__(self, bootstrap: str, source: str) -> None:
        self.bootstrap = bootstrap
        self.source = source
        self._producer: AIOKafkaProducer | None = None
        self._topics: set[str] = set()

    async def unsendable(self, rows: Sequence[Row]) -> list[tuple[Row, str]]:
        """The rows that no retry will get through, each with its cause; one a key, the first."""
        producer = await self._started()
        if {row["topic"] for row in rows} - self._topics:
            self._topics = set((await producer.client.fetch_all_metadata()).topics())
        found: dict[tuple[str, str], tuple[Row, str]] = {}
        for row in rows:
            if cause := self._cause(row):
                found.setdefault((row["topic"], row["key"]), (row, cause))
        return list(found.values())

    def _cause(self, row: Row) -> str | None:
        if row["topic"] not in self._topics:
            return f"no topic {row['topic']}: declare it beside its events and run `wanpu topics`"
        if len(row["body"]) > kafka.MAX_MESSAGE_BYTES:
            return f"{len(row['body'])} bytes, a message may have {kafka.MAX_MESSAGE_BYTES}"
        return None

    async def send(self, rows: Sequence[Row], meanwhile: Callable[[], Awaitable[None]], every_seconds: float) -> None:
        """Send all in order and wait for every acknowledgement, doing `meanwhile` every so often.

        Raises:
            SendFailed: when one was not acknowledged; nothing more of the batch is sent after that.
        """
        line = _Line(await self._started())
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                for row in rows:
                    await line.add(row["topic"], row["key"].encode(), row["body"], kafka.to_headers(row, self.source))
                line.hand_over_all()
                await _settle(line.sending, meanwhile, every_seconds)
        except (KafkaError, TimeoutError) as error:
            await self._abandon(line.sending)
            raise SendFailed(f"{type(error).__name__}: {error}") from error
        except BaseException:
            await self._abandon(line.sending)
            raise

    async def _started(self) -> AIOKafkaProducer:
        if self._producer is None:
            producer = kafka.producer(self.bootstrap, client_id=f"relay-{self.source}")
            try:
                await producer.start()
                self._topics = set((await producer.client.fetch_all_metadata()).topics())
            except KafkaError as error:
                await producer.stop()
                raise SendFailed(f"{type(error).__name__}: {error}") from error
            self._producer = producer
        return self._producer

    async def _abandon(self, pending: Iterable[asyncio.Future[None]]) -> None:
        """Stop sending at once: `stop()` would flush what follows the failure, and so change the order of a key."""
        producer, self._producer = self._producer, None
        for future in pending:
            if future.done() and not future.cancelled():
                future.exception()
            future.cancel()
        if producer is not None:
            producer._closed = True
            await producer._sender.close()
            await producer.client.close()

    async def close(self) -> None:
        """Close in order; nothing is pending between batches."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()


class _Line:
    """One sending of rows: batches filled by partition; a partition's next one goes when the last is acknowledged.

    A future for each batch instead of each message is half of what a message costs here (bench/results).
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.sending: list[asyncio.Task[None]] = []
        self._producer = producer
        self._partitions: dict[str, int] = {}
        self._filling: dict[tuple[str, int], BatchBuilder] = {}
        self._last: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def add(self, topic: str, key: bytes, body: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Put a message at the end of its partition's line; a batch that is full goes out meanwhile."""
        if topic not in self._partitions:
            self._partitions[topic] = len(await self._producer.partitions_for(topic))
        place = (topic, kafka.partition_of(key, self._partitions[topic]))
        batch = self._filling.get(place)
        if batch is not None and batch.append(timestamp=None, key=key, value=body, headers=headers) is not None:
            return
        if batch is not None:
            self._hand_over(place, batch)
            await asyncio.sleep(0)  # the producer's turn
        batch = self._filling[place] = self._producer.create_batch()
        batch.append(timestamp=None, key=key, value=body, headers=headers)  # an empty one takes any message

    def hand_over_all(self) -> None:
        """Nothing more comes: what is filled goes out as it is."""
        for place, batch in self._filling.items():
            self._hand_over(place, batch)

    def _hand_over(self, place: tuple[str, int], batch: BatchBuilder) -> None:
        batch.close()  # a closed batch does not linger
        self._last[place] = asyncio.create_task(self._send(place, batch, self._last.get(place)))
        self.sending.append(self._last[place])

    async def _send(self, place: tuple[str, int], batch: BatchBuilder, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await before
        topic, partition = place
        await (await self._producer.send_batch(batch, topic, partition=partition))


async def _settle(
    pending: Iterable[asyncio.Future[None]], meanwhile: Callable[[], Awaitable[None]], every_seconds: float
) -> None:
    waiting = set(pending)
    while waiting:
        done, waiting = await asyncio.wait(waiting, timeout=every_seconds, return_when=asyncio.FIRST_EXCEPTION)
        for future in done:
            future.result()
        await meanwhile()

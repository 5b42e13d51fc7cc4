"""The relay's loop: read all owned buckets in id order, send, delete what was acknowledged, read again."""

from __future__ import annotations

import asyncio
import time

import structlog

from shared.kernel import observe
from shared.kernel.database import Row, is_transient
from shared.kernel.failpoints import failpoint
from shared.kernel.relay import dead
from shared.kernel.relay.buckets import TOUCH_SECONDS, Buckets
from shared.kernel.relay.sender import Sender, SendFailed

BUCKET_ROWS = 512  # rows a bucket and read: 16 buckets fill the producer's batches, and bound what a crash repeats
POLL_SECONDS = 0.002
IDLE_SECONDS = 0.050  # the poll rises to this when nothing comes: p50 11 ms from commit to consumer on a prototype
FEW_ROWS = 100
GATHER_SECONDS = 0.010  # after a small batch: at 500 events/s each read finds several, and all behind cost less CPU
RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 5.0  # a broker that is back is found within this

_READ = """
    SELECT o.* FROM unnest($1::smallint[]) AS b (bucket)
     CROSS JOIN LATERAL (SELECT * FROM outbox WHERE outbox.bucket = b.bucket ORDER BY id LIMIT $2) o
     ORDER BY o.id
"""
_DELETE = """
    DELETE FROM outbox USING unnest($1::smallint[], $2::bigint[]) AS sent (bucket, id)
     WHERE outbox.bucket = sent.bucket AND outbox.id = sent.id
"""

log = structlog.get_logger(__name__)


class Relay:
    """Sends the outbox of one schema; any number of them share its buckets."""

    def __init__(self, dsn: str, schema: str, bootstrap: str) -> None:
        self.dsn = dsn
        self.schema = schema
        self.sender = Sender(bootstrap, f"wanpu.{schema}")
        self.buckets: Buckets | None = None
        self.sent = 0
        self._set_aside: set[tuple[str, str]] = set()
        self._set_aside_read_at = 0.0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ask it to end after the batch that is under way."""
        self._stopping.set()

    async def run(self) -> None:
        """Send until stopped; a fault of the broker or the database is waited out, from the table on again."""
        pause = RETRY_SECONDS
        try:
            while not self._stopping.is_set():
                try:
                    await self._send_until_stopped()
                except Exception as error:
                    if not (isinstance(error, SendFailed) or is_transient(error)):
                        log.exception("relay failed", schema=self.schema)
                    log.warning("relay pauses", schema=self.schema, cause=repr(error), pause_seconds=pause)
                    await self._release()
                    await self._pause(pause)
                    pause = min(pause * 2, LONGEST_RETRY_SECONDS)
                else:
                    pause = RETRY_SECONDS
        finally:
            await self._release()
            await self.sender.close()

    async def _send_until_stopped(self) -> None:
        idle = POLL_SECONDS
        self.buckets = await Buckets.open(self.dsn, self.schema)
        while not self._stopping.is_set():
            await self.buckets.share()
            if sent := await self._send_batch(self.buckets):
                idle = POLL_SECONDS
                if sent < FEW_ROWS:
                    await self._pause(GATHER_SECONDS)
            else:
                await self._pause(idle)
                idle = min(idle * 2, IDLE_SECONDS)

    async def _send_batch(self, buckets: Buckets) -> int:
        rows = await buckets.connection.fetch(_READ, buckets.ids(), BUCKET_ROWS)
        buckets.used()
        if not rows or await self._moved_aside(buckets, rows):
            return len(rows)
        failpoint("relay.before_send")
        await self.sender.send(rows, buckets.touch, TOUCH_SECONDS)
        failpoint("relay.after_send")
        failpoint("relay.before_delete")
        await buckets.connection.execute(_DELETE, [row["bucket"] for row in rows], [row["id"] for row in rows])
        buckets.used()
        self.sent += len(rows)
        observe.RELAY_SENT.labels(self.schema).inc(len(rows))
        return len(rows)

    async def _moved_aside(self, buckets: Buckets, rows: list[Row]) -> bool:
        """Move what can't be sent out of the way; true when the table has to be read again."""
        tx = buckets.connection
        if time.monotonic() - self._set_aside_read_at > TOUCH_SECONDS or self._set_aside:
            self._set_aside = await dead.dead_streams(tx, buckets.ids())
            self._set_aside_read_at = time.monotonic()
        behind: dict[tuple[str, str], tuple[Row, str]] = {}
        if self._set_aside:
            for row in rows:
                stream = (row["topic"], row["key"])
                if stream in self._set_aside:
                    behind.setdefault(stream, (row, "waits behind a row that can't be sent"))
        bad = list(behind.values()) or await self.sender.unsendable(rows)
        if bad:
            await dead.move_aside(tx, bad)
            self._set_aside_read_at = 0.0
            observe.OUTBOX_DEAD.labels(self.schema).inc(len(bad))
            for row, cause in bad:
                log.error("event set aside", schema=self.schema, topic=row["topic"], key=row["key"], cause=cause)
        return bool(bad)

    async def _release(self) -> None:
        buckets, self.buckets = self.buckets, None
        if buckets is not None:
            await buckets.close()

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return

"""Which buckets of the outbox this relay sends: session locks on one direct connection."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import asyncpg

from shared.kernel import database
from shared.kernel.outbox import BUCKETS

# Keepalive can't see a stopped process; 8 s and the heir's next look stay under the 12 s of F12 (docs/guarantees.md).
IDLE_SESSION_TIMEOUT = "8s"
TOUCH_SECONDS = 3.0  # well inside the session timeout, also while sends are pending
SHARE_SECONDS = 1.0  # how soon a relay notices that another came or went

_LIVE = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = current_setting('application_name')
"""
_TAKE = "SELECT pg_try_advisory_lock(hashtext('wanpu.relay.' || current_schema()), $1)"
_GIVE_UP = "SELECT pg_advisory_unlock(hashtext('wanpu.relay.' || current_schema()), b) FROM unnest($1::int[]) AS b"


class Buckets:
    """The buckets owned, for as long as the session lives: when it ends, another relay takes them over."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self.connection = connection
        self.owned: list[int] = []
        self._shared_at = 0.0
        self._touched_at = time.monotonic()

    @classmethod
    async def open(cls, dsn: str, schema: str) -> Buckets:
        """Connect under the name by which the live relays of a schema count each other."""
        name = f"wanpu-relay-{schema}"
        # A delete that a crash of the server undoes means a copy with the same id, and no wait for the disk a batch.
        settings = {"idle_session_timeout": IDLE_SESSION_TIMEOUT, "synchronous_commit": "off"}
        return cls(await database.connect(dsn, schema, name, **settings))

    async def share(self) -> None:
        """Take or give up buckets so that each live relay has its share.

        A surplus bucket is given up between batches only, when nothing of it is under way.
        """
        if time.monotonic() - self._shared_at < SHARE_SECONDS:
            return
        self._shared_at = time.monotonic()
        live = await self.connection.fetchval(_LIVE)
        share = math.ceil(BUCKETS / max(live, 1))
        if surplus := self.owned[share:]:
            await self.connection.execute(_GIVE_UP, surplus)
            self.owned = self.owned[:share]
        else:
            await self._take_up_to(share)

    async def _take_up_to(self, share: int) -> None:
        for bucket in set(range(BUCKETS)) - set(self.owned):
            if len(self.owned) >= share:
                break
            if await self.connection.fetchval(_TAKE, bucket):
                self.owned.append(bucket)

    async def touch(self) -> None:
        """Keep the session alive, and learn here, before sending more, that it was ended meanwhile."""
        if time.monotonic() - self._touched_at >= TOUCH_SECONDS / 2:
            await self.connection.execute("SELECT 1")
            self.used()

    def used(self) -> None:
        """A statement has just succeeded: the session lives."""
        self._touched_at = time.monotonic()

    def ids(self) -> Sequence[int]:
        return sorted(self.owned)

    async def close(self) -> None:
        """End the session; a connection that hangs is cut, the server ends it by its own timeout."""
        try:
            await self.connection.close(timeout=1)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            self.connection.terminate()

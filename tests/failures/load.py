"""An open loop of committed events: it does not slow down because the system does."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from shared.kernel.tests import mill
from tests.failures.rig import Pair

TICK_SECONDS = 0.05
METERS = 200


@dataclass(slots=True)
class Load:
    """Counts at so many meters a second until stopped; `longest_seconds` is the slowest unit of work."""

    pair: Pair
    rate: int
    chance: random.Random
    sent: int = 0
    longest_seconds: float = 0.0
    _task: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Load:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        assert self._task is not None
        await self._task

    async def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            due += TICK_SECONDS
            number = max(1, int(self.rate * TICK_SECONDS))
            meters = self.chance.sample(range(METERS), min(number, METERS))
            began = time.monotonic()
            await mill.count(self.pair.meter, {f"m{meter}": 1 for meter in meters})
            self.sent += len(meters)
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

"""What a party does beside answering: started now, done in a while, finished or dropped at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)


class Errands:
    """Background tasks that are kept until they are done; one that fails is logged and harms no other."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, errand: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(errand)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def repeat(self, pause_seconds: float, errand: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do it after each pause until cancelled; one that fails is logged, and done again in its time."""
        while True:
            await asyncio.sleep(pause_seconds)
            await asyncio.wait({self.start(errand())})

    async def finish(self, patience_seconds: float) -> None:
        """Give what runs a moment to end by itself, then drop it."""
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=patience_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("an errand failed: %r", error)

"""Invariant 7: after quiet nothing is left to send or to apply; and how quiet is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from shared.kernel.delivery import Router
from shared.kernel.kafka import behind
from wanpu.reconcile.finding import Finding, World, finding
from wanpu.reconcile.kept import Kept, snapshot

PAUSE_SECONDS = 0.3
IN_A_ROW = 2  # an event may be between two tables at one look, never at two
LATE_SECONDS = -1.0  # a timer that is overdue by more was not fired; workers look five times a second
SOON_SECONDS = 1.5  # what fires within that is waited for: availability is told with a second's pause

_LEFT = """
    SELECT '{service}' AS service, (SELECT count(*) FROM {service}.outbox) AS outbox,
           (SELECT count(*) FROM {service}.outbox_dead) AS aside,
           (SELECT count(*) FROM {service}.waiting w
             WHERE NOT EXISTS (SELECT FROM {service}.parked p WHERE p.topic = w.topic AND p.key = w.key)) AS waiting,
           (SELECT count(*) FROM {service}.timers WHERE due_at < now() + make_interval(secs => $1)) AS timers
"""
_WORDS = {
    "outbox": "events still to be sent",
    "aside": "events set aside because they can't be sent (`wanpu outbox list`)",
    "waiting": "events that wait for one that is missing",
    "timers": "timers due",
}


async def nothing_is_left_to_do(world: World) -> Finding:
    """Outboxes and waiting tables are empty, due timers have fired, every group has committed all there is."""
    faults = [fault for faults in (await _left(world.kept, LATE_SECONDS)).values() for fault in faults]
    faults += [f"{group}: {count} records to read" for group, count in world.behind.items() if count]
    return finding(7, "nothing is left to do", faults, f"outboxes are empty, {len(world.behind)} groups are at the end")


async def until_quiet(dsn: str, bootstrap: str, routers: Mapping[str, Router], *, seconds: float = 60.0) -> list[str]:
    """Wait until there is nothing to send, to apply or to fire; returns what is still left after `seconds`.

    What was set aside, parked or waits behind a dead letter waits for an operator, and is not waited for.
    """
    deadline, quiet, left = time.monotonic() + seconds, 0, [""]
    while quiet < IN_A_ROW:
        left = await _busy(dsn, bootstrap, routers)
        quiet = 0 if left else quiet + 1
        if left and time.monotonic() > deadline:
            return left
        if quiet < IN_A_ROW:
            await asyncio.sleep(PAUSE_SECONDS)
    return []


def groups(routers: Mapping[str, Router]) -> dict[str, str]:
    """Every consumer group and the topic it reads."""
    return {each.group: each.topic.name for router in routers.values() for each in router.subscriptions.values()}


async def _busy(dsn: str, bootstrap: str, routers: Mapping[str, Router]) -> list[str]:
    lag = await behind(bootstrap, groups(routers))
    async with snapshot(dsn) as kept:
        found = await _left(kept, SOON_SECONDS)
    lines = [f"{group}: {count} records to read" for group, count in lag.items() if count]
    return lines + [line for column, lines in found.items() if column != "aside" for line in lines]


async def _left(kept: Kept, within_seconds: float) -> dict[str, list[str]]:
    rows = await kept.each(_LEFT, within_seconds)
    return {
        column: [f"{row['service']}: {row[column]} {words}" for row in rows if row[column]]
        for column, words in _WORDS.items()
    }

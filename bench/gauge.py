"""What a run costs: its seconds, and the processor's seconds of our process, of PostgreSQL and of Kafka."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Reading:
    """The clock and the processor time used so far, in seconds."""

    at: float
    ours: float
    postgres: float
    kafka: float

    def cost(self, earlier: Reading, events: int) -> Cost:
        """What `events` events took since an earlier reading."""
        each = 1000 / max(events, 1)
        return Cost(
            events=events,
            seconds=self.at - earlier.at,
            ours_ms=(self.ours - earlier.ours) * each,
            postgres_ms=(self.postgres - earlier.postgres) * each,
            kafka_ms=(self.kafka - earlier.kafka) * each,
        )


@dataclass(frozen=True, slots=True)
class Cost:
    """A run: how long, and processor milliseconds an event."""

    events: int
    seconds: float
    ours_ms: float
    postgres_ms: float
    kafka_ms: float
    client_ms: float = 0.0

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


def take_reading(postgres_pid: int, kafka_pid: int, *ours: int) -> Reading:
    """Read now; `ours` are the measured processes, none when it is the one that reads."""
    used = sum(map(tree_seconds, ours)) if ours else time.process_time()
    return Reading(time.perf_counter(), used, tree_seconds(postgres_pid), tree_seconds(kafka_pid))


def tree_seconds(pid: int) -> float:
    """Processor seconds of a process, its living children, and those it has reaped."""
    root = psutil.Process(pid)
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if process is root:
            total += times.children_user + times.children_system
    return total

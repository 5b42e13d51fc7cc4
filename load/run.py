"""A shot, what became of it, and what a run of many found."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any, Final, NamedTuple

UNKNOWN: Final = 0  # the status of what was sent and never answered


class Shot(NamedTuple):
    """A request ready to be sent; `tag` is the caller's own and comes back with the answer."""

    request: bytes
    tag: Any = None


@dataclass(slots=True)
class Shown:
    """What became of a shot; times are `time.monotonic()`, `status` 0 says that its outcome is unknown."""

    tag: Any
    status: int
    due_at: float
    sent_at: float
    answered_at: float
    body: bytes | None = None
    retry_after: int | None = None


@dataclass(frozen=True)
class Run:
    """What a run found: seconds from a request's due time to its end, by status; `unsent` never found a connection."""

    taken: Mapping[int, array[float]]
    seconds: float
    cpu_seconds: float  # of this process: what the load itself has cost
    unsent: int = 0
    sent: int = 0  # requests, each attempt counted
    due: int = 0  # shots of an open loop that fell due
    standing: int = 0  # connections that stood when the clock started
    began: float = 0.0  # `time.monotonic()` when the clock started
    busy: float = 0.0  # of one core, while the shots of an open loop fell due

    @property
    def answers(self) -> dict[int, int]:
        """How many there were of each status; 0 is the unknown outcome."""
        return {status: len(taken) for status, taken in sorted(self.taken.items())}

    @property
    def rate(self) -> float:
        """Answers a second, whatever they said."""
        return sum(len(taken) for status, taken in self.taken.items() if status != UNKNOWN) / self.seconds

    @property
    def goodput(self) -> float:
        """Answers a second that said 2xx."""
        return sum(map(len, self._good)) / self.seconds

    def within(self, seconds: float) -> int:
        """How many were answered 2xx in so much time since they were due."""
        return sum(each <= seconds for taken in self._good for each in taken)

    @property
    def _good(self) -> list[array[float]]:
        return [taken for status, taken in self.taken.items() if 200 <= status < 300]

    @cached_property
    def latencies(self) -> array[float]:
        """Of all shots that were sent, sorted."""
        return array("d", sorted(each for taken in self.taken.values() for each in taken))

    def percentile(self, percent: float, status: int | None = None) -> float:
        """The latency that so many of a hundred stay within, by nearest rank; NaN when there is none."""
        taken = self.latencies if status is None else sorted(self.taken.get(status, ()))
        return taken[max(0, ceil(len(taken) * percent / 100) - 1)] if taken else float("nan")

    @property
    def p50(self) -> float:
        return self.percentile(50)

    @property
    def p90(self) -> float:
        return self.percentile(90)

    @property
    def p99(self) -> float:
        return self.percentile(99)

    @property
    def max(self) -> float:
        return self.percentile(100)

"""Who is let in: as many as can be decided in time, by what is measured; the rest learn when to come back."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shared.kernel.errors import Rejected

BURST_SECONDS = 0.1  # of the capped rate that may come at once: requests never come evenly
IN_TIME = 0.7  # of its deadline that a request may have before it; the rest is for being decided, and for mistakes
MEASURED_SECONDS = 1.0  # over which a measurement fades
ENOUGH_SECONDS = 0.5  # of pressure that a measurement takes: less may be one pause
KNOWN_SECONDS = 5.0  # for which it counts: what is not under pressure any more may be as fast as ever
ALWAYS = 64  # are let in, however slow it went: else nobody would find out that it is fast again


@dataclass(frozen=True, slots=True)
class Limits:
    """`batch`: most in a transaction; `queue`: most that wait; `rate`: most taken in a second, 0 for no cap."""

    batch: int = 128
    queue: int = 2_048
    rate: float = 0.0
    deadline_seconds: float = 3.0


@dataclass(slots=True)
class Admission:
    """A token bucket, and a bound on those inside: what is decided in `IN_TIME` of a deadline, measured under pressure.

    Under pressure means that more waits than a batch has use for, or that somebody was turned away: then what is
    decided in a second is all that can be. Times are the event loop's, in seconds.
    """

    limits: Limits
    _tokens: float = 0.0
    _filled_at: float = 0.0
    _decided: float = 0.0  # under pressure, fading
    _seconds: float = 0.0  # of pressure, fading
    _pressed_at: float | None = None  # since when, or since the last answers
    _measured_at: float = -math.inf
    _turned_away: bool = False

    def admit(self, inside: int, waiting: int, now: float) -> None:
        """Whether one more may come in; it is not counted yet.

        Raises:
            Rejected: `too_many_requests`, with the seconds until it is worth another try.
        """
        if self.limits.rate and not self._has_token(now):
            raise _busy(1)
        if waiting >= self.limits.queue or inside >= self._most(now):
            self._turned_away = True
            raise _busy(math.ceil(inside / max(self._rate, 1.0)) if self._rate else 1)

    def count(self) -> None:
        """One has come in."""
        self._tokens -= 1

    def decided(self, count: int, waiting: int, now: float) -> None:
        """So many of a batch were decided, and so many still wait.

        None were: that was a fault, which says nothing of how fast it goes without.
        """
        if not count:
            self._decided = self._seconds = 0.0
        elif self._pressed_at is not None:
            passed = now - self._pressed_at
            fading = math.exp(-passed / MEASURED_SECONDS)
            self._decided = self._decided * fading + count
            self._seconds = self._seconds * fading + passed
            self._measured_at = now
        pressed = self._turned_away or waiting >= max(1, self.limits.batch // 2)
        self._pressed_at, self._turned_away = (now if pressed and count else None), False

    @property
    def _rate(self) -> float:
        """What is decided a second under pressure; 0 while too little is known."""
        return self._decided / self._seconds if self._seconds >= ENOUGH_SECONDS else 0.0

    def _most(self, now: float) -> float:
        if now - self._measured_at > KNOWN_SECONDS:
            self._decided = self._seconds = 0.0
        return max(ALWAYS, IN_TIME * self.limits.deadline_seconds * self._rate) if self._rate else math.inf

    def _has_token(self, now: float) -> bool:
        rate = self.limits.rate
        self._tokens = min(max(1.0, rate * BURST_SECONDS), self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        return self._tokens >= 1


def _busy(seconds: int) -> Rejected:
    return Rejected(
        "too_many_requests", "More requests wait than can be taken; try again.", retry_after_seconds=seconds
    )

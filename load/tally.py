"""What each request took and was answered, kept in a few bytes each while the load runs."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field

from load.run import Shown


@dataclass(slots=True)
class Tally:
    """A sink: `due` in `time.monotonic()`, the others in seconds since then, by the order in which requests ended."""

    due: array[float] = field(default_factory=lambda: array("d"))
    lag: array[float] = field(default_factory=lambda: array("d"))  # until it was sent: the client's own share
    taken: array[float] = field(default_factory=lambda: array("d"))
    status: array[int] = field(default_factory=lambda: array("h"))
    counts: Counter[int] = field(default_factory=Counter)
    refusal: bytes | None = None  # the last answer that was no order: says what is wrong

    def __call__(self, shown: Shown) -> None:
        self.due.append(shown.due_at)
        self.lag.append(shown.sent_at - shown.due_at)
        self.taken.append(shown.answered_at - shown.due_at)
        self.status.append(shown.status)
        self.counts[shown.status] += 1
        if shown.status != 201 and shown.body:
            self.refusal = shown.body

"""What each request took and was answered, kept in a few bytes each while the load runs."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from dataclasses import dataclass, field

from load.run import Shown


@dataclass(slots=True)
class Tally:
    """A sink: moments in seconds since its start, by the order in which the requests ended."""

    began: float = field(default_factory=time.monotonic)
    due: array[float] = field(default_factory=lambda: array("d"))
    taken: array[float] = field(default_factory=lambda: array("d"))
    status: array[int] = field(default_factory=lambda: array("h"))
    counts: Counter[int] = field(default_factory=Counter)
    refusal: bytes | None = None  # the last answer that was no order: says what is wrong

    def __call__(self, shown: Shown) -> None:
        self.due.append(shown.due_at - self.began)
        self.taken.append(shown.answered_at - shown.due_at)
        self.status.append(shown.status)
        self.counts[shown.status] += 1
        if shown.status != 201 and shown.body:
            self.refusal = shown.body

"""Python's collector of cycles, told how much is not worth its looking."""

from __future__ import annotations

import gc

COLLECT_OBJECTS = 20_000  # more than one batch of records or orders makes


def spare_the_collector() -> None:
    """Leave out what is there now, and look for cycles seldom.

    A batch's thousands of objects die with it, of themselves: looking for cycles among them was a fifth of the
    processor time an event took, and an eighth of an order's (bench, rows consumer and intake).
    """
    gc.freeze()
    gc.set_threshold(COLLECT_OBJECTS, 20, 50)

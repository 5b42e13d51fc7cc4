"""Where parcels go: learnt as it comes, forgotten in time."""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.orders import DeliveryDetailsGiven
from shared.kernel import timers
from shared.kernel.database import Tx
from shared.kernel.timers import Timer

from ..store import details as store

FORGET = "forget_details"
FORGET_ROWS = 1_000  # bounds one transaction
SOON_SECONDS = 1.0
FORGET_EVERY_SECONDS = 3_600.0  # a day's limit kept to the hour


async def learn_details(tx: Tx, given: Sequence[DeliveryDetailsGiven]) -> None:
    """Keep them, whether the order's parcels are planned already or not."""
    await store.upsert_details(tx, [(event.order_id, event.ship_to) for event in given])


async def forget_details(tx: Tx, due: Sequence[Timer], keep_seconds: float) -> None:
    """Delete what is no longer needed, and come back: soon when there is more."""
    deleted = await store.delete_details(tx, keep_seconds, FORGET_ROWS)
    pause = SOON_SECONDS if deleted == FORGET_ROWS else max(SOON_SECONDS, min(FORGET_EVERY_SECONDS, keep_seconds))
    await timers.schedule(tx, FORGET, [timer.subject for timer in due], pause, due[0].cause)

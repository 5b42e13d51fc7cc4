"""Cash that the courier has taken and no statement names within the carrier's time."""

from __future__ import annotations

from collections.abc import Sequence

from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.timers import Timer

from ..domain import Finding
from ..store import matching as store
from ..store.discrepancies import About
from .finding import find

CHASE = "chase_remittances"
CHASE_ROWS = 1_000  # bounds one transaction
SOON_SECONDS = 0.2


async def chase_remittances(tx: Tx, due: Sequence[Timer], every_seconds: float) -> None:
    """Find what is missing, each once, and come back: soon when there is more."""
    missing = await store.mark_missing(tx, CHASE_ROWS)
    found = [
        (
            Finding("missing", row["amount"], 0, row["currency"]),
            About(row["shipment_id"], row["carrier"], row["waybill"], row["shipment_id"], "time"),
        )
        for row in missing
    ]
    told = await find(tx, due[0].cause, found)
    pause = SOON_SECONDS if len(missing) == CHASE_ROWS else max(SOON_SECONDS, every_seconds)
    await timers.schedule(tx, CHASE, [timer.subject for timer in due], pause, due[0].cause)
    await outbox.append(tx, told)

"""Payments and the providers' signed reports of them. A payment is guarded by its order's lock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from services.orders.domain.payments import OPEN, Payment
from shared.contracts.values import OrderId, PaymentId, PaymentState, RefundId
from shared.kernel.database import Tx


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says of a payment; `webhook_id` names the call over its retries, `psp_ref` the provider's act."""

    psp: str
    webhook_id: str
    payment_id: PaymentId
    kind: Literal["captured", "failed", "refunded"]
    amount: int
    currency: str
    psp_ref: str
    at: datetime
    reason: str | None
    body: dict[str, Any]
    refund_id: RefundId | None = None


_READ = "SELECT payment_id, order_id, state, due, currency, captured FROM payments WHERE payment_id = $1"


async def read(tx: Tx, payment_id: PaymentId) -> Payment | None:
    """As it is; only the lock on its order keeps it so."""
    row = await tx.fetchrow(_READ, payment_id)
    return Payment(**row) if row else None


_KNOWN = """
    SELECT outcome FROM payment_callbacks
     WHERE psp = $1 AND webhook_id = $2 OR payment_id = $3 AND psp = $1 AND kind = $4 AND psp_ref = $5
     ORDER BY at LIMIT 1
"""


async def known_outcome(tx: Tx, report: Report) -> str | None:
    """What was answered when this report came before, by the same call or another."""
    outcome: str | None = await tx.fetchval(
        _KNOWN, report.psp, report.webhook_id, report.payment_id, report.kind, report.psp_ref
    )
    return outcome


_KEEP = """
    INSERT INTO payment_callbacks (psp, webhook_id, payment_id, kind, psp_ref, body, outcome)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def keep(tx: Tx, report: Report, outcome: str) -> None:
    """Store the report as it came, with what was made of it."""
    await tx.execute(
        _KEEP, report.psp, report.webhook_id, report.payment_id, report.kind, report.psp_ref, report.body, outcome
    )


_CAPTURE = """
    UPDATE payments SET state = 'CAPTURED', captured = $2, psp = $3, psp_ref = $4, version = version + 1,
                        events = events + 1
     WHERE payment_id = $1 AND state = ANY($5::text[])
    RETURNING events
"""


async def capture(tx: Tx, report: Report) -> int | None:
    """PENDING or FAILED → CAPTURED; returns the position of the event to tell."""
    position: int | None = await tx.fetchval(
        _CAPTURE, report.payment_id, report.amount, report.psp, report.psp_ref, list(OPEN)
    )
    return position


_FAIL = """
    UPDATE payments SET state = 'FAILED', psp = $2, psp_ref = $3, version = version + 1, events = events + 1
     WHERE payment_id = $1 AND state = ANY($4::text[])
    RETURNING events
"""


async def fail(tx: Tx, report: Report) -> int | None:
    """PENDING or FAILED → FAILED, which a later try may still turn into CAPTURED."""
    position: int | None = await tx.fetchval(_FAIL, report.payment_id, report.psp, report.psp_ref, list(OPEN))
    return position


_REFUND = """
    UPDATE payments SET state = CASE WHEN captured <= $2 THEN 'REFUNDED' ELSE 'PART_REFUNDED' END,
                        version = version + 1, events = events + 1
     WHERE payment_id = $1 AND state IN ('CAPTURED', 'PART_REFUNDED')
    RETURNING state, events
"""


async def refund(tx: Tx, payment_id: PaymentId, refunded: int) -> tuple[PaymentState, int]:
    """CAPTURED → PART_REFUNDED → REFUNDED, as so much of it went back; with the position of the event to tell."""
    row = await tx.fetchrow(_REFUND, payment_id, refunded)
    assert row is not None, "only what was captured is refunded"
    return row["state"], row["events"]


_TELL = "UPDATE payments SET events = events + 1 WHERE payment_id = $1 RETURNING events"


async def tell(tx: Tx, payment_id: PaymentId) -> int:
    """The position of an event that leaves the payment as it is."""
    position: int = await tx.fetchval(_TELL, payment_id)
    return position


_EXPIRE = """
    UPDATE payments SET state = 'EXPIRED', version = version + 1
     WHERE order_id = ANY($1::uuid[]) AND state = ANY($2::text[])
"""


async def expire(tx: Tx, order_ids: Collection[OrderId]) -> None:
    """Payments of orders that ended before they were paid; money that comes yet goes back."""
    await tx.execute(_EXPIRE, list(order_ids), list(OPEN))

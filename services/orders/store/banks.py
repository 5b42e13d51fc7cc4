"""What lies in the bank, what of it is promised, and what banks have told us."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from shared.contracts.values import PayoutId, RefundId
from shared.kernel.database import Tx, columns

BalanceKey = tuple[str, str, str]  # party, account, currency

_LOCK = """
    SELECT b.party, b.account, b.currency, b.amount
      FROM balances b JOIN unnest($1::text[], $2::text[], $3::text[]) AS n (party, account, currency)
        ON b.party = n.party AND b.account = n.account AND b.currency = n.currency::char(3)
     ORDER BY b.party, b.account, b.currency FOR UPDATE OF b
"""


async def lock(tx: Tx, keys: Collection[BalanceKey]) -> dict[BalanceKey, int]:
    """These balances, in key order, locked until the transaction ends; one that has no row yet is zero."""
    rows = await tx.fetch(_LOCK, *columns(sorted(keys), 3))
    return dict.fromkeys(keys, 0) | {(row["party"], row["account"], row["currency"]): row["amount"] for row in rows}


# Payouts hold what they ask for from the first moment on; a transfer to a buyer once the bank was told.
_FREE = """
    SELECT c.currency,
           (coalesce((SELECT -amount FROM balances
                       WHERE party = 'platform' AND account = 'bank' AND currency = c.currency::char(3)), 0)
            - coalesce((SELECT sum(amount) FROM payouts
                         WHERE state IN ('REQUESTED', 'APPROVED', 'SUBMITTED') AND currency = c.currency), 0)
            - coalesce((SELECT sum(amount) FROM refunds
                         WHERE state = 'SUBMITTED' AND route = 'transfer' AND currency = c.currency), 0)
           )::bigint AS free
      FROM unnest($1::text[]) AS c (currency)
"""


async def free(tx: Tx, currencies: Collection[str]) -> dict[str, int]:
    """By currency, what lies in the bank and is promised to nobody; the bank's balances must be locked."""
    return {row["currency"]: row["free"] for row in await tx.fetch(_FREE, list(currencies))}


@dataclass(frozen=True, slots=True)
class BankReport:
    """What a bank says of a transfer of ours; `webhook_id` names the call over its retries, `bank_ref` the act."""

    bank: str
    webhook_id: str
    kind: Literal["paid", "failed", "returned"]
    payout_id: PayoutId | None
    refund_id: RefundId | None
    amount: int
    currency: str
    bank_ref: str
    at: datetime
    reason: str | None
    body: dict[str, Any]

    @property
    def subject(self) -> str:
        return str(self.payout_id or self.refund_id)

    @property
    def cause(self) -> str:
        """Told twice it is the same money."""
        return f"{self.bank}:{self.bank_ref}"


_KNOWN = """
    SELECT outcome FROM bank_callbacks
     WHERE bank = $1 AND webhook_id = $2 OR subject = $3 AND bank = $1 AND kind = $4 AND bank_ref = $5
     ORDER BY at LIMIT 1
"""


async def known_outcome(tx: Tx, report: BankReport) -> str | None:
    """What was answered when this report came before, by the same call or another."""
    outcome: str | None = await tx.fetchval(
        _KNOWN, report.bank, report.webhook_id, report.subject, report.kind, report.bank_ref
    )
    return outcome


_KEEP = """
    INSERT INTO bank_callbacks (bank, webhook_id, kind, subject, bank_ref, body, outcome)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def keep(tx: Tx, report: BankReport, outcome: str) -> None:
    """Store the report as it came, with what was made of it."""
    await tx.execute(
        _KEEP, report.bank, report.webhook_id, report.kind, report.subject, report.bank_ref, report.body, outcome
    )

"""Payouts, locked one by one after the balances they are about."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.orders.domain.payouts import Payout
from shared.contracts.values import PayoutId
from shared.kernel.database import Tx

_COLUMNS = (
    """payout_id, party, state, amount, currency, requested_by, approved_by, bank_ref, failure, version, events"""
)

_INSERT = """
    INSERT INTO payouts (payout_id, party, state, amount, currency, requested_by, events)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def insert(tx: Tx, payout: Payout) -> None:
    """Enter a payout that was just asked for."""
    await tx.execute(
        _INSERT,
        payout.payout_id,
        payout.party,
        payout.state,
        payout.amount,
        payout.currency,
        payout.requested_by,
        payout.events,
    )


_LOCK = f"SELECT {_COLUMNS} FROM payouts WHERE payout_id = $1 FOR UPDATE"  # noqa: S608 - made of constants


async def lock(tx: Tx, payout_id: PayoutId) -> Payout | None:
    """As it is, locked until the transaction ends."""
    row = await tx.fetchrow(_LOCK, payout_id)
    return Payout(**row) if row else None


_LOCK_SHARES = "SELECT FROM commissions WHERE payout_id = $1 ORDER BY line_id, party_kind FOR UPDATE"


async def lock_shares(tx: Tx, payout_id: PayoutId) -> None:
    """Lock the shares in it, which come before the balances that its end moves."""
    await tx.execute(_LOCK_SHARES, payout_id)


_MOVE = """
    UPDATE payouts
       SET state = $3, version = $4, events = $5, approved_by = $6, bank_ref = $7, failure = $8,
           ended_at = CASE WHEN $3 IN ('PAID', 'FAILED', 'RETURNED') THEN now() END
     WHERE payout_id = $1 AND state = $2 AND version = $4 - 1
    RETURNING now() AS at
"""


async def move(tx: Tx, was: Payout, now: Payout) -> datetime:
    """One step; returns when."""
    row = await tx.fetchrow(
        _MOVE,
        now.payout_id,
        was.state,
        now.state,
        now.version,
        now.events,
        now.approved_by,
        now.bank_ref,
        now.failure,
    )
    assert row is not None, "the payout was read under its lock"
    at: datetime = row["at"]
    return at


_PAID = "SELECT coalesce(sum(amount), 0)::bigint FROM payouts WHERE party = $1 AND currency = $2 AND state = 'PAID'"


async def paid(tx: Tx, party: str, currency: str) -> int:
    """What a party has been paid and kept."""
    amount: int = await tx.fetchval(_PAID, party, currency)
    return amount


@dataclass(frozen=True, slots=True)
class Seen:
    """A payout as it is listed."""

    payout: Payout
    created_at: datetime
    ended_at: datetime | None


_FIND = f"SELECT {_COLUMNS}, created_at, ended_at FROM payouts WHERE payout_id = ANY($1::uuid[])"  # noqa: S608


async def find(tx: Tx, payout_ids: Collection[PayoutId]) -> list[Seen]:
    """Payouts by id."""
    return [_seen(dict(row)) for row in await tx.fetch(_FIND, list(payout_ids))]


# Newest first: an id is a UUIDv7 and sorts by its time.
_PAGE = f"""
    SELECT {_COLUMNS}, created_at, ended_at FROM payouts
     WHERE ($1::text IS NULL OR party = $1) AND ($2::text IS NULL OR state = $2)
       AND ($3::uuid IS NULL OR payout_id < $3)
     ORDER BY payout_id DESC LIMIT $4
"""  # noqa: S608 - made of constants


async def page(tx: Tx, party: str | None, state: str | None, after: str | None, *, limit: int) -> list[Seen]:
    """Payouts of a party (None: of all) in a state (None: in any) before the id `after`."""
    return [_seen(dict(row)) for row in await tx.fetch(_PAGE, party, state, after, limit)]


def _seen(row: dict[str, object]) -> Seen:
    created_at, ended_at = row.pop("created_at"), row.pop("ended_at")
    return Seen(Payout(**row), created_at, ended_at)  # type: ignore[arg-type]

"""Shares of lines on their way to their parties. The interface is settled; the lead fills it in on branch `five`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Line, Order
from shared.contracts.event import Cause
from shared.contracts.values import OrderId, PayoutId
from shared.kernel.database import Tx
from shared.kernel.outbox import Told


@dataclass(frozen=True, slots=True)
class Cut:
    """`amount` minor units of a delivered line go back to its buyer; `subject` names the refund's line."""

    line: Line
    amount: int
    on: Occasion
    subject: str
    because: Cause


async def take_back(tx: Tx, cuts: Sequence[Cut]) -> list[Told]:
    """Take each party's part back from where it lies and owe it to the buyer (`journals.refund_of_delivered`).

    The orders are locked. Raises `refund_exceeds_line`.
    """
    raise NotImplementedError


async def release(tx: Tx, orders: Mapping[OrderId, Order], because: Mapping[OrderId, Cause]) -> list[Told]:
    """Make available what waits for nothing any more in these locked orders."""
    raise NotImplementedError


async def put_into_payout(tx: Tx, payout_id: PayoutId, party: str, amount: int, because: Cause) -> list[Told]:
    """Mark the oldest available shares that the payout covers IN_PAYOUT; call it after the payout's own journal."""
    raise NotImplementedError


async def end_payout(tx: Tx, payout_id: PayoutId, because: Cause, *, paid: bool) -> list[Told]:
    """Its shares are PAID, or AVAILABLE again."""
    raise NotImplementedError

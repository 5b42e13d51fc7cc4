"""A party's share of a line: what it waits for, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.orders.domain.journals import Owed
from services.orders.domain.split import PLATFORM, Amount, Part, Split, reverse
from shared.contracts.values import (
    CommissionState,
    LineId,
    OrderId,
    PartyKind,
    PaymentMode,
    SupplierOrderId,
    WaitsFor,
)

IN_ORDER: Final[tuple[PartyKind, ...]] = ("supplier", "creator", "referrer", "platform")  # as a line is split


@dataclass(frozen=True, slots=True)
class Commission:
    """A share as it is; `amount` is what is left of it, `held` says on which of the party's accounts that lies."""

    line_id: LineId
    party_kind: PartyKind
    party: str
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    state: CommissionState
    held: bool
    amount: int
    currency: str
    hold_until: datetime | None = None

    @property
    def owed(self) -> Owed:
        return Owed(self.party_kind, self.party, self.amount, self.held)


@dataclass(frozen=True, slots=True)
class Funding:
    """Whether the money for a supplier order has reached us; minor units.

    `outstanding` is what the carrier has, or has sent and the bank has not; `due` what was delivered.
    """

    supplier_order_id: SupplierOrderId
    payment_mode: PaymentMode
    settled: bool
    due: int
    collected: int
    decided: int
    outstanding: int

    @property
    def waits_for(self) -> tuple[WaitsFor, ...]:
        if self.payment_mode == "prepaid":
            return () if self.settled or self.due == 0 else ("provider_settlement",)
        short = self.collected + self.decided < self.due
        if short and self.collected == 0:
            return ("cash_banked",)
        banked: tuple[WaitsFor, ...] = () if self.outstanding <= 0 else ("cash_banked",)
        return (*banked, "shortage_decided") if short else banked


def waits_for(share: Commission, funding: Funding | None, now: datetime) -> tuple[WaitsFor, ...]:
    """What must happen before a share can be paid out; nothing for one that can, or that has come to its end."""
    if share.state == "ESTIMATED":
        return ("delivery",)
    if share.state != "EARNED" or share.party_kind == PLATFORM:
        return ()
    hold: tuple[WaitsFor, ...] = ("hold",) if share.hold_until is not None and share.hold_until > now else ()
    return hold + (funding.waits_for if funding else ())


def take_back(shares: Sequence[Commission], amount: int) -> list[tuple[Commission, int]]:
    """Each share after `amount` of its line went back to the buyer, with what it gave; those that gave nothing are
    left out. Whatever order they come in, a cent that two might give is the first one's of the split. Raises
    `refund_exceeds_line`."""
    shares = sorted(shares, key=lambda share: IN_ORDER.index(share.party_kind))
    left = reverse(_split(shares), amount)
    given = [(share, share.amount - part.amount.amount) for share, part in zip(shares, left, strict=True)]
    return [(_less(share, gave), gave) for share, gave in given if gave]


def _less(share: Commission, gave: int) -> Commission:
    left = share.amount - gave
    return replace(share, amount=left, state=share.state if left else "REVERSED")


def _split(shares: Sequence[Commission]) -> Split:
    return tuple(Part(s.party_kind, s.party, None, Amount(s.amount, s.currency)) for s in shares)

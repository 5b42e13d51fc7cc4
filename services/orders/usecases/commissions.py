"""Shares of lines on their way to their parties: estimated, earned, available, paid, or taken back.

Orders are locked by whoever calls; a share is locked before the balances it moves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.orders.domain import commissions as domain
from services.orders.domain import journals
from services.orders.domain.commissions import Commission, Funding, waits_for
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.lifecycle import Line, Order
from services.orders.domain.split import PLATFORM
from services.orders.store import commissions as store
from services.orders.usecases.ledger import Posting, post, postings
from shared.contracts.event import Cause
from shared.contracts.orders import (
    BalanceAfter,
    CommissionAvailable,
    CommissionEarned,
    CommissionEstimated,
    CommissionFact,
    CommissionHeldAgain,
    CommissionInPayout,
    CommissionPaid,
    CommissionReversed,
    CommissionVoided,
)
from shared.contracts.values import CommissionState, LineId, Money, OrderId, PayoutId, SupplierOrderId
from shared.kernel.database import Tx
from shared.kernel.ids import new_id
from shared.kernel.outbox import Told


@dataclass(frozen=True, slots=True)
class Cut:
    """`amount` minor units of a delivered line go back to its buyer; `subject` names the refund's line."""

    line: Line
    amount: int
    on: Occasion
    subject: str
    because: Cause


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a share: as it is after it, by how much, and why."""

    event: type[CommissionFact]
    share: Commission
    delta: int
    cause_id: str
    because: Cause


async def estimate(
    tx: Tx, lines: Sequence[Line], orders: Mapping[OrderId, Order], because: Mapping[OrderId, Cause]
) -> list[Told]:
    """The orders stand: what each party will earn if the lines reach their buyers."""
    fresh = await store.insert(tx, [(each, None) for each in _shares(lines, orders, "ESTIMATED")])
    return await _tell(tx, [_change(CommissionEstimated, each, because, each.amount) for each in fresh])


async def earn(
    tx: Tx,
    lines: Sequence[Line],
    orders: Mapping[OrderId, Order],
    because: Mapping[OrderId, Cause],
    holds: Mapping[LineId, float],
) -> list[Told]:
    """Delivered lines belong to their parties, who wait for the hold (seconds) and the money; post their journals
    before."""
    earned = _shares(lines, orders, "EARNED")
    moved = await store.insert(tx, [(each, timedelta(seconds=holds[each.line_id])) for each in earned])
    return await _tell(tx, [_change(CommissionEarned, each, because) for each in moved])


async def void(tx: Tx, lines: Sequence[Line], because: Mapping[OrderId, Cause]) -> list[Told]:
    """These lines never reach their buyers."""
    found = [s for shares in (await store.lock(tx, [line.line_id for line in lines])).values() for s in shares]
    gone = [share for share in found if share.state == "ESTIMATED"]
    ended = [replace(share, state="VOID", amount=0) for share in gone]
    await store.save(tx, ended)
    pairs = zip(gone, ended, strict=True)
    return await _tell(tx, [_change(CommissionVoided, after, because, -before.amount) for before, after in pairs])


async def release(tx: Tx, orders: Mapping[OrderId, Order], because: Mapping[OrderId, Cause]) -> list[Told]:
    """Make available what waits for nothing any more in these locked orders."""
    ripe = await store.lock_ripe(tx, orders)
    funded = await store.fundings(tx, {share.supplier_order_id for share in ripe})
    free = [share for share in ripe if not funded[share.supplier_order_id].waits_for]
    return await _move(tx, free, journals.released, CommissionAvailable, because)


async def hold_again(tx: Tx, parts: Collection[SupplierOrderId], because: Mapping[OrderId, Cause]) -> list[Told]:
    """The bank took money for these supplier orders back: what was made available waits again, unless enough of it is
    still there."""
    released = await store.lock_released(tx, parts)
    funded = await store.fundings(tx, parts)
    waiting = [share for share in released if funded[share.supplier_order_id].waits_for]
    return await _move(tx, waiting, journals.held_again, CommissionHeldAgain, because)


async def take_back(tx: Tx, cuts: Sequence[Cut]) -> list[Told]:
    """Take each party's part back from where it lies and owe it to the buyer (`journals.refund_of_delivered`).

    The orders are locked. Raises `refund_exceeds_line`.
    """
    shares = await store.lock(tx, [cut.line.line_id for cut in cuts])
    changes: list[Change] = []
    booked: list[Posting] = []
    for cut in cuts:
        given = domain.take_back(shares.get(cut.line.line_id, []), cut.amount)
        taken = [replace(after.owed, amount=gave) for after, gave in given]
        booked += postings(cut.because, journals.refund_of_delivered(cut.on, cut.subject, cut.line.line_id, taken))
        changes += [Change(CommissionReversed, after, -gave, cut.on.cause, cut.because) for after, gave in given]
    told: list[Told] = [*await post(tx, booked)]
    await store.save(tx, [change.share for change in changes])
    return told + await _tell(tx, changes)


async def put_into_payout(tx: Tx, payout_id: PayoutId, party: str, because: Cause) -> list[Told]:
    """Mark the oldest available shares that the payout covers IN_PAYOUT; call it after the payout's own journal."""
    assigned = await store.assign(tx, payout_id, party)
    return await _tell(tx, [Change(CommissionInPayout, share, 0, payout_id, because) for share in assigned])


async def end_payout(tx: Tx, payout_id: PayoutId, because: Cause, *, paid: bool) -> list[Told]:
    """Its shares are PAID, or AVAILABLE again; those whose money the bank took back meanwhile wait for it."""
    ended = await store.end_payout(tx, payout_id, paid=paid)
    return await _tell(tx, [Change(_ENDED[share.state], share, 0, payout_id, because) for share in ended])


_ENDED: dict[CommissionState, type[CommissionFact]] = {
    "PAID": CommissionPaid,
    "AVAILABLE": CommissionAvailable,
    "EARNED": CommissionHeldAgain,
}


async def _move(
    tx: Tx,
    shares: Sequence[Commission],
    book: Callable[[Occasion, LineId, Sequence[journals.Owed]], Journal | None],
    event: type[CommissionFact],
    because: Mapping[OrderId, Cause],
) -> list[Told]:
    """Move shares between held and available, a journal a line."""
    lines: dict[LineId, list[Commission]] = {}
    for share in shares:
        lines.setdefault(share.line_id, []).append(share)
    booked: list[Posting] = []
    for line_id, mine in lines.items():
        cause = because[mine[0].order_id]
        on = Occasion(mine[0].order_id, mine[0].currency, _cause_id(cause))
        booked += postings(cause, book(on, line_id, [share.owed for share in mine]))
    told: list[Told] = [*await post(tx, booked)]
    moved = [_turned(share, held=event is CommissionHeldAgain) for share in shares]
    await store.save(tx, moved)
    return told + await _tell(tx, [_change(event, share, because) for share in moved])


def _turned(share: Commission, *, held: bool) -> Commission:
    """A share on the other account; one that went out in a payout keeps that state, the balance falls below zero."""
    if share.state in ("IN_PAYOUT", "PAID"):
        return replace(share, held=held)
    return replace(share, held=held, state="EARNED" if held else "AVAILABLE")


def _shares(lines: Sequence[Line], orders: Mapping[OrderId, Order], state: CommissionState) -> list[Commission]:
    return [
        Commission(
            *(line.line_id, part.party_kind, part.party, line.order_id, line.supplier_order_id, state, True),
            part.amount.amount,
            orders[line.order_id].currency,
        )
        for line in lines
        for part in line.split
        if part.amount.amount and not orders[line.order_id].loadtest
    ]


def _cause_id(because: Cause) -> str:
    return because.causation_id or new_id()


def _change(event: type[CommissionFact], share: Commission, because: Mapping[OrderId, Cause], delta: int = 0) -> Change:
    cause = because[share.order_id]
    return Change(event, share, delta, _cause_id(cause), cause)


async def _tell(tx: Tx, changes: Sequence[Change]) -> list[Told]:
    """The events, each with the party's balance after it; the platform's own shares are told by the ledger alone."""
    told = [change for change in changes if change.share.party_kind != PLATFORM]
    if not told:
        return []
    counts = Counter(change.share.party for change in told)
    last, now = await store.advance(tx, counts)
    owed = await store.balances(tx, counts)
    funded = await store.fundings(tx, {each.share.supplier_order_id for each in told if each.share.state == "EARNED"})
    origins = await store.origins(tx, {change.share.order_id for change in told})
    place = {party: last[party] - count for party, count in counts.items()}
    events: list[Told] = []
    for change in told:
        share = change.share
        place[share.party] += 1
        after = owed.get((share.party, share.currency), {})
        event = _event(change, origins[share.order_id], after, funded.get(share.supplier_order_id), now)
        events.append(event.at(place[share.party], change.because))
    return events


def _event(
    change: Change, origin: store.Origin, after: Mapping[str, int], funding: Funding | None, now: datetime
) -> CommissionFact:
    share = change.share
    return change.event.model_validate(
        {
            "party": share.party,
            "party_kind": share.party_kind,
            "order_id": share.order_id,
            "line_id": share.line_id,
            "state": share.state,
            "amount": Money(amount=share.amount, currency=share.currency),
            "delta": Money(amount=change.delta, currency=share.currency),
            "balance": BalanceAfter(**{name: after.get(name, 0) for name in ("held", "available", "in_payout")}),
            "cause": change.cause_id,
            "waits_for": waits_for(share, funding, now),
            "hold_until": share.hold_until,
            "entry_point": origin.entry_point,
            "content_id": origin.content_id,
            "group_id": origin.group_id,
            "changed_at": now,
        }
    )

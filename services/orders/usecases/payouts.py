"""Paying parties what is theirs: never more than is available to them, never what the bank does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from services.orders.domain import journals
from services.orders.domain.ledger import Journal, Occasion
from services.orders.domain.payouts import RULE, Funds, Payout, approved, check_banked, check_payable
from services.orders.domain.split import PLATFORM
from services.orders.store import banks
from services.orders.store import payouts as store
from services.orders.store.banks import BankReport
from services.orders.store.payouts import Seen
from services.orders.usecases import commissions
from services.orders.usecases.ledger import post, postings
from shared.contracts.event import Cause
from shared.contracts.orders import (
    PayoutApproved,
    PayoutFailed,
    PayoutPaid,
    PayoutRequested,
    PayoutReturned,
    PayoutSubmitted,
)
from shared.contracts.values import Money, PayoutId
from shared.kernel import database, outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id
from shared.kernel.outbox import Told

Book = Callable[[Occasion, PayoutId, str, int], Journal | None]


@dataclass(frozen=True, slots=True)
class Ask:
    """Somebody wants a party's money paid out; above a limit a second person has to approve."""

    party: str
    amount: Money
    requested_by: str
    approval_above: int


async def request(tx: Tx, ask: Ask, because: Cause) -> Payout:
    """Put the money into a payout and, up to the limit, send it to the bank at once.

    Raises:
        Rejected: `exceeds_available` with what is available, `not_banked`.
    """
    amount, currency = ask.amount.amount, ask.amount.currency
    check_payable(amount, await _funds(tx, ask.party, currency), currency)
    payout = Payout(PayoutId(new_id()), ask.party, "REQUESTED", amount, currency, ask.requested_by, events=1)
    await store.insert(tx, payout)
    told = await _book(tx, payout, f"payout:{payout.payout_id}", journals.payout_requested, because)
    told += await commissions.put_into_payout(tx, payout.payout_id, payout.party, because)
    needs_approval = amount > ask.approval_above
    at = await database.now(tx)
    requested = PayoutRequested(
        **_fact(payout), requested_by=ask.requested_by, needs_approval=needs_approval, requested_at=at
    )
    told.append(requested.at(payout.events, because))
    if not needs_approval:
        payout, submitted = await _submit(tx, payout, replace(payout.to("APPROVED"), approved_by=RULE), because)
        told += submitted
    await outbox.append(tx, told)
    return payout


async def approve(tx: Tx, payout_id: PayoutId, by: str, because: Cause) -> Payout:
    """A second person lets it go.

    Raises:
        Rejected: `not_found`, `second_person_needed`, `illegal_transition`, `not_banked` when the bank took money back.
    """
    payout = await locked(tx, payout_id)
    agreed = approved(payout, by)
    await banks.lock(tx, [(PLATFORM, "bank", payout.currency)])
    check_banked(0, (await banks.free(tx, [payout.currency]))[payout.currency])  # it is counted as promised already
    submitted, told = await _submit(tx, payout, agreed, because)
    await outbox.append(tx, told)
    return submitted


async def _submit(tx: Tx, payout: Payout, agreed: Payout, because: Cause) -> tuple[Payout, list[Told]]:
    """REQUESTED → APPROVED → SUBMITTED."""
    assert agreed.approved_by is not None, "somebody or the rule"
    at = await store.move(tx, payout, agreed)
    yes = PayoutApproved(**_fact(agreed), approved_by=agreed.approved_by, approved_at=at).at(agreed.events, because)
    sent = agreed.to("SUBMITTED")
    await store.move(tx, agreed, sent)
    return sent, [yes, PayoutSubmitted(**_fact(sent), submitted_at=at).at(sent.events, because)]


async def _funds(tx: Tx, party: str, currency: str) -> Funds:
    """What the party may take, with every balance locked that a payout moves."""
    theirs = (party, "payable:available", currency)
    keys = {theirs, (party, "payable:in_payout", currency), (PLATFORM, "bank", currency)}
    available = (await banks.lock(tx, keys))[theirs]
    return Funds(available, (await banks.free(tx, [currency]))[currency])


async def bank_says(tx: Tx, payout: Payout, report: BankReport, because: Cause) -> tuple[str, list[Told]]:
    """What a bank says of a locked payout, and what it tells the world."""
    if (report.amount, report.currency) != (payout.amount, payout.currency):
        return "amount_differs", []
    await store.lock_shares(tx, payout.payout_id)
    match report.kind, payout.state:
        case "paid", "SUBMITTED":
            return "paid", (await _paid(tx, payout, report, because))[1]
        case "failed", "SUBMITTED":
            return "failed", await _failed(tx, payout, report, because)
        case "returned", "PAID":
            return "returned", await _returned(tx, payout, report, because)
        case "returned", "SUBMITTED":  # what came back had gone out: its report is late or lost
            paid, told = await _paid(tx, payout, report, because)
            return "returned", [*told, *(await _returned(tx, paid, report, because))]
        case _:
            return "kept", []


async def _paid(tx: Tx, payout: Payout, report: BankReport, because: Cause) -> tuple[Payout, list[Told]]:
    paid = replace(payout.to("PAID"), bank_ref=report.bank_ref)
    at = await store.move(tx, payout, paid)
    told = await _book(tx, paid, report.cause, journals.payout_paid, because)
    told += await commissions.end_payout(tx, payout.payout_id, because, paid=True)
    event = PayoutPaid(**_fact(paid), bank_ref=report.bank_ref, paid_at=at)
    return paid, [*told, event.at(paid.events, because)]


async def _failed(tx: Tx, payout: Payout, report: BankReport, because: Cause) -> list[Told]:
    failure = report.reason or "the bank gave no reason"
    failed = replace(payout.to("FAILED"), bank_ref=report.bank_ref, failure=failure)
    at = await store.move(tx, payout, failed)
    told = await _back(tx, failed, report, journals.payout_failed, because)
    return [*told, PayoutFailed(**_fact(failed), failure=failure, failed_at=at).at(failed.events, because)]


async def _returned(tx: Tx, payout: Payout, report: BankReport, because: Cause) -> list[Told]:
    failure = report.reason or "the receiving bank gave no reason"
    returned = replace(payout.to("RETURNED"), failure=failure)
    at = await store.move(tx, payout, returned)
    told = await _back(tx, returned, report, journals.payout_returned, because)
    event = PayoutReturned(**_fact(returned), bank_ref=report.bank_ref, failure=failure, returned_at=at)
    return [*told, event.at(returned.events, because)]


async def _back(tx: Tx, payout: Payout, report: BankReport, book: Book, because: Cause) -> list[Told]:
    """It is available again."""
    told = await _book(tx, payout, report.cause, book, because)
    return [*told, *(await commissions.end_payout(tx, payout.payout_id, because, paid=False))]


async def _book(tx: Tx, payout: Payout, cause: str, book: Book, because: Cause) -> list[Told]:
    on = Occasion(None, payout.currency, cause, about=payout.payout_id)
    journal = book(on, payout.payout_id, payout.party, payout.amount)
    return [*(await post(tx, postings(because, journal)))]


async def locked(tx: Tx, payout_id: PayoutId) -> Payout:
    """The payout, locked. Raises `not_found`."""
    payout = await store.lock(tx, payout_id)
    if payout is None:
        raise Rejected("not_found", "There is no such payout.")
    return payout


async def show(tx: Tx, payout_id: PayoutId, party: str | None) -> Seen:
    """One payout of a party (None: of any). Raises `not_found`."""
    found = await store.find(tx, [payout_id])
    if not found or party not in (None, found[0].payout.party):
        raise Rejected("not_found", "There is no such payout.")
    return found[0]


async def list_payouts(tx: Tx, party: str | None, state: str | None, after: str | None, *, limit: int) -> list[Seen]:
    """Newest first; see `store.payouts.page`."""
    return await store.page(tx, party, state, after, limit=limit)


def _fact(payout: Payout) -> dict[str, Any]:
    return {
        "payout_id": payout.payout_id,
        "party": payout.party,
        "amount": Money(amount=payout.amount, currency=payout.currency),
        "state": payout.state,
    }

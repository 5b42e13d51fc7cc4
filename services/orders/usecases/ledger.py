"""Posting: the one way into the books."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from services.orders.domain.ledger import Journal
from services.orders.store import ledger as store
from services.orders.store import payouts as payouts_store
from services.orders.store.ledger import Booked
from shared.contracts.event import Cause
from shared.contracts.orders import LedgerEntry, LedgerPosted
from shared.contracts.values import Account, JournalId, Money, OrderId
from shared.kernel.database import Tx
from shared.kernel.ids import derived_id

NEWEST = 50  # entries shown with a balance: a screen or two; statements tell them all
SHOWN: tuple[Account, ...] = ("payable:held", "payable:available", "payable:in_payout", "platform_revenue")
DEFAULT_CURRENCY = "CNY"  # of the zeros of a party that has earned nothing yet


@dataclass(frozen=True, slots=True)
class Posting:
    """A journal and what its LedgerPosted inherits."""

    journal: Journal
    because: Cause


async def post(tx: Tx, postings: Sequence[Posting]) -> list[LedgerPosted]:
    """Enter journals into the books and return what to tell, for the caller to append last.

    A journal posted before, by (cause, kind, subject), changes nothing and tells nothing. The orders must be locked,
    and stock be done with: balances come after it in the order of locks.
    """
    asked = {_journal_id(posting.journal): posting for posting in postings}
    posted = await store.insert_journals(tx, {key: each.journal for key, each in asked.items()}) if asked else {}
    fresh = {key: each for key, each in asked.items() if key in posted}
    if not fresh:
        return []
    journals = {key: each.journal for key, each in fresh.items()}
    await store.insert_entries(tx, journals)
    of_orders = Counter(journal.order_id for journal in journals.values() if journal.order_id)
    others = Counter(journal.stream_id for journal in journals.values() if journal.order_id is None)
    last = await store.advance_streams(tx, of_orders) | await store.advance_other_streams(tx, others)
    await store.add_to_balances(tx, _deltas(list(journals.values())))
    before = {stream: last[stream] - count for stream, count in (of_orders + others).items()}
    return _told(fresh, posted, before)


def postings(because: Cause, *journals: Journal | None) -> list[Posting]:
    """Those journals that move money, of one cause."""
    return [Posting(journal, because) for journal in journals if journal]


@dataclass(frozen=True, slots=True)
class Balance:
    """A party's money in minor units; `paid` is what the bank has paid them."""

    party: str
    currency: str
    held: int
    available: int
    in_payout: int
    paid: int
    entries: list[Booked]


async def balance(tx: Tx, party: str, currency: str | None) -> Balance:
    """What a party is owed in one currency (None: the first they have), with the newest entries."""
    found = await store.balances(tx, party)
    chosen = currency or next(iter(found), DEFAULT_CURRENCY)
    sums = found.get(chosen, {})
    return Balance(
        party=party,
        currency=chosen,
        held=sums.get("payable:held", 0),
        available=sums.get("payable:available", 0),
        in_payout=sums.get("payable:in_payout", 0),
        paid=await payouts_store.paid(tx, party, chosen),
        entries=await store.newest_entries(tx, party, chosen, SHOWN, NEWEST),
    )


async def refund_due(tx: Tx, order_id: OrderId, currency: str) -> Money | None:
    """What the buyer is to get back for an order and has not got yet, in the order's own currency if any is."""
    due = await store.refunds_due(tx, order_id)
    return next((money for money in due if money.currency == currency), due[0] if due else None)


def _journal_id(journal: Journal) -> JournalId:
    return JournalId(derived_id(journal.cause, f"{journal.kind}/{journal.subject}"))


def _deltas(journals: Sequence[Journal]) -> Counter[tuple[str, str, str]]:
    deltas: Counter[tuple[str, str, str]] = Counter()
    for journal in journals:
        for entry in journal.entries:
            if entry.party is not None:
                deltas[entry.party, entry.account, journal.currency] += entry.credit - entry.debit
    return deltas


def _told(
    fresh: Mapping[JournalId, Posting], posted: Mapping[JournalId, datetime], before: dict[str, int]
) -> list[LedgerPosted]:
    told = []
    for key, posting in fresh.items():
        stream = posting.journal.stream_id
        before[stream] += 1
        told.append(_event(key, posting.journal, posted[key]).at(before[stream], posting.because))
    return told


def _event(journal_id: JournalId, journal: Journal, posted_at: datetime) -> LedgerPosted:
    return LedgerPosted(
        stream_id=journal.stream_id,
        journal_id=journal_id,
        kind=journal.kind,
        cause_id=journal.cause,
        subject=journal.subject,
        order_id=journal.order_id,
        currency=journal.currency,
        entries=tuple(LedgerEntry(**asdict(entry)) for entry in journal.entries),
        posted_at=posted_at,
    )

"""The books in memory: what journals add up to, by order, by party, by parcel."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.orders.domain.ledger import Journal
from shared.contracts.values import Account

CNY = "CNY"
# The platform's own profit and loss: what may stand when all is over, besides the bank and the parties' balances.
COSTS: tuple[Account, ...] = ("psp_fees", "carrier_fees", "return_costs", "losses")
PARTIES: tuple[Account, ...] = ("payable:held", "payable:available", "payable:in_payout")
MAY_STAND = frozenset({*COSTS, *PARTIES, "platform_revenue", "bank"})


@dataclass
class Books:
    """Every account as credits less debits; a journal of the same (cause, kind, subject) counts once."""

    posted: dict[tuple[str, str, str], Journal] = field(default_factory=dict)
    totals: Counter[tuple[str, str]] = field(default_factory=Counter)  # currency, account
    of_order: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    of_party: Counter[tuple[str, str]] = field(default_factory=Counter)  # party, account
    of_parcel: Counter[tuple[str, str]] = field(default_factory=Counter)
    of_line: Counter[tuple[str, str]] = field(default_factory=Counter)

    def post(self, *journals: Journal | None) -> list[Journal]:
        """Enter those that move money and were not entered before; returns them."""
        fresh = []
        for journal in journals:
            if journal and (key := (journal.cause, journal.kind, journal.subject)) not in self.posted:
                assert sum(entry.debit for entry in journal.entries) == sum(entry.credit for entry in journal.entries)
                self.posted[key] = journal
                self._add(journal)
                fresh.append(journal)
        return fresh

    def _add(self, journal: Journal) -> None:
        for entry in journal.entries:
            amount = entry.credit - entry.debit
            self.totals[journal.currency, entry.account] += amount
            if journal.order_id:
                self.of_order[journal.order_id][entry.account] += amount
            if journal.currency != CNY:
                continue
            if entry.party:
                self.of_party[entry.party, entry.account] += amount
            if entry.shipment_id:
                self.of_parcel[entry.shipment_id, entry.account] += amount
            if entry.line_id:
                self.of_line[entry.line_id, entry.account] += amount

    def currencies(self) -> set[str]:
        return {currency for currency, _ in self.totals}

    def open_accounts(self, order_id: str) -> dict[str, int]:
        """What of an order is neither the platform's profit and loss, nor in the bank, nor a party's."""
        return {
            account: amount
            for account, amount in self.of_order[order_id].items()
            if amount and account not in MAY_STAND
        }

    def parties(self, account: Account) -> Iterator[tuple[str, int]]:
        """The parties' balances on one account."""
        return ((party, amount) for (party, name), amount in self.of_party.items() if name == account)

    def bank(self, currency: str = CNY) -> int:
        return -self.totals[currency, "bank"]

    def costs(self, currency: str = CNY) -> int:
        """What the platform bore itself."""
        return -sum(self.totals[currency, account] for account in COSTS)

    def promised(self, currency: str = CNY) -> int:
        """Σ available, balances below zero counted, and Σ in payout."""
        return self.totals[currency, "payable:available"] + self.totals[currency, "payable:in_payout"]

    def is_funded(self, currency: str = CNY, *, aside: int = 0) -> bool:
        """bank ≥ Σ available + Σ in payout, the platform's own losses aside."""
        return self.bank(currency) + self.costs(currency) + aside >= self.promised(currency)

"""Who is owed what."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel

from services.orders.store.ledger import Booked
from services.orders.usecases.ledger import Balance, balance
from shared.contracts.values import Currency, Money, OrderId
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import Call, Routes

EVERYBODYS = frozenset({"operator", "service"})  # roles that may read every party's

routes = Routes()


class EntryShown(BaseModel):
    """One entry, above zero for what the party gained; `cause` names the event or report that led to it."""

    at: AwareDatetime
    kind: str
    amount: Money
    order_id: OrderId | None = None
    cause: str


class BalanceShown(BaseModel):
    """What a party is owed in one currency: `held` until the after-sale window closes and the money is there."""

    party: str
    currency: Currency
    held: Money
    available: Money
    in_payout: Money
    paid: Money
    entries: list[EntryShown]


@routes.get("/balances/{party}", roles={"supplier", "creator", "buyer", "operator", "service"})
async def show_balance(call: Call, tx: Tx, party: str, currency: Currency | None = None) -> BalanceShown:
    """A party's balance with its newest entries; without `currency` in the first it has earned."""
    if call.role not in EVERYBODYS and call.party != party:
        raise Rejected("not_found", "There is no such balance of yours.")
    return _shown(await balance(tx, party, currency))


def _shown(found: Balance) -> BalanceShown:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=found.currency)

    return BalanceShown(
        party=found.party,
        currency=found.currency,
        held=money(found.held),
        available=money(found.available),
        in_payout=money(found.in_payout),
        paid=money(found.paid),
        entries=[_entry(each) for each in found.entries],
    )


def _entry(booked: Booked) -> EntryShown:
    amount = Money(amount=booked.amount, currency=booked.currency)
    return EntryShown(at=booked.at, kind=booked.kind, amount=amount, order_id=booked.order_id, cause=booked.cause)

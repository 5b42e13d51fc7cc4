"""What parties are paid."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints

from services.orders.domain.payouts import Payout
from services.orders.http.balances import EVERYBODYS
from services.orders.http.payments import MOST
from services.orders.settings import settings_of
from services.orders.store.payouts import Seen
from services.orders.usecases import payouts
from shared.contracts.values import Money, PayoutId, PayoutState
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import Body, Call, Listed, Page, Routes, above_zero

routes = Routes()


def _payable(money: Money) -> Money:
    if above_zero(money).amount > MOST:
        raise ValueError(f"the amount must be at most {MOST}")
    return money


class PayoutAsked(Body):
    """Whose money, and how much of it."""

    party: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    amount: Annotated[Money, AfterValidator(_payable)]


class PayoutShown(BaseModel):
    """A payout as it is; `failure` says why it came back."""

    payout_id: PayoutId
    party: str
    amount: Money
    state: PayoutState
    requested_by: str
    approved_by: str | None = None
    bank_ref: str | None = None
    failure: str | None = None
    created_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


@routes.post("/payouts", roles={"supplier", "creator", "buyer", "operator"}, status=201, once=True)
async def ask_payout(call: Call, tx: Tx, body: PayoutAsked) -> PayoutShown:
    """Ask for money that is available and banked: small sums go to the bank at once, others once approved."""
    if call.role not in EVERYBODYS and call.party != body.party:
        raise Rejected("not_found", "There is no such balance of yours.")
    ask = payouts.Ask(body.party, body.amount, call.party, settings_of(call).payout_approval_above)
    return _shown(await payouts.request(tx, ask, call.cause))


@routes.post("/payouts/{payout_id}/approve", roles={"operator"}, once=True)
async def approve_payout(call: Call, tx: Tx, payout_id: PayoutId) -> PayoutShown:
    """Let a payout go that somebody else has asked for."""
    return _shown(await payouts.approve(tx, payout_id, call.party, call.cause))


@routes.get("/payouts/{payout_id}", roles={"supplier", "creator", "buyer", "operator", "service"})
async def show_payout(call: Call, tx: Tx, payout_id: PayoutId) -> PayoutShown:
    """One payout."""
    return _seen(await payouts.show(tx, payout_id, None if call.role in EVERYBODYS else call.party))


@routes.get("/payouts", roles={"supplier", "creator", "buyer", "operator", "service"})
async def list_payouts(
    call: Call,
    tx: Tx,
    page: Page,
    party: str | None = None,
    state: Annotated[PayoutState | None, Field(description="Only those in this state")] = None,
) -> Listed[PayoutShown]:
    """The caller's payouts, newest first; an operator sees everybody's."""
    if call.role not in EVERYBODYS and party not in (None, call.party):
        raise Rejected("not_found", "There are no such payouts of yours.")
    whose = party if call.role in EVERYBODYS else call.party
    found = await payouts.list_payouts(tx, whose, state, page.after, limit=page.fetch)
    return page.of([_seen(each) for each in found], lambda payout: payout.payout_id)


def _seen(seen: Seen) -> PayoutShown:
    return _shown(seen.payout).model_copy(update={"created_at": seen.created_at, "ended_at": seen.ended_at})


def _shown(payout: Payout) -> PayoutShown:
    return PayoutShown(
        payout_id=payout.payout_id,
        party=payout.party,
        amount=Money(amount=payout.amount, currency=payout.currency),
        state=payout.state,
        requested_by=payout.requested_by,
        approved_by=payout.approved_by,
        bank_ref=payout.bank_ref,
        failure=payout.failure,
    )

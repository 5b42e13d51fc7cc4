"""Wrong versions of what the product does, each of which the histories must find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any

import pytest

from services.orders.domain import commissions, journals, payouts, refunds, split
from services.orders.domain.commissions import Commission, Funding
from services.orders.domain.journals import Cash, Payer
from services.orders.domain.ledger import Journal, JournalKind, Occasion, credit, debit
from services.orders.store import banks
from services.orders.store import commissions as shares_store
from services.orders.store import supplier_orders as parts_store
from services.orders.tests.histories import facts
from services.orders.usecases import cash
from services.orders.usecases import commissions as shares
from shared.contracts.values import LineId

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


def reversed_by_the_running_total(patch: Patch) -> None:
    """What goes back is the difference of two divisions of the whole line: a refund may pay a party."""
    whole: dict[str, list[int]] = {}
    deliver = facts.FACTS["delivered"]

    def delivered(world: Any, cause: str, part_id: str) -> None:
        whole.clear()  # the next history has lines of the same names
        deliver(world, cause, part_id)
        for bought in world.orders.values():
            whole.update({one: [part.amount.amount for part in line.split] for one, line in bought.lines.items()})

    def take_back(held: Sequence[Commission], amount: int) -> list[tuple[Commission, int]]:
        parts = [part for part in whole[held[0].line_id] if part]
        left = split.apportion(sum(share.amount for share in held) - amount, parts)
        pairs = [(share, share.amount - part) for share, part in zip(held, left, strict=True)]
        return [(replace(share, amount=share.amount - gave), gave) for share, gave in pairs if gave]

    patch.setitem(facts.FACTS, "delivered", delivered)
    patch.setattr(commissions, "take_back", take_back)


def reversed_from_the_first_share(patch: Patch) -> None:
    """A refund is taken from the supplier until nothing is left of it."""

    def take_back(shares: Sequence[Commission], amount: int) -> list[tuple[Commission, int]]:
        given = []
        for share in shares:
            gave = min(share.amount, amount)
            amount -= gave
            given.append((replace(share, amount=share.amount - gave), gave))
        return [(share, gave) for share, gave in given if gave]

    patch.setattr(commissions, "take_back", take_back)


def released_without_a_look_at_the_money(patch: Patch) -> None:
    patch.setattr(Funding, "waits_for", property(lambda _: ()))


def released_while_a_shortage_is_open(patch: Patch) -> None:
    patch.setattr(Funding, "waits_for", property(lambda f: ("cash_banked",) if f.outstanding > 0 else ()))


def the_hold_is_ignored(patch: Patch) -> None:
    right = commissions.waits_for

    def waits_for(*args: Any) -> tuple[str, ...]:
        return tuple(what for what in right(*args) if what != "hold")

    patch.setattr(commissions, "waits_for", waits_for)


def a_fee_is_not_passed_on(patch: Patch) -> None:
    patch.setattr(journals, "fee_passed_on", lambda *_: None)


def a_fee_is_passed_on_twice(patch: Patch) -> None:
    right = journals.fee_passed_on

    def twice(on: Occasion, subject: str, fees: journals.Fees, shares: Sequence[tuple[Payer, int]]) -> Journal | None:
        return right(on, subject, fees, [(payer, 2 * amount) for payer, amount in shares])

    patch.setattr(journals, "fee_passed_on", twice)


def a_refund_takes_from_held_what_is_available(patch: Patch) -> None:
    right = journals.refund_of_delivered

    def held(on: Occasion, subject: str, line_id: LineId, taken: Sequence[journals.Owed]) -> Journal | None:
        return right(on, subject, line_id, [replace(owed, held=True) for owed in taken])

    patch.setattr(journals, "refund_of_delivered", held)


def short_cash_is_made_good_by_nobody(patch: Patch) -> None:
    """The order is made whole, and the carrier seems to owe what it never took."""

    def nobody(on: Occasion, subject: str, cash: Cash, _: Payer, amount: int) -> Journal | None:
        owed = debit("carrier_cash", amount, cash.carrier, shipment_id=cash.shipment_id)
        return on.book("shortage_borne", subject, owed, credit("buyer_deposits", amount, shipment_id=cash.shipment_id))

    patch.setattr(journals, "shortage_borne", nobody)


def a_payout_is_not_held_against_the_bank(patch: Patch) -> None:
    patch.setattr(payouts, "check_banked", lambda *_: None)


def a_payout_is_not_held_against_the_balance(patch: Patch) -> None:
    def only_banked(amount: int, funds: payouts.Funds, _: str) -> None:
        payouts.check_banked(amount, funds.free)

    patch.setattr(payouts, "check_payable", only_banked)


def a_banking_is_reversed_and_nothing_held_again(patch: Patch) -> None:
    patch.setattr(journals, "held_again", lambda *_: None)


def a_returned_payout_stays_with_the_platform(patch: Patch) -> None:
    def kept(on: Occasion, payout_id: str, _: str, amount: int) -> Journal | None:
        return on.book("payout_returned", payout_id, debit("bank", amount, "platform"), credit("losses", amount))

    patch.setattr(journals, "payout_returned", kept)


def a_failed_payout_stays_in_the_payout(patch: Patch) -> None:
    patch.setattr(journals, "payout_failed", lambda *_: None)


def earlier_refunds_are_forgotten(patch: Patch) -> None:
    right = refunds.left_of

    @wraps(right)
    def left_of(line: Any, earlier: Any) -> refunds.Left:
        return right(line, [])

    patch.setattr(refunds, "left_of", left_of)


def what_the_buyer_owes_is_booked_where_it_was_taken(patch: Patch) -> None:
    """Cash over stays with the order instead of going back."""
    patch.setattr(journals, "cash_over", lambda *_: None)


def a_settlement_keeps_its_fee_twice(patch: Patch) -> None:
    right = journals.payment_settled

    def twice(on: Occasion, payment_id: str, gross: int, fee: int) -> Journal | None:
        return right(on, payment_id, gross, 2 * fee)

    patch.setattr(journals, "payment_settled", twice)


PURE: tuple[Plant, ...] = (
    reversed_by_the_running_total,
    reversed_from_the_first_share,
    released_without_a_look_at_the_money,
    released_while_a_shortage_is_open,
    the_hold_is_ignored,
    a_fee_is_not_passed_on,
    a_fee_is_passed_on_twice,
    a_refund_takes_from_held_what_is_available,
    short_cash_is_made_good_by_nobody,
    a_payout_is_not_held_against_the_bank,
    a_payout_is_not_held_against_the_balance,
    a_banking_is_reversed_and_nothing_held_again,
    a_returned_payout_stays_with_the_platform,
    a_failed_payout_stays_in_the_payout,
    earlier_refunds_are_forgotten,
    what_the_buyer_owes_is_booked_where_it_was_taken,
    a_settlement_keeps_its_fee_twice,
)


# In the service itself ----------------------------------------------------------------------------------------------


def the_same_collection_counts_twice(patch: Patch) -> None:
    """The event's id, not the collection's, is taken for the cause."""
    patch.setattr(cash, "_collection", lambda event: event.envelope.id)


def the_service_holds_nothing_again(patch: Patch) -> None:
    async def nothing(*_: Any) -> list[Any]:
        return []

    patch.setattr(shares, "hold_again", nothing)


def the_service_releases_without_a_look_at_the_hold(patch: Patch) -> None:
    patch.setattr(shares_store, "_RIPE", shares_store._RIPE.replace("AND hold_until <= now()", ""))


def the_service_forgets_what_was_decided(patch: Patch) -> None:
    async def nothing(*_: Any) -> None:
        return None

    patch.setattr(parts_store, "add_decided", nothing)


def the_service_takes_the_bank_for_bottomless(patch: Patch) -> None:
    async def plenty(_: Any, currencies: Any) -> dict[str, int]:
        return dict.fromkeys(currencies, 10**15)

    patch.setattr(banks, "free", plenty)


# Each with the journals that a history must book for it to show; none: the bank's account must refuse a payout.
IN_THE_SERVICE: dict[Plant, set[JournalKind]] = {
    the_same_collection_counts_twice: {"cod_collected"},
    the_service_holds_nothing_again: {"held_again"},
    the_service_releases_without_a_look_at_the_hold: {"released"},
    the_service_forgets_what_was_decided: {"shortage_borne", "released"},
    the_service_takes_the_bank_for_bottomless: set(),
}

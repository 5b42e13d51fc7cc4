"""The books: what each fact books, that nothing is booked twice, and that the database keeps them true."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.orders.domain import journals
from services.orders.domain.ledger import Entry, Journal, Occasion
from services.orders.domain.order import Placed
from services.orders.domain.split import Amount, Part
from services.orders.tests.journey import CHEAP, Journey
from services.orders.usecases.ledger import Posting, post
from shared.contracts.event import Cause
from shared.contracts.logistics import ShipmentCOD, ShipmentState
from shared.contracts.orders import LedgerPosted
from shared.contracts.values import LineId, OrderId, ShipmentId
from shared.kernel.database import Tx

ON = Occasion(OrderId("o"), "CNY", "cause-1")


def captured(order: Placed, cause: str = "cause-1", amount: int = 100) -> Posting:
    on = Occasion(order.order_id, "CNY", cause)
    journal = journals.payment_captured(on, "p", amount)
    assert journal is not None
    return Posting(journal, Cause())


async def posted(journey: Journey, *postings: Posting) -> list[LedgerPosted]:
    async def work(tx: Tx) -> list[LedgerPosted]:
        await tx.execute("SELECT FROM orders FOR UPDATE")
        return await post(tx, postings)

    return await journey.run(work)


# The rules ----------------------------------------------------------------------------------------------------------


def test_a_journal_that_does_not_sum_to_zero_can_not_be_made() -> None:
    entries = (Entry("bank", debit=100), Entry("losses", credit=99))
    with pytest.raises(ValueError, match="does not sum to zero"):
        Journal("cod_collected", "c", "s", "o", OrderId("o"), "CNY", entries)


@pytest.mark.parametrize(("debit", "credit"), [(0, 0), (1, 1), (-1, 0)])
def test_an_entry_has_one_side(debit: int, credit: int) -> None:
    with pytest.raises(ValueError, match="one side above zero"):
        Entry("bank", debit=debit, credit=credit)


def test_a_delivered_line_belongs_to_its_parties_by_its_split() -> None:
    money = {"supplier": 820, "creator": 150, "referrer": 20, "platform": 10}
    split = tuple(
        Part(kind, kind, None, Amount(amount, "CNY"))  # type: ignore[arg-type]
        for kind, amount in money.items()
    )
    journal = journals.line_delivered(ON, LineId("l"), split)
    assert journal is not None
    assert {(entry.account, entry.party): entry.credit - entry.debit for entry in journal.entries} == {
        ("buyer_deposits", None): -1_000,
        ("payable:held", "supplier"): 820,
        ("payable:held", "creator"): 150,
        ("payable:held", "referrer"): 20,
        ("platform_revenue", "platform"): 10,
    }


def test_a_line_that_cost_nothing_books_nothing() -> None:
    nothing = Part("supplier", "s", None, Amount(0, "CNY"))
    assert journals.line_delivered(ON, LineId("l"), (nothing,)) is None
    assert journals.refund_approved(ON, "l", 0) is None


# Posting ------------------------------------------------------------------------------------------------------------


async def test_a_journal_is_posted_once_for_its_cause_kind_and_subject(journey: Journey) -> None:
    order = await journey.prepaid()
    assert len(await posted(journey, captured(order), captured(order))) == 1
    assert await posted(journey, captured(order)) == []
    assert len(await posted(journey, captured(order, "cause-2"))) == 1
    assert await journey.accounts(order) == {"psp_clearing": -200, "buyer_deposits": 200}


async def test_journals_are_told_in_the_positions_of_their_orders_stream(journey: Journey) -> None:
    order, other = await journey.prepaid(), await journey.prepaid()
    first = await posted(journey, captured(order, "a"), captured(other, "b"), captured(order, "c"))
    second = await posted(journey, captured(order, "a"), captured(order, "d"))
    assert [(event.stream_id, event.position) for event in (*first, *second)] == [
        (order.order_id, 1),
        (other.order_id, 1),
        (order.order_id, 2),
        (order.order_id, 3),
    ]


async def test_what_is_told_adds_up_to_what_is_booked(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    balances: dict[str, int] = {}
    for body in await journey.bodies(order.order_id, "LedgerPosted"):
        assert set(body) >= {"journal_id", "kind", "cause", "subject", "order_id", "currency", "entries"}
        for entry in body["entries"]:
            account = entry["account"]
            balances[account] = balances.get(account, 0) + entry["credit"] - entry["debit"]
    assert {account: amount for account, amount in balances.items() if amount} == await journey.accounts(order)


async def test_balances_are_the_sums_of_the_entries(journey: Journey) -> None:
    for _ in range(3):
        order = await journey.order(CHEAP, CHEAP)
        found = await journey.shipped(order)
        await journey.hear_together([parcel.delivered() for parcel in found])
        await journey.hear_together([parcel.collected() for parcel in found])
    differing = await journey.db.pool.fetch("""
        SELECT party, account, currency, b.amount, s.amount
          FROM balances b FULL JOIN (SELECT e.party, e.account, j.currency, sum(e.credit - e.debit) AS amount
                                       FROM entries e JOIN journals j USING (journal_id) WHERE e.party IS NOT NULL
                                      GROUP BY 1, 2, 3) s USING (party, account, currency)
         WHERE b.amount IS DISTINCT FROM s.amount
    """)
    assert differing == []


# What the database refuses ------------------------------------------------------------------------------------------

_JOURNAL = """
    INSERT INTO journals (journal_id, kind, cause, subject, stream_id, currency)
    VALUES (gen_random_uuid(), 'by hand', $1, 's', 'x', 'CNY') RETURNING journal_id
"""
_ENTRY = "INSERT INTO entries (journal_id, ordinal, account, debit, credit) VALUES ($1, $2, 'bank', $3, $4)"


async def test_the_database_refuses_a_journal_that_does_not_sum_to_zero(journey: Journey) -> None:
    with pytest.raises(Exception, match="does not sum to zero"):
        async with journey.db.transaction() as tx:
            journal = await tx.fetchval(_JOURNAL, "a")
            await tx.execute(_ENTRY, journal, 1, 100, 0)
            await tx.execute(_ENTRY, journal, 2, 0, 99)


async def test_the_database_refuses_a_journal_without_entries(journey: Journey) -> None:
    with pytest.raises(Exception, match="does not sum to zero"):
        async with journey.db.transaction() as tx:
            await tx.execute(_JOURNAL, "a")


async def test_the_database_refuses_entries_that_join_a_journal_later(journey: Journey) -> None:
    async with journey.db.transaction() as tx:
        journal = await tx.fetchval(_JOURNAL, "a")
        await tx.execute(_ENTRY, journal, 1, 100, 0)
        await tx.execute(_ENTRY, journal, 2, 0, 100)
    with pytest.raises(Exception, match="was posted before"):
        async with journey.db.transaction() as tx:
            await tx.execute(_ENTRY, journal, 3, 50, 0)
            await tx.execute(_ENTRY, journal, 4, 0, 50)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entries SET debit = debit * 2, credit = credit * 2",
        "UPDATE journals SET subject = 'another'",
        "DELETE FROM entries",
        "DELETE FROM journals",
        "TRUNCATE journals, entries",
    ],
)
async def test_the_database_refuses_to_change_what_was_posted(journey: Journey, change: str) -> None:
    await journey.paid()
    with pytest.raises(Exception, match="append-only"):
        await journey.db.pool.execute(change)


# Parcels and cash ---------------------------------------------------------------------------------------------------


async def test_a_prepaid_order_delivered_leaves_its_parties_owed_and_nothing_else(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    platform = CHEAP // 100
    assert await journey.accounts(order) == {
        "psp_clearing": -CHEAP,
        "payable:held": CHEAP - platform,
        "platform_revenue": platform,
    }


@pytest.mark.parametrize("cash_first", [True, False])
async def test_cash_and_delivery_balance_in_either_order(journey: Journey, cash_first: bool) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    events: list[ShipmentState | ShipmentCOD] = [parcel.collected(), parcel.delivered()]
    for event in events if cash_first else reversed(events):
        await journey.hear(event)
    platform = CHEAP // 100
    assert await journey.accounts(order) == {
        "carrier_cash": -CHEAP,
        "payable:held": CHEAP - platform,
        "platform_revenue": platform,
    }
    assert await journey.state(order) == "FULFILLED"


async def test_cash_told_before_anything_else_of_the_parcel_counts(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = journey.parcels(order)
    await journey.hear(parcel.collected(), parcel.created(), parcel.handed_over(), parcel.delivered())
    assert "buyer_deposits" not in await journey.accounts(order)


async def test_until_the_cash_is_collected_the_buyer_owes_it(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    assert (await journey.accounts(order))["buyer_deposits"] == -CHEAP


async def test_the_same_collection_told_twice_is_booked_once(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(), parcel.collected(), parcel.delivered())
    assert (await journey.accounts(order))["carrier_cash"] == -CHEAP
    assert await journey.db.pool.fetchval("SELECT cod_collected FROM supplier_orders") == CHEAP


async def test_short_cash_stays_open_with_the_buyers_deposits(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered(), parcel.collected(CHEAP - 300))
    assert (await journey.accounts(order))["buyer_deposits"] == -300


async def test_an_order_refused_at_the_door_leaves_nothing_in_the_books(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.returned("refused"))
    assert await journey.accounts(order) == {}


@pytest.mark.parametrize("cash_first", [True, False])
async def test_cash_taken_for_a_parcel_that_is_lost_is_due_back(journey: Journey, cash_first: bool) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    events: list[ShipmentState | ShipmentCOD] = [parcel.collected(), parcel.turned("LOST")]
    for event in events if cash_first else reversed(events):
        await journey.hear(event)
    assert await journey.accounts(order) == {"carrier_cash": -CHEAP, "refund_payable": CHEAP}


@pytest.mark.parametrize("fate", ["lost", "refused", "returned"])
async def test_what_is_paid_and_never_delivered_is_due_back(journey: Journey, fate: str) -> None:
    order = await journey.paid(CHEAP)
    (parcel,) = await journey.shipped(order)
    ends = {
        "lost": parcel.turned("LOST"),
        "refused": parcel.returned("refused"),
        "returned": parcel.returned("undeliverable"),
    }
    await journey.hear(ends[fate])
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "refund_payable": CHEAP}


async def test_one_event_delivered_again_to_the_books_changes_nothing(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    (parcel,) = await journey.shipped(order)
    event = parcel.delivered()
    await journey.hear(event, event)
    assert "buyer_deposits" not in await journey.accounts(order)


async def test_entries_name_line_shipment_and_carrier(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(), parcel.delivered())
    rows = await journey.db.pool.fetch("SELECT account, party, line_id, shipment_id FROM entries")
    found = {row["account"]: row for row in rows if row["account"] != "buyer_deposits"}
    assert (found["carrier_cash"]["party"], found["carrier_cash"]["shipment_id"]) == ("sandbox", parcel.shipment_id)
    assert found["payable:held"]["line_id"] == order.lines[0].line_id


async def test_a_load_tests_parcels_leave_the_books_alone(journey: Journey) -> None:
    order = await journey.order(CHEAP, loadtest=True)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(), parcel.delivered())
    assert (await journey.state(order), await journey.accounts(order)) == ("FULFILLED", {})


def test_a_posting_of_another_cause_is_another_journal() -> None:
    cash = journals.Cash(ShipmentId("s"), "sandbox")
    assert journals.cod_collected(replace(ON, cause="cause-2"), cash, 5) != journals.cod_collected(ON, cash, 5)


async def test_cash_told_again_after_its_parcel_was_lost_is_due_back_once(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(), parcel.turned("LOST"), parcel.collected())
    assert await journey.accounts(order) == {"carrier_cash": -CHEAP, "refund_payable": CHEAP}

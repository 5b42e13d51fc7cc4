"""The courier's cash on its way to the bank, and who may be paid when: facts of logistics, booked once each."""

from __future__ import annotations

from typing import Any

import pytest

from services.orders.domain.commissions import Commission, take_back
from services.orders.domain.order import Placed
from services.orders.tests.journey import CHEAP, Journey, Parcel
from shared.contracts.values import LineId, OrderId, PartyKind, SupplierOrderId
from shared.kernel.ids import new_id
from shared.kernel.testing import as_received

FEE = 100


def held(order: Placed) -> dict[str, int]:
    """What the parties but the platform are owed for a one-line order, by kind."""
    return {part.party_kind: part.amount.amount for part in order.lines[0].split if part.party_kind != "platform"}


async def delivered(journey: Journey) -> tuple[Placed, Parcel]:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(), parcel.delivered())
    return order, parcel


async def available(journey: Journey, order: Placed) -> int:
    accounts = await journey.accounts(order)
    return accounts.get("payable:available", 0)


# Shares --------------------------------------------------------------------------------------------------------------


async def test_each_party_hears_of_its_share_from_the_order_to_the_bank(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.release(order)
    await journey.hear(parcel.remitted(), parcel.banked())
    creator = str(order.creator_id)
    told = await journey.said(creator)
    assert [(each["name"], each["state"], each["waits_for"]) for each in told] == [
        ("CommissionEstimated", "ESTIMATED", ["delivery"]),
        ("CommissionEarned", "EARNED", ["hold", "cash_banked"]),
        ("CommissionAvailable", "AVAILABLE", []),
    ]
    share = held(order)["creator"]
    assert [each["delta"]["amount"] for each in told] == [share, 0, 0]
    assert [(each["balance"]["held"], each["balance"]["available"]) for each in told] == [
        (0, 0),
        (share, 0),
        (0, share),
    ]
    assert {each["entry_point"] for each in told} == {"direct"}


async def test_a_share_of_a_line_that_never_arrives_is_void(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.turned("LOST"))
    assert set(await journey.shares(order)) == {("supplier", "VOID"), ("creator", "VOID")}
    (_, voided) = await journey.said(str(order.creator_id))
    assert (voided["name"], voided["amount"]["amount"]) == ("CommissionVoided", 0)
    assert voided["delta"]["amount"] == -held(order)["creator"]


async def test_a_load_tests_order_earns_nobody_anything(journey: Journey) -> None:
    order = await journey.order(CHEAP, loadtest=True)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    assert (await journey.shares(order), await journey.said(str(order.creator_id))) == ({}, [])


def test_a_cent_that_two_might_give_is_the_first_ones_of_the_split() -> None:
    def share(kind: PartyKind) -> Commission:
        ids = (LineId("l"), kind, kind, OrderId("o"), SupplierOrderId("p"))
        return Commission(*ids, state="EARNED", held=True, amount=10, currency="CNY")

    for kinds in (("creator", "supplier"), ("supplier", "creator")):
        (gave,) = take_back([share(kind) for kind in kinds], 1)
        assert (gave[0].party_kind, gave[0].amount, gave[1]) == ("supplier", 9, 1)


# From the door to the bank ------------------------------------------------------------------------------------------


async def test_nothing_is_available_before_the_cash_is_banked_though_the_hold_is_over(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.release(order)
    assert await available(journey, order) == 0
    await journey.hear(parcel.remitted())
    assert await available(journey, order) == -FEE  # what the carrier kept is the supplier's to pay
    await journey.hear(parcel.banked())
    assert await journey.accounts(order) == {
        "bank": -(CHEAP - FEE),
        "payable:available": sum(held(order).values()) - FEE,
        "platform_revenue": CHEAP - sum(held(order).values()),
    }


async def test_nothing_is_available_before_the_hold_is_over_though_the_cash_is_banked(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.db.pool.execute("UPDATE commissions SET hold_until = now() + interval '1 day'")
    await journey.hear(parcel.remitted(), parcel.banked())
    await journey.release(order)
    assert await available(journey, order) == -FEE


async def test_cash_that_was_banked_before_its_parcel_was_delivered_is_available_when_it_is(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.banked(), parcel.remitted(), parcel.collected(), parcel.delivered())
    await journey.release(order)
    assert await available(journey, order) == sum(held(order).values()) - FEE


async def test_the_platform_may_bear_the_carriers_fee(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.hear(parcel.remitted(bearer="platform"), parcel.banked())
    await journey.release(order)
    accounts = await journey.accounts(order)
    assert (accounts["carrier_fees"], accounts["payable:available"]) == (-FEE, sum(held(order).values()))


async def test_a_row_told_again_is_booked_once(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.hear(parcel.remitted(), parcel.remitted())
    assert (await journey.accounts(order))["cash_in_transit"] == -(CHEAP - FEE)


async def test_what_the_bank_takes_back_is_held_again_and_released_when_it_returns(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.release(order)
    await journey.hear(parcel.remitted(), parcel.banked(), parcel.unbanked())
    assert await available(journey, order) == -FEE
    assert set(await journey.shares(order)) == {("supplier", "EARNED"), ("creator", "EARNED")}
    await journey.hear(parcel.banked())
    assert await available(journey, order) == sum(held(order).values()) - FEE
    names = [each["name"] for each in await journey.said(str(order.creator_id))]
    assert names[2:] == ["CommissionAvailable", "CommissionHeldAgain", "CommissionAvailable"]


async def test_what_the_bank_leaves_enough_of_stays_available(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.release(order)
    await journey.hear(parcel.remitted(CHEAP + 500), parcel.banked(CHEAP + 500))
    more = {"row_id": new_id()}  # a second row of the same parcel, all of it too much
    remitted, banked, unbanked = (
        as_received(event.model_copy(update=more))
        for event in (parcel.remitted(100, 0), parcel.banked(100, 0), parcel.unbanked(100, 0))
    )
    await journey.hear(remitted, banked)
    before = await available(journey, order)
    await journey.hear(unbanked)
    assert await available(journey, order) == before > 0
    assert set(await journey.shares(order)) == {("supplier", "AVAILABLE"), ("creator", "AVAILABLE")}


# Decisions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bearer", ["supplier", "creator", "platform"])
async def test_a_shortage_at_the_door_is_waited_for_until_somebody_bears_it(journey: Journey, bearer: str) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(CHEAP - 300), parcel.delivered())
    await journey.hear(parcel.remitted(CHEAP - 300), parcel.banked(CHEAP - 300))
    await journey.release(order)
    assert await available(journey, order) == -FEE
    await journey.hear(parcel.decided("short", "bear", 300, bearer=bearer))
    accounts = await journey.accounts(order)
    borne = 0 if bearer == "platform" else 300
    assert accounts["payable:available"] == sum(held(order).values()) - FEE - borne
    assert accounts.get("losses", 0) == borne - 300
    assert "buyer_deposits" not in accounts


async def test_a_carrier_that_bears_a_shortage_owes_it_until_it_is_banked(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(CHEAP - 300), parcel.delivered())
    await journey.hear(parcel.remitted(CHEAP - 300), parcel.banked(CHEAP - 300))
    await journey.hear(parcel.decided("short", "bear", 300, bearer="carrier"))
    await journey.release(order)
    accounts = await journey.accounts(order)
    assert (accounts["carrier_cash"], accounts["payable:available"]) == (-300, -FEE)


async def test_too_much_at_the_door_goes_back_to_the_buyer(journey: Journey) -> None:
    order = await journey.order(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.collected(CHEAP + 200), parcel.delivered())
    await journey.hear(parcel.decided("over", "refund_buyer", 200))
    accounts = await journey.accounts(order)
    assert (accounts["refund_payable"], "buyer_deposits" in accounts) == (200, False)


async def test_a_remittance_too_small_is_written_off_by_whoever_bears_it(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.hear(parcel.remitted(CHEAP - 300), parcel.banked(CHEAP - 300))
    await journey.release(order)
    assert await available(journey, order) == -FEE
    await journey.hear(parcel.decided("short", "bear", 300, bearer="platform", source="statement"))
    accounts = await journey.accounts(order)
    assert (accounts["losses"], accounts["payable:available"]) == (-300, sum(held(order).values()) - FEE)


async def test_a_remittance_too_large_goes_to_the_buyer_or_back_to_the_carrier(journey: Journey) -> None:
    for decision, account in (("refund_buyer", "refund_payable"), ("return_to_carrier", "carrier_payable")):
        order, parcel = await delivered(journey)
        await journey.hear(parcel.remitted(CHEAP + 300), parcel.banked(CHEAP + 300))
        await journey.hear(parcel.decided("over", decision, 300, source="statement"))
        accounts = await journey.accounts(order)
        assert accounts[account] == 300
        assert accounts.keys().isdisjoint({"carrier_cash", "cash_in_transit", "buyer_deposits"})


async def test_money_that_names_no_parcel_is_the_carriers(journey: Journey) -> None:
    order, parcel = await delivered(journey)
    await journey.hear(parcel.decided("duplicate", "return_to_carrier", 4_900, source="statement"))
    assert "carrier_payable" not in await journey.accounts(order)
    owed = "SELECT sum(credit - debit) FROM entries WHERE account = 'carrier_payable' AND order_id IS NULL"
    assert await journey.db.pool.fetchval(owed) == 4_900


async def test_a_way_back_is_charged_to_the_party_at_fault_and_kept_by_the_carrier(journey: Journey) -> None:
    for bearer, account in (("supplier", "payable:available"), ("platform", "return_costs")):
        order = await journey.order(CHEAP)
        (parcel,) = await journey.shipped(order)
        charge: dict[str, Any] = {"return_charge": {"amount": 800, "currency": "CNY"}, "charge_bearer": bearer}
        await journey.hear(parcel.returned(**charge))
        assert await journey.accounts(order) == {account: -800, "carrier_payable": 800}
        await journey.hear(parcel.charge_settled(800))
        assert await journey.accounts(order) == {account: -800, "bank": 800}


# The provider --------------------------------------------------------------------------------------------------------


async def test_a_prepaid_share_waits_for_the_provider_to_pay_over(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    (parcel,) = await journey.shipped(order)
    await journey.hear(parcel.delivered())
    await journey.release(order)
    assert await available(journey, order) == 0
    (_, earned) = await journey.said(str(order.creator_id))
    assert "provider_settlement" in earned["waits_for"]
    assert await journey.settle(order, fee=30)
    assert await journey.accounts(order) == {
        "bank": -(CHEAP - 30),
        "payable:available": sum(held(order).values()) - 30,
        "platform_revenue": CHEAP - sum(held(order).values()),
    }


async def test_a_settlement_told_again_is_booked_once_and_another_under_its_name_is_refused(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    assert await journey.settle(order, settlement_id="s-1")
    assert not await journey.settle(order, settlement_id="s-1")
    before = await journey.accounts(order)
    for fee, name, code in ((31, "s-1", "settlement_changed"), (30, "s-2", "settlement_differs")):
        with pytest.raises(Exception, match=code):
            await journey.settle(order, fee=fee, settlement_id=name)
    assert await journey.accounts(order) == before


async def test_a_settlement_for_a_payment_of_nobody_books_nothing_at_all(journey: Journey) -> None:
    order, other = await journey.paid(CHEAP), await journey.order(CHEAP)
    with pytest.raises(Exception, match="unknown_payment"):
        await journey.settle(order, other)
    assert await journey.accounts(order) == {"psp_clearing": -CHEAP, "buyer_deposits": CHEAP}


async def test_a_provider_keeps_of_what_it_paid_over_only(journey: Journey) -> None:
    order = await journey.paid(CHEAP)
    await journey.capture(order)  # once more: due back at once
    again = await journey.db.pool.fetchrow("SELECT refund_id, amount FROM refunds WHERE order_id = $1", order.order_id)
    assert again is not None
    await journey.take(journey.report(order, "refunded", amount=again["amount"], refund_id=again["refund_id"]))
    assert await journey.settle(order)
    with pytest.raises(Exception, match="settlement_differs"):
        await journey.settle(order, gross=-CHEAP)
    assert await journey.settle(order)
    assert await journey.settle(order, gross=-CHEAP, fee=0)
    assert (await journey.accounts(order)).keys() == {"bank", "payable:available", "buyer_deposits"}

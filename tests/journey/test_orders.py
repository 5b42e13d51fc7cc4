"""What becomes of orders, from the buyer's click to the courier's cash, through every service."""

from __future__ import annotations

from collections import Counter

from tests.journey.town import FEW, Town, seen
from wanpu.demo.client import Json, money
from wanpu.demo.topics import told
from wanpu.local.stack import Stack


async def journals(stack: Stack, order_id: str) -> list[Json]:
    """What the public ledger topic says of an order."""
    return [
        event.body
        for event in await told(stack.bootstrap)
        if event.name == "LedgerPosted" and event.body.get("order_id") == order_id
    ]


async def test_three_lines_of_two_suppliers_by_both_kinds_of_terms_with_a_referrer(town: Town, stack: Stack) -> None:
    touch = await town.touch("share", shared_by=town.referrer)
    lines = [town.line("honey"), town.line("mushrooms"), town.line("cup")]
    order = await town.buyer().order(*lines, touch=touch)

    assert order["state"] == "CONFIRMED"  # below the limit: confirmed while placing
    assert len(order["supplier_orders"]) == 2
    for line in order["lines"]:
        assert sum(share["amount"]["amount"] for share in line["split"]) == line["amount"]["amount"]
    kinds = [sorted(share["party_kind"] for share in line["split"]) for line in order["lines"]]
    assert kinds == [["creator", "platform", "referrer", "supplier"]] * 2 + [["creator", "platform", "supplier"]]

    assert len(await town.parcels(order["order_id"], 2)) == 2
    done = await town.delivered(order["order_id"], 2)
    assert done["entry_point"] == "share"
    assert {line["state"] for line in done["lines"]} <= {"DELIVERED", "COMPLETED"}

    async def books() -> Counter[str] | None:
        accounts: Counter[str] = Counter()
        for journal in await journals(stack, order["order_id"]):
            debit, credit = (sum(entry[side] for entry in journal["entries"]) for side in ("debit", "credit"))
            assert debit == credit
            for entry in journal["entries"]:
                accounts[entry["account"]] += entry["credit"] - entry["debit"]
        return accounts if accounts["carrier_cash"] == -order["payable"]["amount"] else None

    accounts = await seen("the courier's cash is booked", books)
    owed = sum(accounts[name] for name in ("payable:held", "payable:available", "platform_revenue"))
    assert accounts["buyer_deposits"] == 0
    assert owed == order["payable"]["amount"] == -accounts["carrier_cash"]
    assert accounts.total() == 0


async def test_everybody_named_in_a_split_is_owed_their_share_after_delivery(town: Town) -> None:
    before = {party: await held(town, party) for party in (town.shop.creator_id, town.referrer)}
    touch = await town.touch("share", shared_by=town.referrer)
    order = await town.buyer().order(town.line("honey", 2), touch=touch)
    await town.delivered(order["order_id"])
    shares = {share["party"]: share["amount"]["amount"] for share in order["lines"][0]["split"]}

    for party, owed in before.items():

        async def grown(party: str = party, owed: int = owed) -> bool | None:
            return await held(town, party) == owed + shares[party] or None

        await seen(f"{party} is owed {shares[party]} more", grown)


async def held(town: Town, party: str) -> int:
    balance = await town.platform.operator.get("orders", f"/balances/{party}")
    owed: int = balance["held"]["amount"] + balance["available"]["amount"]
    return owed


async def test_a_prepaid_order_is_confirmed_by_paying_on_its_url_and_travels(town: Town) -> None:
    order = await town.buyer().order(town.line("ham"), payment="prepaid")
    assert order["state"] == "PLACED"
    assert (await town.platform.http.post(order["payment"]["pay_url"])).status_code == 200

    paid = await town.order_in(order["order_id"], "CONFIRMED")
    assert paid["payment"]["captured"] == money(68_000)
    done = await town.delivered(order["order_id"])
    assert done["payment"]["state"] == "CAPTURED"


async def test_cash_on_delivery_over_the_limit_is_confirmed_by_the_code_from_the_phone(town: Town) -> None:
    buyer = town.buyer()
    order = await buyer.order(town.line("ham"))
    assert order["state"] == "PLACED"
    code = await buyer.code(order["order_id"])

    refused = await buyer.types(order["order_id"], f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}")
    assert (refused.status, refused.code) == (409, "wrong_code")
    assert (await town.order(order["order_id"]))["state"] == "PLACED"

    assert (await buyer.types(order["order_id"], code)).status == 200
    assert (await town.order(order["order_id"]))["state"] == "CONFIRMED"
    assert (await town.delivered(order["order_id"]))["cash"][0]["due"] == order["payable"]


async def test_an_order_cancelled_before_it_is_confirmed_is_over_at_once(town: Town) -> None:
    buyer = town.buyer()
    order = await buyer.order(town.line("honey"), payment="prepaid")
    assert (await buyer.cancels(order["order_id"])).status == 200
    assert (await town.order(order["order_id"]))["state"] == "CANCELLED"


async def test_a_parcel_that_was_not_handed_over_is_called_off(town: Town) -> None:
    buyer = town.buyer()
    order = await buyer.order(town.line("honey"))
    (parcel,) = await town.parcels(order["order_id"])
    asked = await buyer.cancels(order["order_id"])
    assert (asked.status, asked.body["cancellation"]) == (202, "REQUESTED")

    done = await town.order_in(order["order_id"], "CLOSED")
    assert [line["state"] for line in done["lines"]] == ["CANCELLED"]
    await town.parcel_in(parcel["shipment_id"], "CANCELLED")
    refused = await town.hand_over(parcel)
    assert (refused.status, refused.code) == (409, "cancelled")


async def test_a_parcel_on_its_way_is_not_called_off(town: Town) -> None:
    buyer = town.buyer()
    order = await buyer.order(town.line("honey"))
    (parcel,) = await town.parcels(order["order_id"])
    assert (await town.hand_over(parcel)).status == 200  # and no way to go: it stays with the carrier

    asked = await buyer.cancels(order["order_id"])
    assert asked.status == 202 or asked.code == "handed_over"

    async def refused() -> bool | None:
        told = {row["what"] for row in (await town.order(order["order_id"]))["timeline"]}
        return asked.code == "handed_over" or "CancellationRefused" in told or None

    await seen("the cancellation is refused", refused)
    assert (await town.order(order["order_id"]))["state"] == "CONFIRMED"
    assert (await town.parcel_in(parcel["shipment_id"], "HANDED_OVER"))["waybill"]


async def test_an_order_nobody_pays_expires_and_frees_its_pieces(town: Town) -> None:
    order = await town.buyer().order(town.line("pears", FEW), payment="prepaid")
    refused = await town.buyer().tries(town.line("pears"), payment="prepaid")
    assert (refused.status, refused.code) == (409, "out_of_stock")

    done = await town.order_in(order["order_id"], "EXPIRED")
    assert [line["state"] for line in done["lines"]] == ["RELEASED"]
    again = await town.buyer().order(town.line("pears", FEW))
    assert again["state"] == "CONFIRMED"


async def test_what_is_refused_at_the_door_comes_back_into_stock(town: Town) -> None:
    order = await town.buyer().order(town.line("plums", FEW))
    (parcel,) = await town.parcels(order["order_id"])
    assert (await town.buyer().tries(town.line("plums"))).code == "out_of_stock"
    await town.hand_over(parcel, "refuse")

    done = await town.order_in(order["order_id"], "CLOSED")
    assert [line["state"] for line in done["lines"]] == ["REFUSED"]
    await town.parcel_in(parcel["shipment_id"], "RESTOCKED")

    async def sold() -> Json | None:
        answer = await town.buyer().tries(town.line("plums", FEW))
        return answer.body if answer.status == 201 else None

    assert (await seen("the pieces can be ordered again", sold))["state"] == "CONFIRMED"

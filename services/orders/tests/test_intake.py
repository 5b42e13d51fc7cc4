"""Taking orders: all or nothing, each for itself, and what is agreed is told as it is kept."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.orders.domain.agreement import Rules
from services.orders.domain.lifecycle import code_digest
from services.orders.domain.order import Placed, PlaceOrder, Wanted
from services.orders.tests.market import RULES, Goods, Market, cny, old_id, order_of, request_of, touch_token
from services.orders.usecases.intake import Answer, Intake, Taken
from shared.contracts.event import Event
from shared.contracts.orders import ConfirmationCodeIssued, DeliveryDetailsGiven, OrderConfirmed, OrderPlaced
from shared.contracts.values import CommissionTerms, Floor, ListingId, Money, VariantId, WholesaleTerms
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id


def refused_with(code: str, refusal: Rejected) -> None:
    assert refusal.code == code, refusal


# What stands --------------------------------------------------------------------------------------------------------


async def test_cod_below_the_limit_is_confirmed_while_placing(market: Market) -> None:
    goods = await market.sell(Goods(price=19_999))
    order = await market.placed(order_of(goods))
    assert (order.state, order.payable, order.expires_at) == ("CONFIRMED", cny(19_999), None)
    told = [(name, position) for name, position, _ in await market.told(order.order_id)]
    assert told == [("OrderPlaced", 1), ("OrderConfirmed", 2), ("DeliveryDetailsGiven", 1)]
    assert await market.rows("SELECT state, events, personal_events FROM orders") == [("CONFIRMED", 2, 1)]
    assert await market.rows("SELECT state FROM lines") == [("CONFIRMED",)]
    assert await market.rows("SELECT state, cod_amount FROM supplier_orders") == [("CONFIRMED", 19_999)]
    assert await market.rows("SELECT kind FROM timers") == []


async def test_cod_from_the_limit_on_waits_for_a_code_that_only_the_phone_learns(market: Market) -> None:
    goods = await market.sell(Goods(price=20_000))
    order = await market.placed(order_of(goods))
    issued = (await market.told(order.order_id))[-1]
    assert (order.state, issued[0], issued[1]) == ("PLACED", "ConfirmationCodeIssued", 2)
    assert issued[2]["phone"] == order.asked.ship_to.phone
    (kept,) = (await market.rows("SELECT code_hash FROM orders"))[0]
    assert kept == code_digest(order.order_id, issued[2]["code"])
    assert await market.rows("SELECT kind, subject, due_at - now() > interval '23 hours' FROM timers") == [
        ("expire_order", order.order_id, True)
    ]


async def test_a_prepaid_order_waits_for_its_payment(market: Market) -> None:
    goods = await market.sell(Goods())
    order = await market.placed(order_of(goods, payment="prepaid"))
    assert order.state == "PLACED"
    assert await market.rows("SELECT payment_id, order_id, state, due, events FROM payments") == [
        (order.payment_id, order.order_id, "PENDING", 5_000, 0)
    ]
    assert await market.rows("SELECT cod_amount FROM supplier_orders") == [(None,)]
    assert await market.rows("SELECT subject FROM timers WHERE kind = 'expire_order'") == [(order.order_id,)]
    assert await market.rows("SELECT state FROM lines") == [("RESERVED",)]


async def test_what_is_told_is_what_was_agreed_and_what_is_kept(market: Market) -> None:
    goods = await market.sell(Goods())
    touch = touch_token(goods, ct=old_id(), pos=0, grp=old_id(), by="friend")
    order = await market.placed(order_of(goods, goods.wanted(3), touch=touch))
    (_, _, placed), (_, _, confirmed), *_ = await market.told(order.order_id)
    (placement,) = (await market.rows("SELECT placement FROM orders"))[0]
    assert OrderPlaced.model_validate({**placement, "expires_at": None}) == OrderPlaced.model_validate(placed)
    assert OrderConfirmed.model_validate({**placement, **confirmed}) == OrderConfirmed.model_validate(confirmed)
    assert (placed["entry_point"], placed["position"], placed["shared_by"]) == ("article", 0, "friend")
    assert confirmed["confirmed_by"] == "amount"
    assert placed["lines"][0]["amount"]["amount"] == 15_000
    assert "Li Lei" not in str(placed) + str(confirmed)


async def test_every_body_is_what_its_event_would_have_written(market: Market) -> None:
    tea, dear = await market.sell(Goods()), await market.sell(Goods(price=30_000))
    variant = VariantId(old_id())
    terms = WholesaleTerms(kind="wholesale", platform_ppm=10_000, floors=(Floor(variant_id=variant, price=cny(700)),))
    cake = await market.sell(Goods(variant_id=variant, terms=terms, creators_price=999))
    touch = touch_token(tea, ct=old_id(), pos=0, grp=old_id(), by="friend")
    await market.place(order_of(tea, touch=touch), order_of(dear), order_of(cake, payment="prepaid"))
    events: dict[str, type[Event]] = {
        each.type: each for each in (OrderPlaced, OrderConfirmed, DeliveryDetailsGiven, ConfirmationCodeIssued)
    }
    rows = await market.rows("SELECT type, body FROM outbox WHERE topic LIKE 'orders.%' AND type = ANY($1)", [*events])
    assert {kind for kind, _ in rows} == set(events)
    for kind, body in rows:
        assert orjson.loads(body) == events[kind].model_validate_json(body).payload()


async def test_three_lines_from_two_suppliers_by_wholesale_and_commission_with_a_referrer(market: Market) -> None:
    tea = await market.sell(Goods(price=3_333))
    pot = await market.sell(Goods(price=12_901, supplier_id=tea.supplier_id).beside(tea))
    variant = VariantId(old_id())
    floors = (Floor(variant_id=variant, price=cny(700)),)
    terms = WholesaleTerms(kind="wholesale", platform_ppm=10_000, floors=floors)
    cake = await market.sell(Goods(variant_id=variant, terms=terms, creators_price=999).beside(tea))
    lines = (tea.wanted(2), cake.wanted(3), pot.wanted(1))
    order = await market.placed(order_of(tea, *lines, touch=touch_token(tea, by="friend")))
    assert [line.amount.amount for line in order.lines] == [6_666, 2_997, 12_901]
    assert [[share.amount.amount for share in line.split] for line in order.lines] == [
        [5_466, 1_000, 133, 67],
        [2_100, 867, 30],
        [10_579, 1_935, 258, 129],
    ]
    assert all(sum(share.amount.amount for share in line.split) == line.amount.amount for line in order.lines)
    assert [(part.supplier_id, part.cod_amount) for part in order.supplier_orders] == [
        (tea.supplier_id, cny(19_567)),
        (cake.supplier_id, cny(2_997)),
    ]
    assert order.payable == cny(22_564)


async def test_an_expired_touch_pays_no_referrer(market: Market) -> None:
    goods = await market.sell(Goods())
    order = await market.placed(order_of(goods, touch=touch_token(goods, age_seconds=1_296_001, by="friend")))
    assert (order.origin.touch, order.origin.entry_point) == ("expired", "direct")
    assert [share.party_kind for share in order.lines[0].split] == ["supplier", "creator", "platform"]


async def test_another_currency_is_never_below_the_limit(market: Market) -> None:
    goods = await market.sell(Goods(price=1, currency="USD"))
    assert (await market.placed(order_of(goods))).state == "PLACED"


async def test_an_order_has_a_number_that_people_can_read_out(market: Market) -> None:
    goods = await market.sell(Goods())
    numbers = {(await market.placed(order_of(goods))).order_no for _ in range(3)}
    assert len(numbers) == 3
    assert all(re.fullmatch("[0-9]{6}(-[0-9A-HJKMNP-TV-Z]{5}){2}", number) for number in numbers)


async def test_a_load_test_is_marked_on_the_order_and_on_every_event(market: Market) -> None:
    goods = await market.sell(Goods(loadtest=True), 5)
    await market.db.pool.execute("DELETE FROM outbox")
    await market.placed(order_of(goods, goods.wanted(5), loadtest=True))
    assert await market.rows("SELECT loadtest FROM orders") == [(True,)]
    assert await market.rows("SELECT DISTINCT headers ->> 'ce_loadtest' FROM outbox") == [("true",)]


# What is refused, and leaves everything as it was -------------------------------------------------------------------


async def test_a_listing_nobody_made_is_unknown_and_one_made_just_now_may_still_come(market: Market) -> None:
    goods = await market.sell(Goods())
    refused_with("unknown_listing", await market.refused(order_of(goods, Wanted(ListingId(old_id()), 1, cny(1)))))
    fresh = await market.refused(order_of(goods, Wanted(ListingId(new_id()), 1, cny(1))))
    assert (fresh.code, fresh.retry_after_seconds) == ("not_ready", 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda goods: goods.product(state="withdrawn", version=2),
        lambda goods: goods.adoption(state="paused"),
        lambda goods: goods.adoption(state="ended"),
        lambda goods: goods.offer(state="ended"),
        lambda goods: goods.offer(valid_until="2021-01-01T00:00:00Z"),
        lambda goods: goods.offer(valid_from="2091-01-01T00:00:00Z"),
        lambda goods: goods.offer(versions=()),
        lambda goods: goods.adoption(
            listings=(
                {"listing_id": goods.listing_id, "variant_id": goods.variant_id, "price": None, "state": "paused"},
            )
        ),
    ],
    ids=["withdrawn", "paused", "given up", "offer ended", "offer over", "offer not yet", "no terms", "listing paused"],
)
async def test_what_is_not_for_sale_is_refused_with_the_reason(market: Market, change: Any) -> None:
    goods = await market.sell(Goods())
    await market.hear(change(goods))
    refusal = await market.refused(order_of(goods))
    refused_with("unknown_listing", refusal)
    assert refusal.extra["lines"][0]["reason"]


async def test_another_storefronts_listing_is_refused(market: Market) -> None:
    goods, other = await market.sell(Goods()), await market.sell(Goods())
    refused_with("unknown_listing", await market.refused(order_of(goods, other.wanted())))


@pytest.mark.parametrize("loadtest", [True, False])
async def test_load_tests_and_buyers_do_not_order_from_each_others_suppliers(market: Market, loadtest: bool) -> None:
    goods = await market.sell(Goods(loadtest=not loadtest))
    refused_with("unknown_listing", await market.refused(order_of(goods, loadtest=loadtest)))


async def test_a_price_that_changed_is_answered_with_the_price_in_force(market: Market) -> None:
    goods = await market.sell(Goods())
    refusal = await market.refused(order_of(goods, goods.wanted(1, cny(4_900))))
    refused_with("price_changed", refusal)
    assert refusal.extra["lines"] == [{"listing_id": goods.listing_id, "price": cny(5_000)}]


async def test_one_order_has_one_currency(market: Market) -> None:
    goods = await market.sell(Goods())
    dollars = await market.sell(Goods(currency="USD").beside(goods))
    refused_with("currency_mismatch", await market.refused(order_of([goods, dollars])))
    paid = Money(amount=5_000, currency="USD")
    refused_with("currency_mismatch", await market.refused(order_of(goods, goods.wanted(1, paid))))


async def test_more_than_there_is_is_refused_whole_with_the_lines_that_lack(market: Market) -> None:
    plenty = await market.sell(Goods())
    scarce = await market.sell(Goods().beside(plenty), 3)
    refusal = await market.refused(order_of(plenty, plenty.wanted(1), scarce.wanted(2), scarce.wanted(2)))
    refused_with("out_of_stock", refusal)
    lack = {"listing_id": scarce.listing_id, "variant_id": scarce.variant_id, "wanted": 4, "available": 3}
    assert refusal.extra["lines"] == [lack, lack]


async def test_cash_needs_a_supplier_that_takes_it(market: Market) -> None:
    goods = await market.sell(Goods(cod_allowed=False))
    refused_with("cod_not_available", await market.refused(order_of(goods)))
    assert (await market.placed(order_of(goods, payment="prepaid"))).state == "PLACED"


async def test_a_region_no_parcel_goes_to_is_refused(market: Market) -> None:
    goods = await market.sell(Goods(regions=("CN-SH", "CN-BJ")))
    refused_with("region_not_served", await market.refused(order_of(goods)))


@pytest.mark.parametrize("rules", [replace(RULES, max_lines=1), replace(RULES, max_quantity=1)])
async def test_limits_hold(market: Market, rules: Rules) -> None:
    goods = await market.sell(Goods())
    order = order_of(goods, goods.wanted(1), goods.wanted(2))
    refused_with("limit_exceeded", await market.refused(order, rules))


async def test_no_sum_comes_near_what_the_database_can_count(market: Market) -> None:
    goods = await market.sell(Goods(price=10**15))
    refused_with("limit_exceeded", await market.refused(order_of(goods, goods.wanted(2))))


async def test_a_forged_touch_is_refused(market: Market) -> None:
    goods = await market.sell(Goods())
    refused_with("touch_invalid", await market.refused(order_of(goods, touch=touch_token(goods, key=b"x"))))


async def test_a_price_under_the_floor_or_rates_over_the_line_are_refused(market: Market) -> None:
    variant = VariantId(old_id())
    floors = (Floor(variant_id=variant, price=cny(1_000)),)
    wholesale = WholesaleTerms(kind="wholesale", platform_ppm=0, floors=floors)
    cheap = await market.sell(Goods(variant_id=variant, terms=wholesale, creators_price=999))
    refused_with("price_below_floor", await market.refused(order_of(cheap)))
    greedy = CommissionTerms(kind="commission", creator_ppm=900_000, referrer_ppm=0, platform_ppm=200_000)
    refused_with("split_exceeds_line", await market.refused(order_of(await market.sell(Goods(terms=greedy)))))


async def test_a_buyer_gets_so_many_of_a_hot_variant_however_they_order(market: Market) -> None:
    goods, other = await market.sell(Goods()), await market.sell(Goods())
    rules = replace(RULES, hot=frozenset({goods.variant_id}), hot_pieces=3)
    two = order_of(goods, goods.wanted(1), goods.wanted(1))
    first, second, another = await market.place(two, two, replace(two, buyer_ref="b2"), rules=rules)
    assert (type(first), type(another)) == (Placed, Placed)
    assert isinstance(second, Rejected) and second.code == "limit_exceeded"
    refused_with("limit_exceeded", await market.refused(two, rules))
    await market.placed(order_of(goods), rules)
    await market.placed(order_of(other, other.wanted(9)), rules)


# Many at once -------------------------------------------------------------------------------------------------------


async def test_a_bad_order_in_a_list_does_not_fail_its_neighbours(market: Market) -> None:
    goods = await market.sell(Goods(), 3)
    good, unknown = order_of(goods), order_of(goods, Wanted(ListingId(old_id()), 1, cny(1)))
    dear, too_many = order_of(goods, goods.wanted(1, cny(1))), order_of(goods, goods.wanted(3))
    answers = await market.place(good, unknown, dear, too_many, good, good, good)
    codes = [answer.code if isinstance(answer, Rejected) else answer.state for answer in answers]
    assert codes == [
        "CONFIRMED",
        "unknown_listing",
        "price_changed",
        "out_of_stock",
        "CONFIRMED",
        "CONFIRMED",
        "out_of_stock",
    ]
    assert await market.stock_of(goods) == (3, 3, 0)
    assert await market.rows("SELECT count(*) FROM orders") == [(3,)]


async def test_two_buyers_of_the_last_piece_get_one_between_them(market: Market) -> None:
    goods = await market.sell(Goods(), 1)
    answers = await asyncio.gather(*(market.place(order_of(goods)) for _ in range(2)))
    assert sorted(type(answer).__name__ for (answer,) in answers) == ["Placed", "Rejected"]
    assert await market.stock_of(goods) == (1, 1, 0)


async def test_many_lists_at_once_sell_exactly_what_there_is(market: Market) -> None:
    goods = await market.sell(Goods(), 30)
    other = await market.sell(Goods().beside(goods), 1_000)
    cart, backwards = order_of([goods, other]), order_of([other, goods])
    answers = await asyncio.gather(*(market.place(cart, backwards, cart) for _ in range(16)))
    assert sum(isinstance(answer, Placed) for batch in answers for answer in batch) == 30
    assert (await market.stock_of(goods), await market.stock_of(other)) == ((30, 30, 0), (1_000, 30, 0))


async def test_one_key_at_once_in_several_processes_makes_one_order(market: Market) -> None:
    goods = await market.sell(Goods())
    asked = request_of(order_of(goods), "k")
    desks = [Intake(lambda: RULES) for _ in range(6)]

    async def ask(desk: Intake) -> list[Answer]:
        return await market.db.run(lambda tx: desk.take_orders(tx, [asked]))

    answers = await asyncio.gather(*map(ask, desks))
    taken = [answer for (answer,) in answers if isinstance(answer, Taken)]
    assert (len(taken), sum(not answer.replayed for answer in taken)) == (6, 1)
    assert len({answer.order.placement["order_id"] for answer in taken}) == 1
    assert await market.stock_of(goods) == (100, 1, 0)


async def test_a_key_is_free_again_after_its_seven_days(market: Market) -> None:
    goods, desk = await market.sell(Goods()), Intake(lambda: RULES)
    asked = request_of(order_of(goods), "k")
    for replayed in (False, True):
        (answer,) = await market.db.run(lambda tx: desk.take_orders(tx, [asked]))
        assert isinstance(answer, Taken) and answer.replayed is replayed
    await market.db.pool.execute("UPDATE idempotency SET created_at = now() - interval '8 days'")
    (answer,) = await market.db.run(lambda tx: desk.take_orders(tx, [asked]))
    assert isinstance(answer, Taken) and not answer.replayed
    assert await market.rows("SELECT count(*) FROM idempotency") == [(1,)]


@pytest.mark.parametrize("payment", ["cod", "prepaid"])
async def test_a_long_list_takes_as_many_statements_as_a_short_one(market: Market, payment: Any) -> None:
    goods = await market.sell(Goods(price=30_000), 1_000)
    order = order_of(goods, payment=payment)
    assert await statements(market, [order] * 20) == await statements(market, [order])


async def statements(market: Market, orders: list[PlaceOrder]) -> int:
    count = 0

    def seen(_: Any) -> None:
        nonlocal count
        count += 1

    async with market.db.transaction() as tx:
        with tx.query_logger(seen):
            await Intake(lambda: RULES).take_orders(tx, [request_of(order) for order in orders])
    return count

"""Bad input is refused with its code, by whichever service it meets, and nothing comes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.kernel.auth import mint
from shared.kernel.ids import derived_id, new_id
from tests.journey.town import ADDRESS, FARM, Town, seen
from wanpu import keys
from wanpu.demo.client import Answer, Json, money
from wanpu.demo.market import onboard
from wanpu.demo.samples import Deal, Item, Supplier
from wanpu.local.stack import Stack

LONG_AGO = "0188a1d0-0000-7000-8000-000000000001"  # a UUIDv7 of 2023: too old to be still on its way


def changed(body: Json, **changes: object) -> Json:
    return {**body, **changes}


def with_line(body: Json, **changes: object) -> Json:
    return {**body, "lines": [{**body["lines"][0], **changes}]}


BAD_ORDERS: dict[str, tuple[Callable[[Json], Json], int, str | None]] = {
    "an unknown field": (lambda body: changed(body, gift=True), 422, "validation_failed"),
    "an unknown field deeper down": (lambda body: with_line(body, gift=True), 422, "validation_failed"),
    "a wrong type": (lambda body: with_line(body, qty="1"), 422, "validation_failed"),
    "no pieces": (lambda body: with_line(body, qty=0), 422, "validation_failed"),
    "fewer than none": (lambda body: with_line(body, qty=-1), 422, "validation_failed"),
    "half a fen": (lambda body: with_line(body, unit_price=money(4500) | {"amount": 0.5}), 422, "validation_failed"),
    "no lines": (lambda body: changed(body, lines=[]), 422, "validation_failed"),
    "another currency": (lambda body: with_line(body, unit_price=money(4500, "USD")), 422, "currency_mismatch"),
    "another price": (lambda body: with_line(body, unit_price=money(1)), 409, "price_changed"),
    "an unknown listing": (lambda body: with_line(body, listing_id=LONG_AGO), 422, "unknown_listing"),
    "another buyer's name": (lambda body: changed(body, buyer_ref="somebody else"), 403, "forbidden"),
    "a touch that is none": (lambda body: changed(body, touch="v1.x.y.z"), 422, "touch_invalid"),
    "too many pieces": (lambda body: with_line(body, qty=1_001), 409, "limit_exceeded"),
    "a body over the limit": (lambda body: changed(body, ship_to=ADDRESS | {"name": "x" * 300_000}), 413, None),
}


@pytest.mark.parametrize("what", BAD_ORDERS)
async def test_a_bad_order_is_refused_by_its_code(town: Town, what: str) -> None:
    spoil, status, code = BAD_ORDERS[what]
    buyer = town.buyer()
    answer = await buyer.caller.order(spoil(buyer.body(town.line("honey"))))
    assert answer.status == status, answer
    assert code is None or answer.code == code
    assert await buyer.orders() == []


async def test_an_expired_token_is_refused(town: Town, stack: Stack) -> None:
    private = (stack.secrets / keys.OPERATOR / keys.SIGNING_KEY).read_text()
    late = {"authorization": f"Bearer {mint(private, 'operator', 'demo', -1)}"}
    answer = await town.platform.send("GET", "orders", f"/orders/{new_id()}", headers=late)
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_a_role_that_may_not_call_is_refused(town: Town) -> None:
    body = {"name": "Mine", "kinds": ["good"], "regions": [], "cod_allowed": True}
    answer = await town.buyer().caller.ask("POST", "catalog", "/suppliers", body)
    assert (answer.status, answer.code) == (403, "forbidden")


async def test_an_order_without_a_key_is_refused(town: Town) -> None:
    buyer = town.buyer()
    bearer = {"authorization": f"Bearer {buyer.caller._token}"}
    body = buyer.body(town.line("honey"))
    answer = await town.platform.send("POST", "orders", "/orders", json=body, headers=bearer)
    assert (answer.status, answer.code) == (400, "idempotency_key_required")


async def test_the_same_key_answers_the_same_and_another_body_is_refused(town: Town) -> None:
    buyer, key = town.buyer(), new_id()
    first, again = [await ask(town, buyer.body(town.line("honey")), buyer.caller.party, key) for _ in range(2)]
    assert first.status == again.status == 201
    assert first.body == again.body
    other = await ask(town, buyer.body(town.line("honey", 2)), buyer.caller.party, key)
    assert (other.status, other.code) == (422, "idempotency_key_reused")
    assert len(await buyer.orders()) == 1


async def ask(town: Town, body: Json, party: str, key: str) -> Answer:
    return await town.platform.caller("buyer", party).ask("POST", "orders", "/orders", body, key=key)


@pytest.fixture(scope="session")
async def stall(town: Town) -> Json:
    """A supplier with two small offers, one adopted by the shop, for what becomes of them."""
    sample = Supplier(
        "摊 The Stall",
        "CN-FJ",
        (
            Item("figs", "无花果 Figs", "food", (("a box", 3000),)),
            Item("nuts", "核桃 Walnuts", "food", (("1 kg", 4000),)),
        ),
        (Deal("commission", ("figs",), 100_000), Deal("wholesale", ("nuts",), floor_percent=80)),
    )
    figs, nuts = await onboard(town.market, sample)
    creator = town.platform.caller("creator", town.shop.creator_id)
    adoptions = f"/storefronts/{town.shop.storefront_id}/adoptions"
    taken = await creator.post("storefront", adoptions, {"offer_id": figs.offer_id})
    return {
        "supplier": figs.variants[0].supplier_id,
        "figs": figs,
        "nuts": nuts,
        "listing_id": taken["listings"][0]["listing_id"],
        "adoptions": adoptions,
    }


async def test_a_wholesale_price_below_the_floor_is_refused(town: Town, stall: Json) -> None:
    creator = town.platform.caller("creator", town.shop.creator_id)
    nuts = stall["nuts"]
    prices = [{"variant_id": nuts.variants[0].variant_id, "price": money(3100)}]
    body = {"offer_id": nuts.offer_id, "prices": prices}
    answer = await creator.ask("POST", "storefront", stall["adoptions"], body)
    assert (answer.status, answer.code) == (422, "price_below_floor")


async def test_a_split_whose_rates_exceed_the_line_is_refused(town: Town, stall: Json) -> None:
    supplier = town.platform.caller("supplier", stall["supplier"])
    rates = {"creator_ppm": 900_000, "referrer_ppm": 90_000, "platform_ppm": 20_000}
    body = {
        "supplier_id": stall["supplier"],
        "variant_ids": [stall["figs"].variants[0].variant_id],
        "terms": {"kind": "commission", **rates},
        "adoption": "open",
    }
    answer = await supplier.ask("POST", "catalog", "/offers", body)
    assert (answer.status, answer.code) == (422, "split_exceeds_line")


async def test_what_its_supplier_took_off_sale_can_neither_be_ordered_nor_adopted(town: Town, stall: Json) -> None:
    buyer = town.buyer()
    line = {"listing_id": stall["listing_id"], "qty": 1, "unit_price": money(3000)}

    async def on_sale() -> bool | None:
        return (await buyer.tries(line)).status == 201 or None

    await seen("figs are on sale", on_sale)
    supplier = town.platform.caller("supplier", stall["supplier"])
    await supplier.post("catalog", f"/offers/{stall['figs'].offer_id}/end")

    async def refused() -> Answer | None:
        answer = await buyer.tries(line)
        return answer if answer.status != 201 else None

    assert (await seen("figs are off sale", refused)).code in ("unknown_listing", "not_ready")
    creator = town.platform.caller("creator", town.shop.creator_id)

    async def not_adopted() -> Answer | None:
        answer = await creator.ask("POST", "storefront", stall["adoptions"], {"offer_id": stall["figs"].offer_id})
        return answer if answer.code == "offer_ended" else None

    assert (await seen("an ended offer is not adopted", not_adopted)).status == 409


async def test_an_id_of_nothing_answers_404(town: Town) -> None:
    for service, path in (("orders", "/orders/"), ("logistics", "/shipments/"), ("catalog", "/offers/")):
        for nothing in (new_id(), derived_id(new_id(), FARM.name), "not-an-id"):
            assert (await town.platform.operator.ask("GET", service, path + nothing)).status == 404

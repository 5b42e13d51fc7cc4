"""Suppliers and their products, through the edge."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from services.catalog.tests.world import Caller, Shop, World, cny, product_body, supplier_body
from shared.contracts.catalog import PriceChanged, ProductPublished, ProductState, ProductWithdrawn, SupplierOnboarded

OpenShop = Callable[..., Awaitable[Shop]]


async def test_a_supplier_is_admitted_and_told_of_once(world: World, operator: Caller) -> None:
    answer = await operator.post("/suppliers", supplier_body(), key=None)
    assert answer.status_code == 201
    (event,) = await world.told()
    assert isinstance(event, SupplierOnboarded)
    assert (event.supplier_id, event.position, event.name) == (answer.json()["supplier_id"], 1, "青山茶园")
    assert (event.kinds, event.regions, event.cod_allowed, event.loadtest) == (("good",), ("CN-ZJ",), True, False)


async def test_only_an_operator_admits_suppliers(world: World, shop: Shop) -> None:
    before = await world.rows()
    assert (await shop.owner.post("/suppliers", supplier_body(loadtest=True))).status_code == 403
    assert await world.rows() == before


async def test_a_load_test_admits_suppliers_for_load_tests_only(world: World) -> None:
    tester = world.caller("operator", "op-2", loadtest=True)
    refused = await tester.post("/suppliers", supplier_body())
    assert (refused.status_code, refused.json()["code"]) == (403, "loadtest_only")
    assert await world.told() == []
    assert (await tester.post("/suppliers", supplier_body(loadtest=True))).status_code == 201
    headers = await world.db.pool.fetchval("SELECT headers FROM outbox")
    assert headers["ce_loadtest"] == "true"


async def test_a_load_test_cannot_touch_a_real_suppliers_goods(world: World, shop: Shop) -> None:
    tester = world.caller("operator", "op-2", loadtest=True)
    lines = [{"variant_id": shop.variants[0], "delta": 5, "reason": "load"}]
    before = await world.rows()
    for path, body in [
        (f"/products/{shop.product_id}/publish", None),
        ("/stock-deliveries", {"lines": lines}),
        ("/offers", shop.offer_body()),
        ("/products", product_body(shop.supplier_id)),
    ]:
        answer = await tester.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "loadtest_only")
    assert await world.rows() == before


async def test_a_new_product_is_a_draft_that_nobody_is_told_of(world: World, shop: Shop) -> None:
    body = product_body(shop.supplier_id, variants=[{"sku": "cup", "spec": {}, "list_price": cny(900)}])
    answer = await shop.owner.post("/products", body, key=None)
    assert answer.status_code == 201
    assert answer.json()["state"] == "draft"
    assert [variant["sku"] for variant in answer.json()["variants"]] == ["cup"]
    assert [event for event in await world.told() if isinstance(event, ProductState)] == []


async def test_publishing_tells_the_whole_product(world: World, shop: Shop) -> None:
    answer = await shop.owner.post(f"/products/{shop.product_id}/publish", key=None)
    assert (answer.status_code, answer.json()["state"]) == (200, "published")
    event = (await world.told())[-1]
    assert isinstance(event, ProductPublished)
    assert (event.position, event.state, event.version, event.supplier_id) == (1, "published", 2, shop.supplier_id)
    assert [(each.variant_id, each.list_price.amount) for each in event.variants] == list(
        zip(shop.variants, (12_900, 28_800), strict=True)
    )


async def test_a_products_stream_counts_its_events_without_a_hole(world: World, shop: Shop) -> None:
    product, variant = f"/products/{shop.product_id}", f"/variants/{shop.variants[0]}"
    await shop.owner.made(f"{product}/publish")
    await shop.owner.made(f"{product}/publish")
    await shop.owner.made(f"{variant}/price", {"list_price": cny(13_900)})
    await shop.owner.made(f"{variant}/price", {"list_price": cny(13_900)})
    await shop.owner.made(f"{product}/withdraw")
    await shop.owner.made(f"{product}/withdraw")
    await shop.owner.made(f"{product}/publish")
    told = [(type(each), each.position) for each in await world.told() if each.key == shop.product_id]
    assert told == [(ProductPublished, 1), (PriceChanged, 2), (ProductWithdrawn, 3), (ProductPublished, 4)]


async def test_concurrent_changes_of_a_product_leave_no_hole_in_its_stream(world: World, shop: Shop) -> None:
    await asyncio.gather(
        *(shop.owner.made(f"/variants/{shop.variants[n % 2]}/price", {"list_price": cny(1_000 + n)}) for n in range(20))
    )
    positions = [event.position for event in await world.told() if event.key == shop.product_id]
    assert positions == list(range(1, 21))


async def test_a_price_change_says_before_and_after(world: World, shop: Shop) -> None:
    answer = await shop.owner.made(f"/variants/{shop.variants[1]}/price", {"list_price": cny(30_000)})
    assert answer["list_price"] == cny(30_000)
    event = (await world.told())[-1]
    assert isinstance(event, PriceChanged)
    assert (event.variant_id, event.price_before.amount, event.price_after.amount) == (shop.variants[1], 28_800, 30_000)
    assert [variant.list_price.amount for variant in event.variants] == [12_900, 30_000]


async def test_a_price_in_capital_letters_of_its_id_is_the_same_variants(world: World, shop: Shop) -> None:
    answer = await shop.owner.made(f"/variants/{shop.variants[1].upper()}/price", {"list_price": cny(30_000)})
    assert answer["variant_id"] == shop.variants[1]


async def test_the_price_of_a_withdrawn_product_stays(world: World, shop: Shop) -> None:
    await shop.owner.made(f"/products/{shop.product_id}/publish")
    await shop.owner.made(f"/products/{shop.product_id}/withdraw")
    before = await world.rows()
    answer = await shop.owner.post(f"/variants/{shop.variants[0]}/price", {"list_price": cny(1)})
    assert (answer.status_code, answer.json()["code"]) == (409, "product_withdrawn")
    assert await world.rows() == before


async def test_a_draft_is_not_withdrawn(world: World, shop: Shop) -> None:
    before = await world.rows()
    answer = await shop.owner.post(f"/products/{shop.product_id}/withdraw")
    assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
    assert await world.rows() == before


async def test_a_price_change_with_the_same_key_happens_once(world: World, shop: Shop) -> None:
    path, body = f"/variants/{shop.variants[0]}/price", {"list_price": cny(1_500)}
    first = await shop.owner.post(path, body, key="again")
    await shop.owner.made(path, {"list_price": cny(1_600)})
    second = await shop.owner.post(path, body, key="again")
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
    shown = (await shop.owner.get(f"/products/{shop.product_id}")).json()
    assert shown["variants"][0]["list_price"] == cny(1_600)


async def test_a_key_is_not_for_another_body(shop: Shop) -> None:
    path = f"/variants/{shop.variants[0]}/price"
    await shop.owner.post(path, {"list_price": cny(1_500)}, key="again")
    answer = await shop.owner.post(path, {"list_price": cny(1_600)}, key="again")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_two_suppliers_may_use_the_same_sku(open_shop: OpenShop) -> None:
    first, second = await open_shop(), await open_shop(name="另一家")
    assert first.variants != second.variants


async def test_an_operator_acts_for_any_supplier(operator: Caller, shop: Shop) -> None:
    await operator.made(f"/products/{shop.product_id}/publish")
    assert (await operator.get(f"/products/{shop.product_id}")).json()["state"] == "published"


async def test_a_supplier_sees_itself_and_its_product(shop: Shop) -> None:
    assert (await shop.owner.get(f"/suppliers/{shop.supplier_id}")).json()["name"] == "青山茶园"
    product = (await shop.owner.get(f"/products/{shop.product_id}")).json()
    assert [variant["weight_g"] for variant in product["variants"] if "weight_g" in variant] == [120]

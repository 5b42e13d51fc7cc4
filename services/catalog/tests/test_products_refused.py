"""What is refused of suppliers and products: it writes nothing and tells nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.catalog.tests.world import Caller, Shop, World, cny, product_body, supplier_body

OpenShop = Callable[..., Awaitable[Shop]]


async def test_a_sku_is_taken_once_a_supplier(world: World, shop: Shop) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/products", product_body(shop.supplier_id))
    assert (answer.status_code, answer.json()["code"]) == (409, "sku_taken")
    assert answer.json()["skus"] == ["tea-100", "tea-250"]
    assert await world.rows() == before


async def test_a_sku_twice_in_one_product_is_refused(world: World, shop: Shop) -> None:
    cup = {"sku": "cup", "spec": {}, "list_price": cny(900)}
    before = await world.rows()
    answer = await shop.owner.post("/products", product_body(shop.supplier_id, variants=[cup, cup]))
    assert (answer.status_code, answer.json()["code"], answer.json()["skus"]) == (409, "sku_taken", ["cup"])
    assert await world.rows() == before


async def test_a_supplier_sells_only_the_kinds_it_was_admitted_for(world: World, shop: Shop) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/products", product_body(shop.supplier_id, kind="service"))
    assert (answer.status_code, answer.json()["code"]) == (422, "kind_not_supplied")
    assert await world.rows() == before


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in supplier_body().items() if key != name}


@pytest.mark.parametrize(
    "body",
    [
        supplier_body(rating=5),
        supplier_body(name=7),
        supplier_body(name="  "),
        supplier_body(kinds=[]),
        supplier_body(kinds=["good", "good"]),
        supplier_body(kinds=["gift"]),
        supplier_body(regions=["Zhejiang"]),
        supplier_body(cod_allowed="true"),
        _without("name"),
    ],
)
async def test_a_malformed_supplier_is_refused(world: World, operator: Caller, body: dict[str, Any]) -> None:
    answer = await operator.post("/suppliers", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["errors"]
    assert await world.told() == []


CUP = {"sku": "cup", "spec": {}, "list_price": cny(900)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"colour": "green"}, "validation_failed"),
        ({"variants": []}, "validation_failed"),
        ({"variants": [CUP | {"stock": 5}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": cny(0)}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": cny(-900)}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": {"amount": 9.5, "currency": "CNY"}}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": {"amount": "900", "currency": "CNY"}}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": cny(10**12)}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": cny(900) | {"tax": 1}}]}, "validation_failed"),
        ({"variants": [CUP | {"list_price": {"amount": 900, "currency": "USD"}}]}, "currency_mismatch"),
        ({"media": ["javascript:alert(1)"]}, "validation_failed"),
        ({"title": "tea\x00"}, "validation_failed"),
        ({"supplier_id": "tea"}, "validation_failed"),
    ],
)
async def test_a_malformed_product_is_refused(world: World, shop: Shop, change: dict[str, Any], code: str) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/products", product_body(shop.supplier_id, variants=[CUP]) | change)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.rows() == before


@pytest.mark.parametrize(
    ("price", "code"),
    [
        (cny(0), "validation_failed"),
        (cny(-1), "validation_failed"),
        (cny(5) | {"currency": "EUR"}, "currency_mismatch"),
    ],
)
async def test_a_price_that_is_none_is_refused(world: World, shop: Shop, price: dict[str, Any], code: str) -> None:
    before = await world.rows()
    answer = await shop.owner.post(f"/variants/{shop.variants[0]}/price", {"list_price": price})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await world.rows() == before


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b'{"list_price": {"amount": 5, "currency": "\\ud800"}}', 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b"[]", 422, "validation_failed"),
    ],
)
async def test_a_body_that_is_no_price_is_refused(
    world: World, shop: Shop, body: bytes, status: int, code: str
) -> None:
    before = await world.rows()
    headers = {"authorization": f"Bearer {shop.owner.token}", "idempotency-key": "odd"}
    answer = await world.http.post(f"/variants/{shop.variants[0]}/price", content=body, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await world.rows() == before


async def test_a_body_over_the_limit_is_refused(world: World, shop: Shop) -> None:
    before = await world.rows()
    answer = await shop.owner.post("/products", product_body(shop.supplier_id, description="x" * 300_000))
    assert answer.status_code == 413
    assert await world.rows() == before


async def test_someone_elses_product_is_not_found(world: World, shop: Shop, stranger: Caller) -> None:
    before = await world.rows()
    for path, body in [
        (f"/products/{shop.product_id}/publish", None),
        (f"/products/{shop.product_id}/withdraw", None),
        (f"/variants/{shop.variants[0]}/price", {"list_price": cny(1)}),
        ("/products", product_body(shop.supplier_id)),
    ]:
        assert (await stranger.post(path, body)).status_code == 404
    for path in (f"/products/{shop.product_id}", f"/suppliers/{shop.supplier_id}"):
        assert (await stranger.get(path)).status_code == 404
    assert await world.rows() == before


async def test_what_does_not_exist_is_not_found(operator: Caller, shop: Shop) -> None:
    unknown = shop.supplier_id
    for path in (f"/products/{unknown}/publish", f"/products/{unknown}/withdraw"):
        assert (await operator.post(path)).status_code == 404
    assert (await operator.post(f"/variants/{unknown}/price", {"list_price": cny(1)})).status_code == 404
    assert (await operator.post("/products", product_body(shop.product_id))).status_code == 404
    assert (await operator.get("/products/tea")).status_code == 404


async def test_a_buyer_may_not_call(world: World, shop: Shop) -> None:
    buyer = world.caller("buyer", "buyer-1")
    assert (await buyer.post(f"/products/{shop.product_id}/publish")).status_code == 403


async def test_a_forged_token_writes_nothing(world: World, shop: Shop) -> None:
    before = await world.rows()
    forged = Caller(world.http, shop.owner.token[:-6] + "AAAAAA")
    answer = await forged.post(f"/products/{shop.product_id}/publish")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert await world.rows() == before

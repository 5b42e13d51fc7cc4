"""What other teams read of the catalog: its OpenAPI and AsyncAPI documents."""

from __future__ import annotations

from openapi_spec_validator import validate

from services.catalog import main
from services.catalog.tests.world import World
from shared.contracts import ALL_EVENTS, catalog

CALLS = {
    "POST /suppliers",
    "GET /suppliers/{supplier_id}",
    "POST /products",
    "GET /products/{product_id}",
    "POST /products/{product_id}/publish",
    "POST /products/{product_id}/withdraw",
    "POST /variants/{variant_id}/price",
    "POST /stock-deliveries",
    "POST /slots",
    "GET /slots/{slot_id}",
    "POST /offers",
    "GET /offers/{offer_id}",
    "POST /offers/{offer_id}/terms",
    "POST /offers/{offer_id}/end",
}


async def test_the_openapi_document_is_valid_and_has_every_call(world: World) -> None:
    document = (await world.http.get("/openapi.json")).json()
    validate(document)
    calls = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert calls == CALLS


async def test_what_moves_money_or_stock_needs_a_key(world: World) -> None:
    paths = (await world.http.get("/openapi.json")).json()["paths"]
    keyed = {
        path
        for path, methods in paths.items()
        for parameter in methods.get("post", {}).get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }
    assert keyed == {"/variants/{variant_id}/price", "/stock-deliveries", "/slots", "/offers/{offer_id}/terms"}


def test_the_asyncapi_document_shows_every_event_with_its_fields() -> None:
    document = main.worker.schema.to_specification().to_jsonable()
    payloads = {name.split(":")[0]: schema for name, schema in document["components"]["schemas"].items()}
    for event in (event for event in ALL_EVENTS if event.topic.owner == catalog.PRODUCTS.owner):
        assert any(channel["address"] == event.topic.name for channel in document["channels"].values())
        assert set(payloads[event.__name__]["properties"]) == set(event.model_fields)

"""The service as tools see it."""

from __future__ import annotations

from openapi_spec_validator import validate

from services.storefront import consumers
from services.storefront.tests.world import World
from shared.contracts import ALL_EVENTS


async def test_the_openapi_document_is_valid_and_names_every_call(world: World) -> None:
    document = (await world.http.get("/openapi.json")).json()
    validate(document)
    for path in (
        *("/creators", "/storefronts", "/storefronts/{storefront_id}/adoptions", "/adoptions/{adoption_id}/pause"),
        *("/adoptions/{adoption_id}/resume", "/adoptions/{adoption_id}/end", "/listings/{listing_id}/price"),
        *("/storefronts/{storefront_id}/listings", "/storefronts/{storefront_id}/contents", "/touches"),
        *("/s/{slug}", "/s/{slug}/c/{content_id}", "/s/{slug}/p/{listing_id}", "/s/{slug}/p/{listing_id}/buy"),
    ):
        assert path in document["paths"]


def test_it_hears_four_topics_and_keeps_only_the_newest_of_each() -> None:
    subscriptions = consumers.reactions().subscriptions
    modes = {name: subscription.mode.value for name, subscription in subscriptions.items()}
    assert modes == dict.fromkeys(
        ("catalog.suppliers", "catalog.products", "catalog.offers", "orders.availability"), "latest"
    )
    for subscription in subscriptions.values():
        of_topic = {event.type for event in ALL_EVENTS if event.topic == subscription.topic}
        assert subscription.reactions.keys() == of_topic, "an event passed over would leave the mirror behind"

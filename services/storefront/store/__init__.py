"""The storefront's SQL, a file a subject."""

from services.storefront.store.adoptions import (
    insert_adoption,
    lock_adoption,
    lock_adoptions_of_offer,
    select_adoption,
    select_adoption_id,
    update_adoption_state,
    update_listing_price,
    update_listings_paused,
)
from services.storefront.store.contents import (
    insert_content,
    select_content,
    select_contents,
    select_own_listings,
)
from services.storefront.store.mirrors import (
    select_offer_for_share,
    upsert_availability,
    upsert_offers,
    upsert_products,
    upsert_suppliers,
)
from services.storefront.store.shelf import select_list_prices, select_shelf, select_shelved
from services.storefront.store.shops import (
    insert_creator,
    insert_storefront,
    select_creator,
    select_storefront,
    select_storefront_by_slug,
)

__all__ = [
    "insert_adoption",
    "insert_content",
    "insert_creator",
    "insert_storefront",
    "lock_adoption",
    "lock_adoptions_of_offer",
    "select_adoption",
    "select_adoption_id",
    "select_content",
    "select_contents",
    "select_creator",
    "select_list_prices",
    "select_offer_for_share",
    "select_own_listings",
    "select_shelf",
    "select_shelved",
    "select_storefront",
    "select_storefront_by_slug",
    "update_adoption_state",
    "update_listing_price",
    "update_listings_paused",
    "upsert_availability",
    "upsert_offers",
    "upsert_products",
    "upsert_suppliers",
]

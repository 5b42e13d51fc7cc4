"""Adoptions and their listings; the adoption's row is the lock for both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from services.storefront.domain import Adoption, Listing
from shared.contracts.values import AdoptionId, ListingId, Money, OfferId
from shared.kernel.database import Row, Tx, columns

# The partial unique index decides: of two adoptions of an offer at once the second inserts nothing.
_INSERT_ADOPTION = """
    INSERT INTO adoptions (adoption_id, storefront_id, creator_id, offer_id, offer_version, supplier_id)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (storefront_id, offer_id) WHERE state <> 'ended' DO NOTHING RETURNING adoption_id
"""
_INSERT_LISTINGS = """
    INSERT INTO listings (listing_id, adoption_id, storefront_id, variant_id, price, currency)
    SELECT listing_id, $1, $2, variant_id, price, currency
      FROM unnest($3::uuid[], $4::uuid[], $5::bigint[], $6::text[]) AS l (listing_id, variant_id, price, currency)
"""


async def insert_adoption(tx: Tx, new: Adoption) -> bool:
    """False when the storefront has adopted the offer already."""
    row = (new.adoption_id, new.storefront_id, new.creator_id, new.offer_id, new.offer_version, new.supplier_id)
    if await tx.fetchval(_INSERT_ADOPTION, *row) is None:
        return False
    rows = [(each.listing_id, each.variant_id, *_money(each.price)) for each in new.listings]
    await tx.execute(_INSERT_LISTINGS, new.adoption_id, new.storefront_id, *columns(rows, 4))
    return True


_COLUMNS = "adoption_id, storefront_id, creator_id, offer_id, offer_version, supplier_id, state, version, events"
_SELECT_ONE = f"SELECT {_COLUMNS} FROM adoptions WHERE adoption_id = $1"  # noqa: S608
_LOCK_ONE = f"{_SELECT_ONE} FOR UPDATE"


async def lock_adoption(tx: Tx, adoption_id: AdoptionId) -> Adoption | None:
    """The adoption, its row locked. Whoever locks its offer too locks the offer first."""
    found = await _with_listings(tx, await tx.fetch(_LOCK_ONE, adoption_id))
    return found[0] if found else None


async def select_adoption(tx: Tx, adoption_id: AdoptionId) -> Adoption | None:
    """The adoption as it is now, unlocked."""
    found = await _with_listings(tx, await tx.fetch(_SELECT_ONE, adoption_id))
    return found[0] if found else None


_SELECT_ADOPTION_ID = "SELECT adoption_id FROM listings WHERE listing_id = $1"


async def select_adoption_id(tx: Tx, listing_id: ListingId) -> AdoptionId | None:
    """Which adoption a listing belongs to: it never moves to another."""
    found: AdoptionId | None = await tx.fetchval(_SELECT_ADOPTION_ID, listing_id)
    return found


_LOCK_OF_OFFER = f"""
    SELECT {_COLUMNS} FROM adoptions
     WHERE offer_id = $1 AND state <> 'ended' AND ($2::uuid IS NULL OR adoption_id > $2)
     ORDER BY adoption_id LIMIT $3 FOR UPDATE
"""  # noqa: S608


async def lock_adoptions_of_offer(tx: Tx, offer_id: OfferId, after: str | None, limit: int) -> list[Adoption]:
    """At most `limit` adoptions of an offer that have not ended, in the order of their ids, after one of them."""
    return await _with_listings(tx, await tx.fetch(_LOCK_OF_OFFER, offer_id, after, limit))


_SELECT_LISTINGS = """
    SELECT listing_id, adoption_id, variant_id, price, currency, state FROM listings
     WHERE adoption_id = ANY ($1::uuid[]) ORDER BY listing_id
"""


async def _with_listings(tx: Tx, rows: Sequence[Row]) -> list[Adoption]:
    listings: dict[str, list[Listing]] = defaultdict(list)
    for row in await tx.fetch(_SELECT_LISTINGS, [row["adoption_id"] for row in rows]) if rows else ():
        price = None if row["price"] is None else Money(amount=row["price"], currency=row["currency"])
        listings[row["adoption_id"]].append(Listing(row["listing_id"], row["variant_id"], price, row["state"]))
    return [Adoption(**row, listings=tuple(listings[row["adoption_id"]])) for row in rows]


_UPDATE_STATE = """
    UPDATE adoptions SET state = $2, version = version + 1, events = events + 1
     WHERE adoption_id = $1 AND state = ANY ($3::text[])
    RETURNING adoption_id
"""


async def update_adoption_state(tx: Tx, adoption_id: AdoptionId, to: str, *, among: Sequence[str]) -> bool:
    """False when the adoption is in none of the states that `to` may follow."""
    return await tx.fetchval(_UPDATE_STATE, adoption_id, to, list(among)) is not None


_UPDATE_PRICE = "UPDATE listings SET price = $2, currency = $3, state = 'active' WHERE listing_id = $1"
_TELL = "UPDATE adoptions SET version = version + $2, events = events + $2 WHERE adoption_id = $1"


async def update_listing_price(tx: Tx, adoption_id: AdoptionId, listing_id: ListingId, price: Money) -> None:
    """Set the price and put the listing on sale, under the adoption's lock."""
    await tx.execute(_UPDATE_PRICE, listing_id, *_money(price))
    await tx.execute(_TELL, adoption_id, 1)


_UPDATE_PAUSED = "UPDATE listings SET state = 'paused' WHERE listing_id = ANY ($1::uuid[])"


async def update_listings_paused(tx: Tx, adoption_id: AdoptionId, listing_ids: Sequence[ListingId]) -> None:
    """Pause listings of one adoption under its lock; each takes one position of the stream."""
    await tx.execute(_UPDATE_PAUSED, list(listing_ids))
    await tx.execute(_TELL, adoption_id, len(listing_ids))


def _money(price: Money | None) -> tuple[int | None, str | None]:
    return (None, None) if price is None else (price.amount, price.currency)

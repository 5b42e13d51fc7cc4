"""What a buyer sees: the one place where the mirrors are joined, at the moment of reading."""

from __future__ import annotations

from services.storefront.domain import Shelved
from shared.contracts.values import ListingId, Money, StorefrontId, VariantId
from shared.kernel.database import Row, Tx

# Inner joins: a listing whose product, supplier or terms have not arrived is on no shelf; nor is one that is paused,
# withdrawn, ended, or outside the offer's time. Stock that nobody told of counts as none.
_SHELF = """
    SELECT l.listing_id, l.variant_id, p.product_id, p.supplier_id, o.offer_id, t.version AS offer_version,
           p.title, p.description, p.kind, p.media, v.spec,
           coalesce(l.price, v.list_price) AS amount, coalesce(l.currency, v.currency) AS currency,
           coalesce(k.available, 'no') AS available, s.name AS supplier, s.regions, s.cod_allowed
      FROM listings l
      JOIN adoptions a ON a.adoption_id = l.adoption_id AND a.state = 'active'
      JOIN offers o ON o.offer_id = a.offer_id AND o.state = 'active'
       AND (o.valid_from IS NULL OR o.valid_from <= now()) AND (o.valid_until IS NULL OR o.valid_until > now())
      JOIN LATERAL (SELECT version FROM offer_versions f
                     WHERE f.offer_id = o.offer_id AND f.effective_from <= now()
                     ORDER BY version DESC LIMIT 1) t ON true
      JOIN variants v ON v.variant_id = l.variant_id
      JOIN products p ON p.product_id = v.product_id AND p.state = 'published' AND p.supplier_id = o.supplier_id
      JOIN suppliers s ON s.supplier_id = p.supplier_id
      LEFT JOIN availability k ON k.variant_id = l.variant_id
     WHERE l.storefront_id = $1 AND l.state = 'active'
"""
_SELECT_SHELF = f"""{_SHELF}
       AND ($2::uuid IS NULL OR l.listing_id > $2)
     ORDER BY l.listing_id LIMIT $3
"""


async def select_shelf(tx: Tx, storefront_id: StorefrontId, after: str | None, limit: int) -> list[Shelved]:
    """At most `limit` listings of a storefront that are on sale, oldest first, after one of them."""
    return [_shelved(row) for row in await tx.fetch(_SELECT_SHELF, storefront_id, after, limit)]


_SELECT_SHELVED = f"{_SHELF} AND l.listing_id = ANY ($2::uuid[])"


async def select_shelved(tx: Tx, storefront_id: StorefrontId, listing_ids: list[ListingId]) -> list[Shelved]:
    """Those of these listings that are on sale in the storefront."""
    return [_shelved(row) for row in await tx.fetch(_SELECT_SHELVED, storefront_id, listing_ids)]


def _shelved(row: Row) -> Shelved:
    found = dict(row)
    price = Money(amount=found.pop("amount"), currency=found.pop("currency"))
    return Shelved(**{**found, "media": tuple(row["media"]), "regions": tuple(row["regions"])}, price=price)


_SELECT_LIST_PRICES = "SELECT variant_id, list_price, currency FROM variants WHERE variant_id = ANY ($1::uuid[])"


async def select_list_prices(tx: Tx, variant_ids: list[VariantId]) -> dict[VariantId, Money]:
    """What the suppliers ask for these variants, as far as it has arrived."""
    rows = await tx.fetch(_SELECT_LIST_PRICES, variant_ids)
    return {row["variant_id"]: Money(amount=row["list_price"], currency=row["currency"]) for row in rows}

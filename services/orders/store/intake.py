"""What intake decides by: listings, remembered while no mirror has changed, and what was decided before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter

from services.orders.domain.intake import Bought
from services.orders.domain.order import Listing
from services.orders.domain.risk import Histories
from services.orders.domain.stock import Stock, StockId
from services.orders.store import risk, stock
from shared.contracts.values import ListingId, Money, OrderId, Terms, VariantId
from shared.kernel import idempotency
from shared.kernel.database import Row, Tx, columns
from shared.kernel.errors import Rejected
from shared.kernel.idempotency import Decided, Key

_TERMS: TypeAdapter[Terms] = TypeAdapter(Terms)

# One row for each listing asked for, joined when it is read: what isn't complete has nulls and isn't sellable.
_LISTINGS = """
    SELECT asked.listing_id, l.listing_id IS NOT NULL AS known,
           a.storefront_id, a.creator_id, l.variant_id, v.product_id, p.version AS product_version, v.sku, p.title,
           p.kind, p.supplier_id, s.regions, s.cod_allowed, s.loadtest, a.offer_id, t.version AS offer_version, t.terms,
           t.hold_seconds, l.price, l.currency, v.list_price, v.currency AS list_currency,
           l.state AS listing_state, a.state AS adoption_state, p.state AS product_state, o.state AS offer_state,
           now() >= coalesce(o.valid_from, '-infinity') AND now() < coalesce(o.valid_until, 'infinity') AS on_sale,
           f.storefront_id IS NOT NULL AND s.supplier_id IS NOT NULL AND p.product_id IS NOT NULL
               AND o.offer_id IS NOT NULL AS complete,
           least(CASE WHEN o.valid_from > now() THEN o.valid_from END,
                 CASE WHEN o.valid_until > now() THEN o.valid_until END,
                 (SELECT min(effective_from) FROM offer_versions n
                   WHERE n.offer_id = a.offer_id AND n.effective_from > now())) AS until
      FROM unnest($1::uuid[]) AS asked (listing_id)
      LEFT JOIN listings l USING (listing_id)
      LEFT JOIN adoptions a USING (adoption_id)
      LEFT JOIN storefronts f USING (storefront_id)
      LEFT JOIN variants v USING (variant_id)
      LEFT JOIN products p ON p.product_id = v.product_id
      LEFT JOIN suppliers s ON s.supplier_id = p.supplier_id
      LEFT JOIN offers o ON o.offer_id = a.offer_id
      LEFT JOIN LATERAL (SELECT version, terms, hold_seconds FROM offer_versions
                          WHERE offer_id = a.offer_id AND effective_from <= now()
                          ORDER BY version DESC LIMIT 1) t ON true
"""


# Remembered listings are as of a sum that only grows: an equal sum is an equal state of all mirrors.
_MOMENT = f"""
    SELECT now() AS now, (SELECT sum(changes) FROM shelf_changes)::bigint AS changes,
           CASE WHEN row_number() OVER () = 1 THEN ({risk.FIND.format(buyers="$4", regions="$5")}) END AS histories,
           CASE WHEN row_number() OVER () = 1 THEN ({stock.READ.format(ids="$6")}) END AS stock,
           known.*
      FROM (SELECT) AS moment LEFT JOIN ({idempotency.FIND}) AS known ON true
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a batch begins: the database's time, how often mirrors have changed, what was decided before by place, what
    became of cash on delivery, and stock as far as it was asked for, unlocked."""

    now: datetime
    changes: int
    known: Mapping[int, Decided | Rejected]
    histories: Histories
    stock: Mapping[StockId, Stock]


async def begin(
    tx: Tx, keys: Sequence[Key], cash: Sequence[tuple[str, str]] = (), stock_ids: Collection[StockId] = ()
) -> Moment:
    """The moment a batch is decided in, with what was decided under its keys before, and the histories of those who
    want to pay at the door: buyer and region."""
    buyers, regions = ({each[place] for each in cash} for place in (0, 1))
    whose = list(buyers), list(regions), list(stock_ids)
    rows = await tx.fetch(_MOMENT, *columns([key.row for key in keys], 3), *whose)
    known = idempotency.decided(keys, [row for row in rows if row["place"] is not None])
    first = rows[0]
    histories, pieces = risk.histories(first["histories"]), stock.read(first["stock"])
    return Moment(first["now"], first["changes"], known, histories, pieces)


_REPLAY = "SELECT order_id, placement, expires_at, touch FROM orders WHERE order_id = ANY($1::uuid[])"


async def find_placements(tx: Tx, order_ids: Collection[OrderId]) -> dict[OrderId, Row]:
    """What was agreed when these orders were placed, for answers that are given again."""
    return {row["order_id"]: row for row in await tx.fetch(_REPLAY, list(order_ids))} if order_ids else {}


_BOUGHT = """
    SELECT o.buyer_ref, asked.stock_id, sum(l.qty)::int AS pieces
      FROM unnest($1::text[], $2::uuid[]) AS asked (buyer_ref, stock_id)
      JOIN orders o ON o.buyer_ref = asked.buyer_ref
      JOIN lines l ON l.order_id = o.order_id AND coalesce(l.slot_id, l.variant_id) = asked.stock_id
     WHERE l.state NOT IN ('RELEASED', 'CANCELLED', 'REFUSED', 'RETURNED', 'LOST')
     GROUP BY 1, 2
"""


async def find_bought(tx: Tx, asking: Sequence[tuple[str, StockId]]) -> Bought:
    """Pieces that these buyers have, or have reserved, of these variants and slots."""
    rows = await tx.fetch(_BOUGHT, *columns(list(asking), 2))
    return {(row["buyer_ref"], row["stock_id"]): row["pieces"] for row in rows}


@dataclass(frozen=True, slots=True)
class Found:
    """What the mirrors say of the listings asked for; `incomplete` ones wait for another topic's event."""

    listings: Mapping[ListingId, Listing]
    incomplete: frozenset[ListingId]
    unknown: frozenset[ListingId]


class _Kept(NamedTuple):
    listing: Listing
    until: datetime | None  # when time alone changes its terms


MOST_KEPT = 50_000  # listings a process remembers: 2 KB each are 100 MB, and a day's hot goods are fewer


@dataclass(slots=True)
class ShelfMemory:
    """Listings read before, good for as long as no mirror has changed and none of their own dates has passed."""

    _changes: int = -1
    _kept: dict[ListingId, _Kept] = field(default_factory=dict)

    async def find(self, tx: Tx, wanted: Collection[ListingId], moment: Moment) -> Found:
        """The listings as of this moment."""
        if moment.changes > self._changes or len(self._kept) > MOST_KEPT:
            self._changes, self._kept = moment.changes, {}
        known = self.known(wanted, moment)
        missing = [one for one in wanted if one not in known]
        if not missing:
            return Found(known, frozenset(), frozenset())
        rows = await tx.fetch(_LISTINGS, sorted(missing))
        read = {row["listing_id"]: _Kept(_listing(row), row["until"]) for row in rows if row["complete"]}
        if self._changes == moment.changes:  # another writer may have seen a newer state meanwhile
            self._kept |= read
        return Found(
            listings=known | {one: kept.listing for one, kept in read.items()},
            incomplete=frozenset(row["listing_id"] for row in rows if row["known"] and not row["complete"]),
            unknown=frozenset(row["listing_id"] for row in rows if not row["known"]),
        )

    def variant(self, listing: ListingId) -> VariantId | None:
        """The variant of a listing that was read before, however long ago: it is the listing's for good."""
        return kept.listing.variant_id if (kept := self._kept.get(listing)) else None

    def known(self, wanted: Collection[ListingId], moment: Moment) -> dict[ListingId, Listing]:
        """Those of them that are remembered as of this moment."""
        if moment.changes != self._changes:
            return {}
        kept, now = self._kept, moment.now
        return {
            one: found.listing
            for one in wanted
            if (found := kept.get(one)) and (found.until is None or now < found.until)
        }


_FIELDS = [name for name in Listing.__dataclass_fields__ if name not in ("regions", "terms", "price", "offer_version")]


def _listing(row: Row) -> Listing:
    terms = None if row["terms"] is None else _TERMS.validate_python(row["terms"])
    return Listing(
        **{name: row[name] for name in _FIELDS},
        regions=frozenset(row["regions"]),
        offer_version=row["offer_version"] or 0,
        terms=terms,
        price=_price(row, terms),
    )


def _price(row: Row, terms: Terms | None) -> Money | None:
    """Under commission terms the supplier's list price, under wholesale terms the creator's own."""
    if terms is None or (terms.kind == "wholesale" and row["price"] is None):
        return None
    if terms.kind == "wholesale":
        return Money(amount=row["price"], currency=row["currency"])
    return Money(amount=row["list_price"], currency=row["list_currency"])

"""What intake reads and writes: a few set-based statements, however many orders come at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from pydantic import TypeAdapter

from services.orders.domain.lifecycle import code_digest
from services.orders.domain.order import Listing, Placed
from shared.contracts.event import Cause
from shared.contracts.values import ListingId, Money, Terms
from shared.kernel.database import Row, Tx, columns

_TERMS: TypeAdapter[Terms] = TypeAdapter(Terms)

# One row for each listing asked for, joined when it is read: what isn't complete has nulls and isn't sellable.
_LISTINGS = """
    SELECT asked.listing_id, now() AS now, l.listing_id IS NOT NULL AS known,
           a.storefront_id, a.creator_id, l.variant_id, v.product_id, p.version AS product_version, v.sku, p.title,
           p.kind, p.supplier_id, s.regions, s.cod_allowed, s.loadtest, a.offer_id, t.version AS offer_version, t.terms,
           l.price, l.currency, v.list_price, v.currency AS list_currency,
           l.state AS listing_state, a.state AS adoption_state, p.state AS product_state, o.state AS offer_state,
           now() >= coalesce(o.valid_from, '-infinity') AND now() < coalesce(o.valid_until, 'infinity') AS on_sale,
           f.storefront_id IS NOT NULL AND s.supplier_id IS NOT NULL AND p.product_id IS NOT NULL
               AND o.offer_id IS NOT NULL AS complete
      FROM unnest($1::uuid[]) AS asked (listing_id)
      LEFT JOIN listings l USING (listing_id)
      LEFT JOIN adoptions a USING (adoption_id)
      LEFT JOIN storefronts f USING (storefront_id)
      LEFT JOIN variants v USING (variant_id)
      LEFT JOIN products p ON p.product_id = v.product_id
      LEFT JOIN suppliers s ON s.supplier_id = p.supplier_id
      LEFT JOIN offers o ON o.offer_id = a.offer_id
      LEFT JOIN LATERAL (SELECT version, terms FROM offer_versions
                          WHERE offer_id = a.offer_id AND effective_from <= now()
                          ORDER BY version DESC LIMIT 1) t ON true
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What the mirrors say of the listings asked for; `incomplete` ones wait for another topic's event."""

    listings: Mapping[ListingId, Listing]
    incomplete: frozenset[ListingId]
    unknown: frozenset[ListingId]
    now: datetime


async def find_listings(tx: Tx, wanted: Collection[ListingId]) -> Found:
    """At least one listing must be asked for: the database's time comes with the answer."""
    rows = await tx.fetch(_LISTINGS, sorted(wanted))
    return Found(
        listings={row["listing_id"]: _listing(row) for row in rows if row["complete"]},
        incomplete=frozenset(row["listing_id"] for row in rows if row["known"] and not row["complete"]),
        unknown=frozenset(row["listing_id"] for row in rows if not row["known"]),
        now=rows[0]["now"],
    )


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


_ORDERS = """
    INSERT INTO orders (order_id, order_no, buyer_ref, placed_by, storefront_id, creator_id, state, payment_mode,
                        payment_id, currency, payable, placement, ship_to, code_hash, loadtest, placed_at,
                        confirmed_at, expires_at, events, personal_events, traceparent, correlation_id)
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::uuid[], $7::text[], $8::text[],
                         $9::uuid[], $10::text[], $11::bigint[], $12::jsonb[], $13::jsonb[], $14::bytea[], $15::bool[],
                         $16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::int[], $20::int[],
                         $21::text[], $22::text[])
"""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to be written: with what its OrderPlaced carries, and the places its events take in their streams."""

    order: Placed
    placement: dict[str, Any]
    because: Cause
    events: int
    personal_events: int


async def insert_orders(tx: Tx, orders: Sequence[NewOrder]) -> None:
    """The orders with all that belongs to them, a statement a table."""
    await tx.execute(_ORDERS, *columns([_order_row(new) for new in orders], 22))
    placed = [new.order for new in orders]
    await tx.execute(_SUPPLIER_ORDERS, *columns(list(_supplier_order_rows(placed)), 5))
    await tx.execute(_LINES, *columns(list(_line_rows(placed)), 12))
    if payments := [_payment_row(order) for order in placed if order.payment_id]:
        await tx.execute(_PAYMENTS, *columns(payments, 4))


def _order_row(new: NewOrder) -> tuple[Any, ...]:
    order, asked = new.order, new.order.asked
    return (
        order.order_id,
        order.order_no,
        asked.buyer_ref,
        asked.placed_by,
        asked.storefront_id,
        order.creator_id,
        order.state,
        asked.payment,
        order.payment_id,
        order.payable.currency,
        order.payable.amount,
        new.placement,
        asked.ship_to.model_dump(),
        order.code and code_digest(order.order_id, order.code),
        asked.loadtest,
        order.placed_at,
        order.placed_at if order.state == "CONFIRMED" else None,
        order.expires_at,
        new.events,
        new.personal_events,
        new.because.traceparent,
        new.because.correlation_id,
    )


_SUPPLIER_ORDERS = """
    INSERT INTO supplier_orders (supplier_order_id, order_id, supplier_id, state, cod_amount)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[])
"""


def _supplier_order_rows(orders: Sequence[Placed]) -> Iterable[tuple[Any, ...]]:
    for order in orders:
        for part in order.supplier_orders:
            due = part.cod_amount and part.cod_amount.amount
            yield part.supplier_order_id, order.order_id, part.supplier_id, order.state, due


_LINES = """
    INSERT INTO lines (line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, listing_id,
                       qty, amount, split)
    SELECT line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, listing_id, qty, amount,
           split::jsonb
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::smallint[], $6::text[], $7::text[], $8::uuid[],
                  $9::uuid[], $10::int[], $11::bigint[], $12::text[])
           AS n (line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, listing_id, qty,
                 amount, split)
"""


def _line_rows(orders: Sequence[Placed]) -> Iterable[tuple[Any, ...]]:
    """A split goes as text: a list inside an array of jsonb would be taken for another dimension."""
    for order in orders:
        state = "CONFIRMED" if order.state == "CONFIRMED" else "RESERVED"
        for ordinal, line in enumerate(order.lines, 1):
            listing, split = line.listing, [share.model_dump(exclude_none=True) for share in line.split]
            yield (
                *(line.line_id, order.order_id, line.supplier_order_id, listing.supplier_id, ordinal, state),
                *(listing.kind, listing.variant_id, listing.listing_id, line.qty, line.amount.amount),
                orjson.dumps(split).decode(),
            )


_PAYMENTS = """
    INSERT INTO payments (payment_id, order_id, state, due, currency)
    SELECT payment_id, order_id, 'PENDING', due, currency
      FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::text[]) AS n (payment_id, order_id, due, currency)
"""


def _payment_row(order: Placed) -> tuple[Any, ...]:
    return order.payment_id, order.order_id, order.payable.amount, order.payable.currency

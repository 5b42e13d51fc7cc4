"""A small world in which everything holds: one order, cash on delivery, delivered and collected."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.contracts import TOPICS
from shared.contracts.catalog import SlotOpened, StockAdjusted
from shared.contracts.logistics import ShipmentCOD, ShipmentDelivered
from shared.contracts.orders import LedgerPosted, OrderConfirmed, OrderFulfilled, OrderPlaced
from shared.kernel.delivery.batch import Raw
from shared.kernel.ids import new_id

VARIANT, PRODUCT, SUPPLIER, SLOT = ("0190f3a0-0000-7000-8000-00000000000" + digit for digit in "1234")
ORDER, LINE, PART, PARCEL = ("0190f3a0-0000-7000-8000-00000000001" + digit for digit in "1234")
CREATOR, STOREFRONT = "0190f3a0-0000-7000-8000-000000000021", "0190f3a0-0000-7000-8000-000000000022"
CASH_JOURNAL, LINE_JOURNAL = "0190f3a0-0000-7000-8000-000000000031", "0190f3a0-0000-7000-8000-000000000032"

TABLES = f"""
INSERT INTO catalog.suppliers (supplier_id, events, name, kinds, regions, cod_allowed, loadtest)
VALUES ('{SUPPLIER}', 0, 'S', '{{good}}', '{{}}', true, false);
INSERT INTO catalog.products (product_id, supplier_id, title, description, kind, category, media)
VALUES ('{PRODUCT}', '{SUPPLIER}', 'P', '', 'good', 'c', '{{}}');
INSERT INTO catalog.variants (variant_id, product_id, supplier_id, place, sku, spec, list_price, currency, events)
VALUES ('{VARIANT}', '{PRODUCT}', '{SUPPLIER}', 1, 'K', '{{}}', 12900, 'CNY', 1);
INSERT INTO catalog.stock_deliveries (delivery_id, place, variant_id, supplier_id, delta, reason, adjusted_at)
VALUES ('{PRODUCT}', 1, '{VARIANT}', '{SUPPLIER}', 10, 'delivery', now());
INSERT INTO catalog.slots (slot_id, variant_id, supplier_id, starts_at, ends_at, capacity, provider, opened_at)
VALUES ('{SLOT}', '{VARIANT}', '{SUPPLIER}', now(), now() + interval '1 hour', 5, 'Li', now());
INSERT INTO orders.stock (stock_id, variant_id, supplier_id, received, reserved, sold, starts_at)
VALUES ('{VARIANT}', '{VARIANT}', '{SUPPLIER}', 10, 0, 1, NULL), ('{SLOT}', '{VARIANT}', '{SUPPLIER}', 5, 0, 0, now());
INSERT INTO orders.orders (order_id, order_no, buyer_ref, placed_by, storefront_id, creator_id, state, payment_mode,
                           currency, payable, placement, ship_to, placed_at, events, ledger_events)
VALUES ('{ORDER}', 'W1', 'b', 'driver', '{STOREFRONT}', '{CREATOR}', 'FULFILLED', 'cod', 'CNY', 12900, '{{}}', '{{}}',
        now(), 3, 2);
INSERT INTO orders.supplier_orders (supplier_order_id, order_id, supplier_id, state, shipment_id, cod_amount,
                                    cod_collected)
VALUES ('{PART}', '{ORDER}', '{SUPPLIER}', 'DELIVERED', '{PARCEL}', 12900, 12900);
INSERT INTO orders.lines (line_id, order_id, supplier_order_id, supplier_id, ordinal, state, kind, variant_id, qty,
                          amount, split)
VALUES ('{LINE}', '{ORDER}', '{PART}', '{SUPPLIER}', 1, 'DELIVERED', 'good', '{VARIANT}', 1, 12900,
        '[{{"party_kind": "supplier", "party": "S", "amount": {{"amount": 11000, "currency": "CNY"}}}},
          {{"party_kind": "creator", "party": "C", "amount": {{"amount": 1900, "currency": "CNY"}}}}]');
INSERT INTO orders.journals (journal_id, kind, cause, subject, stream_id, order_id, currency)
VALUES ('{CASH_JOURNAL}', 'cod_collected', 'collection:c1', '{PARCEL}', '{ORDER}', '{ORDER}', 'CNY'),
       ('{LINE_JOURNAL}', 'line_delivered', 'e1', '{LINE}', '{ORDER}', '{ORDER}', 'CNY');
INSERT INTO orders.entries (journal_id, ordinal, account, party, order_id, debit, credit)
VALUES ('{CASH_JOURNAL}', 1, 'carrier_cash', 'sandbox', '{ORDER}', 12900, 0),
       ('{CASH_JOURNAL}', 2, 'buyer_deposits', NULL, '{ORDER}', 0, 12900),
       ('{LINE_JOURNAL}', 1, 'buyer_deposits', NULL, '{ORDER}', 12900, 0),
       ('{LINE_JOURNAL}', 2, 'payable:held', 'S', '{ORDER}', 0, 11000),
       ('{LINE_JOURNAL}', 3, 'payable:held', 'C', '{ORDER}', 0, 1900);
INSERT INTO orders.balances (party, account, currency, amount)
VALUES ('sandbox', 'carrier_cash', 'CNY', -12900), ('S', 'payable:held', 'CNY', 11000),
       ('C', 'payable:held', 'CNY', 1900);
INSERT INTO logistics.shipments (shipment_id, order_id, supplier_order_id, supplier_id, region, lines, cod_amount,
                                 currency, state, carrier, waybill, events)
VALUES ('{PARCEL}', '{ORDER}', '{PART}', '{SUPPLIER}', 'CN-ZJ', '[]', 12900, 'CNY', 'DELIVERED', 'sandbox', 'W', 1);
INSERT INTO logistics.cod_cash (shipment_id, state, due, currency, collection_id, collected, events)
VALUES ('{PARCEL}', 'COLLECTED', 12900, 'CNY', 'c1', 12900, 1);
DELETE FROM logistics.timers;
"""  # noqa: S608  the ids are the constants above
DONE = "INSERT INTO {service}.positions (topic, key, position) VALUES ($1, $2, $3)"
DUE = {"amount": 12900, "currency": "CNY"}


def events() -> list[Raw]:
    """What was told of it, in order."""
    placed = {"order_id": ORDER}
    collected = {"collection_id": "c1", "shipment_id": PARCEL, "carrier": "sandbox", "collected": DUE}
    return records(
        (StockAdjusted, VARIANT, {"variant_id": VARIANT, "delta": 10}),
        (SlotOpened, SLOT, {"slot_id": SLOT, "capacity": 5}),
        (OrderPlaced, ORDER, placed),
        (OrderConfirmed, ORDER, placed),
        (ShipmentDelivered, PARCEL, {}),
        (ShipmentCOD, PARCEL, collected),
        (
            LedgerPosted,
            ORDER,
            journal(CASH_JOURNAL, ("carrier_cash", "sandbox", -12900), ("buyer_deposits", None, 12900)),
        ),
        (
            LedgerPosted,
            ORDER,
            journal(
                LINE_JOURNAL,
                ("buyer_deposits", None, -12900),
                ("payable:held", "S", 11000),
                ("payable:held", "C", 1900),
            ),
        ),
        (OrderFulfilled, ORDER, placed),
    )


def journal(journal_id: str, *entries: tuple[str, str | None, int]) -> dict[str, Any]:
    """A journal as told; each entry is (account, party, credit less debit)."""
    sides = [
        {"account": account, "party": party, "debit": max(0, -amount), "credit": max(0, amount)}
        for account, party, amount in entries
    ]
    return {"journal_id": journal_id, "currency": "CNY", "entries": sides}


def records(*told: tuple[Any, str, dict[str, Any]]) -> list[Raw]:
    """Records at the next position of each stream."""
    positions: dict[tuple[str, str], itertools.count[int]] = {}
    found = []
    for offset, (event, key, body) in enumerate(told):
        position = next(positions.setdefault((event.topic.name, key), itertools.count(1)))
        found.append(record(event, key, position, body, offset))
    return found


def record(event: Any, key: str, position: int, body: dict[str, Any], offset: int = 1000) -> Raw:
    """One record as the relay would have sent it."""
    headers: Sequence[tuple[str, bytes]] = [
        ("ce_id", new_id().encode()),
        ("ce_type", event.type.encode()),
        ("ce_time", datetime.now(UTC).isoformat().encode()),
        ("ce_aggregateversion", str(position).encode()),
    ]
    return Raw(event.topic.name, 0, offset, key.encode(), orjson.dumps(body), headers)


BY_NAME = {topic.name: topic for topic in TOPICS}

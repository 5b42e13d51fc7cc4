"""Each check finds a violation planted for it, in a world where otherwise all holds."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts import ALL_EVENTS
from shared.contracts.catalog import StockAdjusted
from shared.contracts.logistics import CodBanked, CodBankingReversed, CodRemitted, ShipmentCOD, ShipmentDelivered
from shared.contracts.orders import CommissionEarned, LedgerPosted, OrderConfirmed, OrderPlaced, PaymentCaptured
from shared.kernel.delivery.batch import Raw
from wanpu.reconcile.history import History
from wanpu.reconcile.streams import STREAMS
from wanpu.reconcile.tests import sound
from wanpu.reconcile.tests.conftest import Look, fold

OTHER = "0190f3a0-0000-7000-8000-0000000000ff"
LETTER = """
    INSERT INTO orders.dead_letters (consumer, topic, "partition", "offset", key, stream_key, headers, body, cause)
    VALUES ('orders.catalog.stock', 'catalog.stock', 0, {offset}, 'k', '{stream}', '{{"pairs": []}}', '{body}',
            '{cause}')
"""
PARK = f"INSERT INTO orders.parked (topic, key) VALUES ('catalog.stock', '{sound.VARIANT}')"  # noqa: S608
AGAIN = f"""
    INSERT INTO orders.journals SELECT '{OTHER}', kind, cause, 'again', stream_id, order_id, currency
      FROM orders.journals WHERE kind = 'cod_collected'
"""  # noqa: S608
UNSENT = f"""
    INSERT INTO logistics.outbox (bucket, event_id, topic, key, type, aggregate_id, aggregate_version, occurred_at,
                                  headers, body)
    VALUES (0, '{OTHER}', 'logistics.cod', '{sound.PARCEL}', 't', 'a', 1, now(), '{{}}', '')
"""  # noqa: S608


PAYOUT = f"""
    INSERT INTO orders.payouts (payout_id, party, state, amount, currency, requested_by)
    VALUES ('{OTHER}', 'S', 'PAID', 5, 'CNY', 'S')
"""  # noqa: S608
SHARE = f"""
    INSERT INTO orders.commissions (line_id, party_kind, party, order_id, supplier_order_id, state, amount, currency)
    VALUES ('{sound.LINE}', 'supplier', 'S', '{sound.ORDER}', '{sound.PART}', 'EARNED', 5, 'CNY')
"""  # noqa: S608


def journal(kind: str, debit: str, credit: str) -> str:
    """A journal of 5 about the sound world's line and carrier, out of nowhere."""
    party = "sandbox" if "ca" in debit[:2] or "ca" in credit[:2] else "S"
    return f"""
        INSERT INTO orders.journals (journal_id, kind, cause, subject, stream_id, order_id, currency)
        VALUES ('{OTHER}', '{kind}', 'nothing', 'nothing', '{sound.ORDER}', '{sound.ORDER}', 'CNY');
        INSERT INTO orders.entries (journal_id, ordinal, account, party, order_id, line_id, debit, credit)
        VALUES ('{OTHER}', 1, '{debit}', '{party}', '{sound.ORDER}', '{sound.LINE}', 5, 0),
               ('{OTHER}', 2, '{credit}', '{party}', '{sound.ORDER}', '{sound.LINE}', 0, 5)
    """  # noqa: S608


def letter(*, offset: int = 0, body: str = "x", cause: str = "why") -> str:
    return LETTER.format(offset=offset, stream=sound.VARIANT, body=body, cause=cause)


PLANTED = [
    ("each order stands whole", "UPDATE orders.orders SET payable = payable + 1"),
    ("each order stands whole", "DELETE FROM orders.lines"),
    ("each order stands whole", "DELETE FROM orders.supplier_orders"),
    ("each order was placed once", "DELETE FROM orders.orders"),
    ("each committed event is told", "UPDATE orders.orders SET events = events + 1"),
    ("each committed event is told", "UPDATE logistics.cod_cash SET events = events + 1"),
    (
        "each consumer is at the end",
        "UPDATE orders.positions SET position = position - 1 WHERE topic = 'catalog.stock'",
    ),
    ("each consumer is at the end", "DELETE FROM logistics.positions"),
    ("each confirmed part has one parcel", "DELETE FROM logistics.shipments"),
    ("each confirmed part has one parcel", "DELETE FROM orders.supplier_orders"),
    ("each confirmed part has one parcel", "UPDATE logistics.shipments SET state = 'RETURNED'"),
    ("no parcel travels for a cancelled line", "UPDATE orders.lines SET state = 'CANCELLED'"),
    ("each collection is booked once", "DELETE FROM orders.journals WHERE kind = 'cod_collected'"),
    ("each collection is booked once", AGAIN),
    ("each delivered line is earned once", "DELETE FROM orders.journals WHERE kind = 'line_delivered'"),
    ("each delivered line is earned once", "UPDATE orders.lines SET state = 'SHIPPED'"),
    ("each stock delta is added once", "UPDATE orders.stock SET received = received + 10"),
    ("each stock delta is added once", "UPDATE catalog.stock_deliveries SET delta = 11"),
    ("each stock delta is added once", "UPDATE catalog.slots SET capacity = 6"),
    ("each told event was committed", "DELETE FROM orders.orders"),
    ("each told event was committed", "UPDATE catalog.variants SET events = 0"),
    ("reserved is what live orders hold", "UPDATE orders.stock SET reserved = 1"),
    ("reserved is what live orders hold", "UPDATE orders.stock SET sold = 0"),
    ("reserved is what live orders hold", "UPDATE orders.stock SET sold = 2"),
    ("reserved is what live orders hold", "UPDATE orders.lines SET state = 'CONFIRMED'"),
    ("reserved is what live orders hold", f"UPDATE orders.lines SET slot_id = '{sound.SLOT}'"),  # noqa: S608
    ("nothing is oversold", "UPDATE orders.stock SET received = 0"),
    ("each journal sums to zero", "UPDATE orders.entries SET debit = debit + 1 WHERE account = 'carrier_cash'"),
    ("each journal sums to zero", "DELETE FROM orders.entries"),
    ("each ended order holds no deposit", "UPDATE orders.supplier_orders SET cod_collected = NULL"),
    ("each ended order holds no deposit", "DELETE FROM orders.entries WHERE account = 'buyer_deposits' AND debit > 0"),
    ("shares sum to their line", "UPDATE orders.lines SET amount = amount + 1"),
    ("shares sum to their line", "UPDATE orders.orders SET currency = 'USD'"),
    ("collected is remitted or outstanding", "UPDATE logistics.cod_cash SET collected = 12800"),
    (
        "collected is remitted or outstanding",
        "UPDATE orders.entries SET debit = 0, credit = 20000 WHERE account = 'carrier_cash'",
    ),
    ("balances are what the journals say", "UPDATE orders.balances SET amount = amount + 1 WHERE party = 'S'"),
    ("balances are what the journals say", "DELETE FROM orders.balances WHERE party = 'C'"),
    ("the topics alone give the same books", "DELETE FROM orders.entries WHERE party = 'C'"),
    (
        "no payout is funded by cash not banked",
        "UPDATE orders.entries SET account = 'payable:available' WHERE party = 'S'",
    ),
    ("no payout is funded by cash not banked", journal("payout_requested", "payable:available", "payable:in_payout")),
    ("each payout is booked once", journal("payout_requested", "payable:available", "payable:in_payout")),
    ("each payout is booked once", PAYOUT),
    ("shares are what the ledger says", SHARE),
    ("shares are what the ledger says", journal("released", "payable:held", "payable:available")),
    ("each remittance is booked once", journal("cod_remitted", "cash_in_transit", "carrier_cash")),
    ("each remittance is booked once", journal("cod_banked", "bank", "cash_in_transit")),
    ("each remittance is booked once", journal("banking_reversed", "cash_in_transit", "bank")),
    ("collected is remitted or outstanding", journal("cod_remitted", "cash_in_transit", "carrier_cash")),
    ("collected is remitted or outstanding", journal("cod_banked", "bank", "cash_in_transit")),
    (
        "collected is remitted or outstanding",
        "UPDATE logistics.cod_cash SET state = 'REMITTED', statement_no = 1, line = 2, gross = 12900, fee = 0",
    ),
    ("each ended order holds no deposit", "UPDATE orders.supplier_orders SET cod_decided = 1"),
    (
        "nothing is left to do",
        "INSERT INTO orders.timers (kind, subject, due_at, cause) VALUES ('k', 's', now() - interval '1 minute', '{}')",
    ),
    (
        "nothing is left to do",
        'INSERT INTO logistics.waiting (topic, key, position, "partition", "offset", headers)'
        " VALUES ('orders.orders', 'k', 9, 0, 1, '{}')",
    ),
    ("each dead letter can be replayed", letter(offset=0, body="x", cause=" ")),
    ("each dead letter can be replayed", letter(offset=0, body="not what was sent", cause="why")),
    ("each dead letter can be replayed", letter(offset=999, body="x", cause="no such record")),
    (
        "each dead letter can be replayed",
        letter(offset=0, body="x", cause="why").replace("'orders.catalog.stock'", "'orders.gone'"),
    ),
    ("no stream stands still without cause", "INSERT INTO orders.parked (topic, key) VALUES ('catalog.stock', 'k')"),
]


async def test_in_the_sound_world_everything_holds(look: Look) -> None:
    assert [answer for answer in (await look(sound.events())).values() if not answer.holds] == []


@pytest.mark.parametrize(("check", "plant"), PLANTED)
async def test_what_is_planted_in_the_tables_is_found(look: Look, check: str, plant: str) -> None:
    answer = (await look(sound.events(), plant=plant))[check]
    assert not answer.holds
    assert answer.faults


def without(*types: Any) -> list[Raw]:
    names = {event.type.encode() for event in types}
    return [record for record in sound.events() if dict(record.headers)["ce_type"] not in names]


def more(event: Any, key: str, position: int, **body: Any) -> list[Raw]:
    return [*sound.events(), sound.record(event, key, position, body)]


ROW = {
    **{"carrier": "sandbox", "row_id": "r1", "shipment_id": sound.PARCEL},
    **{"gross": sound.DUE, "fee": {"amount": 0, "currency": "CNY"}, "net": sound.DUE},
}
TOLD = [
    ("each remittance is booked once", more(CodRemitted, sound.PARCEL, 2, **ROW)),
    ("each remittance is booked once", more(CodBanked, sound.PARCEL, 2, **ROW)),
    ("each remittance is booked once", more(CodBankingReversed, sound.PARCEL, 2, **ROW)),
    ("collected is remitted or outstanding", more(CodRemitted, sound.PARCEL, 2, **ROW)),
    ("collected is remitted or outstanding", more(CodBanked, sound.PARCEL, 2, **ROW)),
    (
        "shares are what the ledger says",
        more(CommissionEarned, "S", 1, line_id=sound.LINE, party_kind="supplier", delta=sound.DUE),
    ),
    ("each order was placed once", without(OrderPlaced)),
    ("each order was placed once", more(OrderPlaced, OTHER, 1, order_id=OTHER)),
    ("each committed event is told", without(ShipmentCOD)),
    ("each told event was committed", more(OrderConfirmed, OTHER, 1)),
    ("each told event was committed", more(ShipmentDelivered, sound.PARCEL, 2)),
    ("each stream is in order", more(OrderConfirmed, sound.ORDER, 5)),
    ("each stream is in order", more(OrderConfirmed, sound.ORDER, 2)),
    ("each stream is in order", list(reversed(sound.events()))),
    ("each consumer is at the end", more(StockAdjusted, sound.VARIANT, 2, variant_id=sound.VARIANT, delta=0)),
    ("each stock delta is added once", without(StockAdjusted)),
    ("each capture is booked once", more(PaymentCaptured, OTHER, 1, psp="sandbox", psp_ref="r")),
    (
        "each collection is booked once",
        more(
            *(ShipmentCOD, sound.PARCEL),
            position=2,
            collection_id="c2",
            shipment_id=sound.PARCEL,
            carrier="sandbox",
            collected=sound.DUE,
        ),
    ),
    ("the topics alone give the same books", without(LedgerPosted)),
    (
        "each journal sums to zero",
        more(LedgerPosted, sound.ORDER, 3, **sound.journal(OTHER, ("bank", None, 5), ("losses", None, -4))),
    ),
]


@pytest.mark.parametrize(("check", "records"), TOLD)
async def test_what_is_wrong_on_the_topics_is_found(look: Look, check: str, records: list[Raw]) -> None:
    assert not (await look(records))[check].holds


@pytest.mark.parametrize(
    "plant",
    [
        "UPDATE orders.lines SET state = 'RETURNED'",  # sent back after it was delivered and paid for
        "UPDATE orders.supplier_orders SET cod_collected = 12800, cod_decided = 100",
    ],
)
async def test_a_door_that_owes_nothing_any_more_is_no_fault(look: Look, plant: str) -> None:
    assert (await look(sound.events(), plant=plant))["each ended order holds no deposit"].holds


async def test_the_same_events_again_change_nothing(look: Look) -> None:
    events = sound.events()
    answers = await look([*events, *events, *reversed(events)])
    assert [answer for answer in answers.values() if not answer.holds] == []


async def test_what_is_still_in_the_outbox_is_not_missing_on_the_topic(look: Look) -> None:
    answers = await look(without(ShipmentCOD), plant=UNSENT)
    assert answers["each committed event is told"].holds
    assert not answers["nothing is left to do"].holds


async def test_a_group_that_lags_is_not_quiet(look: Look) -> None:
    assert not (await look(sound.events(), behind={"orders.catalog.stock": 3}))["nothing is left to do"].holds


async def test_a_dead_letter_as_it_was_parked_is_no_fault(look: Look) -> None:
    (record,) = [each for each in sound.events() if each.topic == "catalog.stock"]
    plant = letter(offset=record.offset, body=(record.value or b"").decode(), cause="why")
    answers = await look(sound.events(), plant=f"{plant}; {PARK}")
    assert answers["each dead letter can be replayed"].holds
    assert answers["no stream stands still without cause"].holds
    assert answers["each consumer is at the end"].holds


async def test_a_stream_behind_a_dead_letter_may_lag(look: Look) -> None:
    plant = f"DELETE FROM orders.positions WHERE topic = 'catalog.stock'; {PARK}"  # noqa: S608
    assert (await look(sound.events(), plant=plant))["each consumer is at the end"].holds


def history(*asked: tuple[str, int | None, str | None]) -> History:
    known = History()
    for key, status, order_id in asked:
        known.note("driver", key, status, order_id)
    return known


@pytest.mark.parametrize(
    "asked",
    [
        [("k1", 201, sound.ORDER)],
        [("k1", None, None), ("k1", 201, sound.ORDER)],
        [("k1", 503, None)],
        [("k1", 201, sound.ORDER), ("k2", 409, None), ("k3", None, None)],
    ],
)
async def test_a_history_that_fits_is_no_fault(look: Look, asked: list[tuple[str, int | None, str | None]]) -> None:
    assert (await look(sound.events(), history=history(*asked)))["each 201 is an order"].holds


@pytest.mark.parametrize(
    "asked",
    [
        [("k1", 201, sound.ORDER), ("k2", 201, OTHER)],
        [("k1", 201, sound.ORDER), ("k1", 201, OTHER)],
        [("k1", 201, sound.ORDER), ("k2", 201, sound.ORDER)],
        [("k1", 409, None)],
    ],
)
async def test_a_201_without_its_one_order_is_found(
    look: Look, asked: list[tuple[str, int | None, str | None]]
) -> None:
    assert not (await look(sound.events(), history=history(*asked)))["each 201 is an order"].holds


async def test_a_schema_that_is_not_there_at_all_is_passed_over(look: Look) -> None:
    answers = await look(without(ShipmentCOD, ShipmentDelivered), plant="DROP SCHEMA logistics CASCADE")
    assert answers["each told event was committed"].holds
    assert answers["each confirmed part has one parcel"].holds


def test_every_topic_that_has_events_has_rows_that_count_them() -> None:
    assert {event.topic.name for event in ALL_EVENTS} == set(STREAMS)


def test_load_traffic_is_passed_over_by_the_books() -> None:
    (record,) = [
        sound.record(LedgerPosted, sound.ORDER, 1, sound.journal(OTHER, ("bank", None, 5), ("losses", None, -5)))
    ]
    record.headers = [*record.headers, ("ce_loadtest", b"true")]
    assert fold([record]).books == {}


def test_a_record_that_is_no_event_is_counted_and_nothing_else() -> None:
    bad = Raw("orders.orders", 0, 7, None, b"{", [])
    told = fold([bad])
    assert told.unreadable == {("orders.orders", 0, 7): "no key"}
    assert told.events == 0

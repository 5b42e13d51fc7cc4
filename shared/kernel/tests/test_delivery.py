"""What the one consumer wrapper promises, on a real database, batch by batch."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from shared.kernel import dead_letters
from shared.kernel.database import Database, Tx
from shared.kernel.delivery import Router
from shared.kernel.delivery.batch import apply
from shared.kernel.delivery.records import read
from shared.kernel.tests import mill
from shared.kernel.tests.records import changed, counted, deliver, order_of, record, totals

ADDING = mill.adding()
MIRRORING = mill.mirroring()


async def dead(db: Database) -> list[tuple[int, str]]:
    return [(row["id"], row["cause"]) for row in await db.pool.fetch("SELECT id, cause FROM dead_letters ORDER BY id")]


async def count_rows(db: Database, table: str) -> int:
    return int(await db.pool.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608  a test's own table names


async def test_an_event_takes_effect_once_however_often_it_is_delivered(gauge: Database) -> None:
    first = counted("a", 1, 5)
    await deliver(gauge, ADDING, [first, first])
    outcome = await deliver(gauge, ADDING, [first])
    assert (await totals(gauge), outcome.duplicate) == ({"a": 5}, 1)


async def test_a_duplicate_is_known_by_its_position_when_the_inbox_forgot_it(gauge: Database) -> None:
    first = counted("a", 1, 5)
    await deliver(gauge, ADDING, [first])
    await gauge.pool.execute("DELETE FROM inbox")
    await deliver(gauge, ADDING, [first])
    assert await totals(gauge) == {"a": 5}


async def test_an_id_in_capitals_is_the_same_id(gauge: Database) -> None:
    first = counted("a", 1, 5)
    shouted = next(value for name, value in first.headers if name == "ce_id" and value).upper()
    outcome = await deliver(gauge, ADDING, [changed(first, ce_id=shouted), first])
    assert (await totals(gauge), outcome.applied, outcome.duplicate) == ({"a": 5}, 1, 1)


async def test_what_comes_too_early_waits_for_what_is_missing(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", 3, 100), counted("b", 1, 1)])
    await deliver(gauge, ADDING, [counted("a", 2, 10)])
    assert await totals(gauge) == {"b": 1}
    await deliver(gauge, ADDING, [counted("a", 1, 1)])
    assert await totals(gauge) == {"a": 111, "b": 1}
    assert (await order_of(gauge, "a"), await count_rows(gauge, "waiting")) == ([1, 2, 3], 0)


async def test_any_shuffling_with_duplicates_ends_in_the_same_state(gauge: Database) -> None:
    records = [counted(key, position, position) for key in "abcde" for position in range(1, 21)]
    noisy = [raw for raw in records for _ in range(3)]
    random.Random(7).shuffle(noisy)
    for start in range(0, len(noisy), 17):
        await deliver(gauge, ADDING, noisy[start : start + 17])
    assert await totals(gauge) == dict.fromkeys("abcde", 210)
    assert await order_of(gauge, "c") == list(range(1, 21))
    assert await count_rows(gauge, "waiting") == 0


async def test_follow_up_events_stand_in_the_outbox_in_stream_order(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", 2, 1), counted("a", 1, 1), counted("a", 3, 1)])
    rows = await gauge.pool.fetch("SELECT aggregate_version, headers FROM outbox ORDER BY id")
    assert [row["aggregate_version"] for row in rows] == [1, 2, 3]
    assert all(row["headers"]["ce_causationid"] for row in rows)


async def test_a_type_that_is_passed_over_still_counts_as_a_position(gauge: Database) -> None:
    batch = [counted("a", 1), record(mill.Reset(meter_id="a"), 2), counted("a", 3)]
    outcome = await deliver(gauge, ADDING, batch)
    assert (outcome.passed_over, await totals(gauge)) == (1, {"a": 2})


async def test_a_mirror_keeps_the_newest_and_drops_what_is_older(gauge: Database) -> None:
    outcome = await deliver(gauge, MIRRORING, [counted("a", 5, 50), counted("a", 3, 30)])
    assert (outcome.holes, await totals(gauge)) == (4, {"a": 50})
    await deliver(gauge, MIRRORING, [counted("a", 4, 40), counted("a", 6, 60)])
    assert (await totals(gauge), await count_rows(gauge, "waiting")) == ({"a": 60}, 0)


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        ({"value": b"{not json"}, "Invalid JSON"),
        ({"value": None}, "no body"),
        ({"value": b'{"meter_id": "a", "amount": "many"}'}, "amount"),
        ({"value": b'{"meter_id": "z", "amount": 1}'}, "the key says a"),
        ({"key": None}, "no key"),
        ({"key": b"\xff\xfe"}, "not UTF-8"),
        ({"key": b"nul\x00"}, "NUL"),
        ({"key": b"k" * 4000}, "longer than"),
        ({"drop": "ce_id"}, "no ce_id"),
        ({"ce_id": b"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}, "not a UUIDv7"),
        ({"ce_id": None}, "no ce_id"),
        ({"ce_type": b"\xff"}, "no ce_type"),
        ({"ce_type": b"wanpu.meter.Counted.v2"}, "this service reads"),
        ({"ce_source": b"\xff"}, "ce_source"),
        ({"ce_time": b"yesterday"}, "not a time"),
        ({"ce_aggregateversion": b"-1"}, "no ce_aggregateversion"),
        ({"ce_aggregateversion": b"9" * 30}, "no ce_aggregateversion"),
    ],
)
async def test_a_malformed_record_is_parked_with_its_cause_and_its_bytes(
    gauge: Database, broken: dict[str, bytes | None], cause: str
) -> None:
    bad = changed(counted("a", 1), **broken)
    await deliver(gauge, ADDING, [bad, counted("b", 1, 7)])
    ((_, told),) = await dead(gauge)
    row = await gauge.pool.fetchrow('SELECT key, body, "offset", consumer FROM dead_letters')
    assert row is not None
    assert cause in told
    assert (row["key"], row["body"], row["offset"]) == (bad.key, bad.value, bad.offset)
    assert row["consumer"] == "gauge.meter.readings"
    assert await totals(gauge) == {"b": 7}


async def test_a_reaction_that_fails_parks_its_own_event_and_no_other(gauge: Database) -> None:
    batch = [counted(f"m{n}", 1, n, explode=n == 13) for n in range(1, 40)]
    outcome = await deliver(gauge, ADDING, batch)
    assert (outcome.applied, outcome.parked) == (38, 1)
    assert "m13" not in await totals(gauge)
    ((_, cause),) = await dead(gauge)
    assert cause == "RuntimeError: told to explode"


async def test_a_stream_stands_still_behind_its_dead_letter_until_it_is_discarded(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", 1, 1), counted("a", 2, 10, explode=True), counted("a", 3, 100)])
    await deliver(gauge, ADDING, [counted("a", 4, 1000), counted("b", 1, 1)])
    assert await totals(gauge) == {"a": 1, "b": 1}
    ((dead_id, _),) = await dead(gauge)
    await dead_letters.discard(gauge, ADDING, dead_id)
    assert await totals(gauge) == {"a": 1101, "b": 1}
    assert [await count_rows(gauge, table) for table in ("dead_letters", "waiting", "parked")] == [0, 0, 0]


async def test_a_replay_applies_the_dead_letter_and_all_behind_it_in_order_once(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", n, n, explode=n == 2) for n in (1, 2, 3, 4)])
    ((dead_id, _),) = await dead(gauge)
    mended = Router("gauge")
    mended.every(mill.Counted, do=_add_up_mended)
    first = await dead_letters.replay(gauge, mended, dead_id)
    second = await dead_letters.replay(gauge, mended, dead_id)
    assert (first.applied, first.cause, second.found) == (3, None, False)
    assert (await totals(gauge), await order_of(gauge, "a")) == ({"a": 10}, [1, 2, 3, 4])


async def _add_up_mended(tx: Tx, counted: Sequence[mill.Counted]) -> None:
    await mill.add_up(tx, [event.model_copy(update={"explode": False}).received(event.envelope) for event in counted])


async def test_a_replay_that_fails_again_leaves_everything_where_it_was(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", n, n, explode=n == 1) for n in (1, 2)])
    ((dead_id, _),) = await dead(gauge)
    resolution = await dead_letters.replay(gauge, ADDING, dead_id)
    assert resolution.cause == "RuntimeError: told to explode"
    assert await gauge.pool.fetchval("SELECT attempts FROM dead_letters") == 2
    assert [await count_rows(gauge, table) for table in ("waiting", "parked", "totals")] == [1, 1, 0]


async def test_two_dead_letters_of_a_stream_are_let_go_one_after_the_other(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", n, n, explode=n == 2) for n in (1, 2, 3)])
    await deliver(gauge, ADDING, [changed(counted("a", 4), value=b"?"), counted("a", 5, 5)])
    (first, _), (second, _) = await dead(gauge)
    await dead_letters.discard(gauge, ADDING, first)
    await dead_letters.discard(gauge, ADDING, second)
    assert (await totals(gauge), await count_rows(gauge, "waiting")) == ({"a": 9}, 0)


async def test_a_discarded_record_without_a_position_lets_its_stream_go_on(gauge: Database) -> None:
    nameless = changed(counted("a", 2), drop="ce_aggregateversion")
    await deliver(gauge, ADDING, [counted("a", 1, 1), nameless, counted("a", 3, 3)])
    ((dead_id, _),) = await dead(gauge)
    await dead_letters.discard(gauge, ADDING, dead_id)
    assert await totals(gauge) == {"a": 4}


async def test_a_record_parked_twice_is_one_dead_letter(gauge: Database) -> None:
    bad = changed(counted("a", 1), value=b"?")
    await deliver(gauge, ADDING, [bad])
    await deliver(gauge, ADDING, [bad])
    assert len(await dead(gauge)) == 1


async def test_a_bad_record_of_a_mirror_does_not_hold_up_its_stream(gauge: Database) -> None:
    await deliver(gauge, MIRRORING, [changed(counted("a", 1), value=b"?"), counted("a", 2, 20)])
    assert await totals(gauge) == {"a": 20}


async def test_a_waiting_event_that_fails_when_its_turn_comes_is_parked_itself(gauge: Database) -> None:
    await deliver(gauge, ADDING, [counted("a", 2, 2, explode=True), counted("a", 3, 3)])
    await deliver(gauge, ADDING, [counted("a", 1, 1)])
    assert await totals(gauge) == {"a": 1}
    ((dead_id, _),) = await dead(gauge)
    await dead_letters.discard(gauge, ADDING, dead_id)
    assert (await totals(gauge), await count_rows(gauge, "waiting")) == ({"a": 4}, 0)


async def test_a_batch_costs_a_bounded_number_of_statements(gauge: Database) -> None:
    """Inbox, streams; savepoint, the reaction's three, release; positions: for any number."""
    (subscription,) = ADDING.subscriptions.values()
    seen: list[str] = []
    async with gauge.transaction() as tx:
        await apply(tx, subscription, [read(counted("warm", 1), subscription)])
        with tx.query_logger(lambda query: seen.append(query.query)):
            await apply(tx, subscription, [read(counted(f"m{n}", 1), subscription) for n in range(200)])
    assert len(seen) == 8, seen


def test_a_topic_is_read_in_one_mode_only() -> None:
    router = mill.adding()
    with pytest.raises(ValueError, match="one mode"):
        router.latest(mill.Counted, do=mill.mirror)

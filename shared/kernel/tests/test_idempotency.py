"""The same key takes effect once, whatever dies or waits."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

import pytest

from shared.kernel import idempotency
from shared.kernel.database import Database, Tx
from shared.kernel.errors import NotReady, Rejected
from shared.kernel.idempotency import Answer, Key, Turns, claim, once, settle, sweep
from shared.kernel.tests.edge_fixtures import count

KEY = Key("buyer-1", "POST /shelves", "k1", hashlib.sha256(b"body").digest())
DONE = Answer(201, b'{"shelf_id":"1"}')


async def build(tx: Tx) -> Answer:
    await tx.execute("INSERT INTO shelves VALUES ('a')")
    return DONE


def refuse(refusal: Rejected) -> Answer:
    return Answer(409, refusal.code.encode())


async def attempt(db: Database, key: Key = KEY) -> Answer:
    return await once(db, key, build, stored={"full"}, refuse=refuse)


async def make_older(db: Database, days: int) -> None:
    async with db.transaction() as tx:
        await tx.execute("UPDATE idempotency SET created_at = now() - make_interval(days => $1)", days)


async def test_the_second_request_gets_the_bytes_of_the_first_and_does_nothing(db: Database) -> None:
    assert await attempt(db) == DONE
    assert await attempt(db) == replace(DONE, replayed=True)
    assert await count(db) == 1


async def test_the_same_key_with_another_body_is_refused(db: Database) -> None:
    await attempt(db)
    with pytest.raises(Rejected) as refused:
        await attempt(db, replace(KEY, body_digest=b"other"))
    assert refused.value.code == "idempotency_key_reused"


async def test_a_key_belongs_to_its_party_and_its_route(db: Database) -> None:
    for key in (KEY, replace(KEY, party="buyer-2"), replace(KEY, route="POST /rooms")):
        assert not (await attempt(db, key)).replayed
    assert await count(db) == 3


async def test_a_stored_refusal_is_replayed_and_leaves_no_effect(db: Database) -> None:
    async def refused(tx: Tx) -> Answer:
        await build(tx)
        raise Rejected("full")

    first = await once(db, KEY, refused, stored={"full"}, refuse=refuse)
    assert (first.status, first.body) == (409, b"full")
    assert await attempt(db) == replace(first, replayed=True)
    assert await count(db) == 0


async def test_a_refusal_that_is_not_stored_leaves_the_key_unused(db: Database) -> None:
    async def early(tx: Tx) -> Answer:
        await build(tx)
        raise NotReady()

    with pytest.raises(NotReady):
        await once(db, KEY, early, stored={"full"}, refuse=refuse)
    assert await count(db, "idempotency") == 0
    assert not (await attempt(db)).replayed
    assert await count(db) == 1


async def test_a_bug_leaves_the_key_unused(db: Database) -> None:
    async def broken(tx: Tx) -> Answer:
        await build(tx)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await once(db, KEY, broken, stored={"full"}, refuse=refuse)
    assert await attempt(db) == DONE


async def test_a_key_is_unused_again_after_seven_days(db: Database) -> None:
    await attempt(db)
    await make_older(db, 8)
    assert not (await attempt(db, replace(KEY, body_digest=b"other"))).replayed
    assert (await attempt(db, replace(KEY, body_digest=b"other"))).replayed


async def test_another_transaction_is_waited_for_and_its_answer_replayed(db: Database) -> None:
    async with db.transaction() as first:
        assert await claim(first, KEY) is None
        second = asyncio.create_task(attempt(db))
        await asyncio.wait([second], timeout=0.3)
        assert not second.done()
        await settle(first, KEY, DONE)
    assert await second == replace(DONE, replayed=True)


async def test_another_transaction_is_waited_for_so_long_and_no_longer(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 0.1)
    async with db.transaction() as first:
        await claim(first, KEY)
        with pytest.raises(Rejected) as refused:
            await attempt(db)
    assert (refused.value.code, refused.value.retry_after_seconds) == ("in_progress", 1)


async def test_the_limit_on_waiting_ends_with_the_claim(db: Database) -> None:
    async with db.transaction() as tx:
        before = await tx.fetchval("SHOW lock_timeout")
        await claim(tx, KEY)
        assert await tx.fetchval("SHOW lock_timeout") == before


async def test_fifty_at_once_take_effect_once(db: Database) -> None:
    turns = Turns()

    async def one() -> Answer:
        async with turns.take(KEY):
            return await attempt(db)

    answers = await asyncio.gather(*(one() for _ in range(50)))
    assert sum(not answer.replayed for answer in answers) == 1
    assert await count(db) == 1
    assert len(turns) == 0


async def test_who_waits_too_long_for_a_turn_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "TURN_SECONDS", 0.05)
    turns = Turns()
    async with turns.take(KEY):
        with pytest.raises(Rejected, match="in_progress"):
            async with turns.take(KEY):
                raise AssertionError("two held the same turn")
    assert len(turns) == 0


async def test_expired_rows_are_swept_in_bounded_batches(db: Database) -> None:
    for number in range(5):
        await attempt(db, replace(KEY, key=str(number)))
    await make_older(db, 8)
    await attempt(db, replace(KEY, key="young"))
    async with db.transaction() as tx:
        assert [await sweep(tx, 3), await sweep(tx, 3), await sweep(tx, 3)] == [3, 2, 0]
    assert await count(db, "idempotency") == 1

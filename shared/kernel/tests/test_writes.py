"""Several statements over arrays as one round trip."""

from __future__ import annotations

import pytest

from shared.kernel.database import Database, NotWhole, Writes
from shared.kernel.testing import MakeDatabase

WRITES = Writes(
    words="""INSERT INTO words SELECT * FROM unnest($1::name[], $2::bigint[], $3::bool[])
             ON CONFLICT DO NOTHING RETURNING 1""",
    texts="INSERT INTO texts SELECT * FROM unnest($1::uuid[], $2::text[])",
)
ID = "01a214c0-1ec7-7308-afcf-80d67c335899"


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    made = await make_database("orders")
    await made.pool.execute("CREATE TABLE words (word text PRIMARY KEY, number bigint, flag bool)")
    await made.pool.execute("CREATE TABLE texts (id uuid, content text)")
    return made


async def test_each_statement_writes_its_own_rows_and_says_how_many(db: Database) -> None:
    words = [("one", 1, True), ("two", None, False), ("one", 3, None)]
    async with db.transaction() as tx:
        counts = await WRITES.run(tx, words=words, texts=[(ID, 'a "text", {with} all\\'), (None, None)])
    assert dict(counts) == {"words": 2}
    assert [tuple(row) for row in await db.pool.fetch("SELECT * FROM words ORDER BY 1")] == [
        ("one", 1, True),
        ("two", None, False),
    ]
    assert [tuple(row) for row in await db.pool.fetch("SELECT * FROM texts")] == [
        (ID, 'a "text", {with} all\\'),
        (None, None),
    ]


async def test_a_statement_without_rows_writes_nothing(db: Database) -> None:
    async with db.transaction() as tx:
        assert dict(await WRITES.run(tx, texts=[(ID, "x")])) == {"words": 0}


@pytest.mark.parametrize("word", ["", "a,b", "a b", 'a"b', "a\\b", "{a}"])
async def test_a_word_that_would_need_quotes_is_refused(db: Database, word: str) -> None:
    async with db.transaction() as tx:
        with pytest.raises(ValueError, match="quotes"):
            await WRITES.run(tx, words=[(word, 1, True)])


async def test_what_is_to_be_whole_is_written_whole_or_not_at_all_without_a_transaction(db: Database) -> None:
    whole = Writes(
        whole=("words",),
        texts="INSERT INTO texts SELECT * FROM unnest($1::uuid[], $2::text[])",
        words="INSERT INTO words SELECT * FROM unnest($1::name[], $2::bigint[]) ON CONFLICT DO NOTHING RETURNING 1",
    )
    async with db.pool.acquire() as connection:
        await whole.run(connection, words=[("one", 1), ("two", 2)], texts=[(ID, "x")])
        with pytest.raises(NotWhole):
            await whole.run(connection, words=[("three", 3), ("one", 1)], texts=[(ID, "y")])
        await whole.run(connection)
    assert await db.pool.fetchval("SELECT string_agg(word, ' ' ORDER BY word) FROM words") == "one two"
    assert await db.pool.fetchval("SELECT string_agg(content, ' ') FROM texts") == "x"

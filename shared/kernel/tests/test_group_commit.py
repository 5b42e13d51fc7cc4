"""What comes together is committed together, and everyone gets their own answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from shared.kernel import database
from shared.kernel.database import Database, Tx
from shared.kernel.errors import Rejected, Transient
from shared.kernel.group_commit import CROWDED_SECONDS, FEW, Contended, GroupCommit, Held, Limits, admission
from shared.kernel.testing import MakeDatabase

Group = GroupCommit[str, str]
Judge = Callable[[Tx, str], str | Exception]

TABLE = "CREATE TABLE marks (mark text PRIMARY KEY, transaction xid8 DEFAULT pg_current_xact_id())"


@pytest.fixture
async def db(make_database: MakeDatabase) -> Database:
    made = await make_database("orders")
    await made.pool.execute(TABLE)
    return made


class Bench:
    """A group over the table `marks`; a mark that begins with a code is answered by that refusal."""

    def __init__(self, db: Database, limits: Limits, *, at_once: bool = False) -> None:
        self.db = db
        self.batches: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble: Callable[[Sequence[str]], Exception | None] = lambda _: None
        self.tried: list[list[str]] = []
        self.group: Group = GroupCommit(self._connect, self._commit, limits, self._at_once if at_once else None)

    async def _connect(self) -> Tx:
        return await database.connect(self.db.dsn, "orders", "bench")

    async def _commit(self, tx: Tx, marks: Sequence[str]) -> Sequence[str | Exception]:
        self.batches.append(list(marks))
        await self.gate.wait()
        good = [mark for mark in marks if not mark.startswith("no")]
        await tx.execute("INSERT INTO marks (mark) SELECT unnest($1::text[])", good)
        if (error := self.trouble(marks)) is not None:
            raise error
        return [Rejected("no", mark) if mark.startswith("no") else f"<{mark}>" for mark in marks]

    async def _at_once(self, connection: Tx, marks: Sequence[str]) -> Sequence[str | Exception]:
        assert not connection.is_in_transaction()
        self.tried.append(list(marks))
        if "crowd" in marks:
            raise Contended
        if (error := self.trouble(marks)) is not None:
            raise error
        await connection.execute("INSERT INTO marks (mark) SELECT unnest($1::text[])", marks)
        return [f"<{mark}> at once" for mark in marks]

    async def kept(self) -> set[str]:
        return {row["mark"] for row in await self.db.pool.fetch("SELECT mark FROM marks")}

    async def ask(self, *marks: str) -> list[Any]:
        return await asyncio.gather(*(self.group.submit(mark, mark) for mark in marks), return_exceptions=True)


@asynccontextmanager
async def bench(db: Database, *, at_once: bool = False, **limits: Any) -> AsyncIterator[Bench]:
    made = Bench(db, Limits(**limits), at_once=at_once)
    async with made.group.running():
        yield made


async def test_what_comes_at_once_is_one_transaction_and_each_gets_its_own_answer(db: Database) -> None:
    async with bench(db) as here:
        answers = await here.ask(*"abcdef")
    assert answers == ["<a>", "<b>", "<c>", "<d>", "<e>", "<f>"]
    assert len(await db.pool.fetch("SELECT DISTINCT transaction FROM marks")) == 1


async def test_a_refusal_is_one_request_s_own(db: Database) -> None:
    async with bench(db) as here:
        good, refused, other = await here.ask("a", "no stock", "b")
    assert (good, refused.code, other) == ("<a>", "no", "<b>")
    assert await here.kept() == {"a", "b"}


async def test_a_batch_holds_no_more_than_its_limit(db: Database) -> None:
    async with bench(db, batch=2) as here:
        await here.ask(*"abcde")
    assert max(map(len, here.batches)) == 2


async def test_the_one_that_cannot_be_decided_does_not_take_its_neighbours_with_it(db: Database) -> None:
    async with bench(db) as here:
        here.trouble = lambda marks: ValueError("bug") if "b" in marks else None
        answers = await here.ask("a", "b", "c")
    assert [type(answer) for answer in answers] == [str, ValueError, str]
    assert await here.kept() == {"a", "c"}


async def test_what_may_pass_is_tried_again_and_leaves_nothing_twice(db: Database) -> None:
    async with bench(db) as here:
        faults = [Transient("once")]
        here.trouble = lambda _: faults.pop() if faults else None
        assert await here.ask("a", "b") == ["<a>", "<b>"]
    assert len(here.batches) == 2


async def test_a_lost_connection_is_replaced(db: Database) -> None:
    async with bench(db) as here:
        await here.ask("a")
        await db.pool.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bench'")
        assert await here.ask("b") == ["<b>"]


async def test_two_of_one_name_are_decided_one_after_the_other(db: Database) -> None:
    async with bench(db) as here:
        await asyncio.gather(*(here.group.submit(mark, "the same") for mark in "abc"))
    assert [len(batch) for batch in here.batches] == [1, 1, 1]


async def test_more_than_can_wait_is_told_when_to_come_back(db: Database) -> None:
    async with bench(db, queue=2, batch=1) as here:
        here.gate.clear()
        asked = [asyncio.create_task(here.group.submit(mark, mark)) for mark in "ab"]
        while len(here.batches) < 2:  # both writers have one
            await asyncio.sleep(0)
        asked += [asyncio.create_task(here.group.submit(mark, mark)) for mark in "cd"]
        await asyncio.sleep(0)
        with pytest.raises(Rejected) as refused:
            await here.group.submit("e", "e")
        here.gate.set()
        assert await asyncio.gather(*asked) == ["<a>", "<b>", "<c>", "<d>"]
    assert refused.value.code == "too_many_requests"
    assert (refused.value.retry_after_seconds or 0) >= 1


async def test_nobody_waits_beyond_the_deadline(db: Database) -> None:
    async with bench(db, batch=1, deadline_seconds=0.2) as here:
        here.gate.clear()
        answers = await here.ask("in work", "in work too", "waiting")
        assert {type(answer) for answer in answers} == {Transient}
        here.gate.set()
        assert await here.ask("later") == ["<later>"]
    assert "later" in await here.kept() <= {"later", "in work", "in work too"}  # what was in work may have been done


async def test_a_capped_rate_lets_a_burst_through_and_refuses_the_rest(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "BURST_SECONDS", 10.0)
    async with bench(db, rate=0.5) as here:  # the next may come two seconds later: no stall is as long
        answers = await here.ask(*map(str, range(20)))
    taken = [answer for answer in answers if isinstance(answer, str)]
    assert len(taken) == 5  # ten seconds' worth
    assert {answer.code for answer in answers if isinstance(answer, Rejected)} == {"too_many_requests"}


async def test_stopping_decides_what_was_asked(db: Database) -> None:
    async with bench(db) as here:
        asked = asyncio.create_task(here.group.submit("last", "last"))
        await asyncio.sleep(0)
    assert await asked == "<last>"


async def test_few_are_decided_at_once_and_many_in_a_transaction(db: Database) -> None:
    async with bench(db, at_once=True) as here:
        assert await here.ask("a", "b") == ["<a> at once", "<b> at once"]
        many = [str(number) for number in range(FEW + 1)]
        assert await here.ask(*many) == [f"<{mark}>" for mark in many]
    assert (here.tried, here.batches) == ([["a", "b"]], [many])


async def test_what_cannot_be_decided_at_once_is_decided_in_a_transaction_and_so_is_what_comes_soon_after(
    db: Database,
) -> None:
    async with bench(db, at_once=True) as here:
        assert await here.ask("crowd") == ["<crowd>"]
        soon = await asyncio.gather(*(here.ask(mark) for mark in "ab"))  # a writer may not have seen the crowd
        await asyncio.sleep(CROWDED_SECONDS)
        assert await here.ask("c") == ["<c> at once"]
    assert {answer.removesuffix(" at once") for (answer,) in soon} == {"<a>", "<b>"}
    assert await here.kept() == {"crowd", "a", "b", "c"}


async def test_a_connection_lost_at_once_is_replaced(db: Database) -> None:
    async with bench(db, at_once=True) as here:
        await here.ask("a")
        await db.pool.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bench'")
        assert await here.ask("b") == ["<b> at once"]


async def test_who_is_decided_alone_for_a_neighbours_sake_waits_for_locks_as_short_as_ever(db: Database) -> None:
    async with bench(db, at_once=True) as here:
        here.trouble = lambda marks: Rejected("in_progress") if "b" in marks else None
        answers = await here.ask("a", "b", "c")
    assert [type(answer) for answer in answers] == [str, Rejected, str]
    assert (here.tried, here.batches) == ([["a", "b", "c"]], [["a"], ["b"], ["c"]])


async def test_one_whose_time_is_nearly_over_leaves_its_neighbours_theirs(db: Database) -> None:
    async with bench(db, deadline_seconds=1.0) as here:
        here.gate.clear()
        blocked = []
        for writer, mark in enumerate(("first", "other"), 1):
            blocked.append(asyncio.create_task(here.group.submit(mark, mark)))
            while len(here.batches) < writer:
                await asyncio.sleep(0.001)
        again = asyncio.create_task(here.group.submit("again", "first"))  # waits for the first of its name
        await asyncio.sleep(0.8)
        here.gate.set()
        assert await asyncio.gather(*blocked) == ["<first>", "<other>"]
        here.gate.clear()
        asyncio.get_running_loop().call_later(0.5, here.gate.set)
        answers = await asyncio.gather(again, here.ask("fresh", "young"), return_exceptions=True)
    assert isinstance(answers[0], Transient)
    assert answers[1] == ["<fresh>", "<young>"]


async def test_who_needs_what_somebody_holds_is_decided_later_and_alone_waits(db: Database) -> None:
    here = Bench(db, Limits())
    held = [True]

    async def around(tx: Tx, marks: Sequence[str]) -> Sequence[str | Exception]:
        free = [mark for mark in marks if mark != "held" or not held[0]]
        await tx.execute("INSERT INTO marks (mark) SELECT unnest($1::text[])", free)
        return [f"<{mark}> around" if mark in free else Held() for mark in marks]

    def trouble(marks: Sequence[str]) -> Exception | None:
        return database.LockNotAvailable("canceling statement due to lock timeout") if "held" in marks else None

    here.trouble, here.group.around = trouble, around
    async with here.group.running():
        waits = asyncio.create_task(here.group.submit("held", "held"))
        assert await here.ask("a", "b") == ["<a> around", "<b> around"]
        assert not waits.done()
        held[0] = False
        assert await waits == "<held> around"
    assert await here.kept() == {"a", "b", "held"}


class Slow:
    """A server of 400 requests a second whom two writers ask, and the counts of what became of a crowd."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.group: Group = GroupCommit(self._connect, self._commit, Limits(batch=32, deadline_seconds=0.5))
        self.ends: list[tuple[float, type]] = []

    async def _connect(self) -> Any:
        return self

    async def execute(self, _sql: str) -> None:
        return None

    def is_closed(self) -> bool:
        return False

    def terminate(self) -> None:
        return None

    async def _commit(self, _tx: Tx, marks: Sequence[str]) -> Sequence[str]:
        async with self.turn:
            await asyncio.sleep(len(marks) / 400)
        return marks

    async def ask(self, mark: str) -> None:
        try:
            answer: Any = await self.group.submit(mark, mark)
        except Exception as error:
            answer = error
        self.ends.append((asyncio.get_running_loop().time(), type(answer)))


async def test_a_crowd_beyond_its_means_is_turned_away_and_not_kept_until_nobody_is_in_time() -> None:
    slow, loop = Slow(), asyncio.get_running_loop()
    async with slow.group.running():
        start = loop.time()
        crowd: list[asyncio.Task[None]] = []
        while (passed := loop.time() - start) < 3:
            crowd += [asyncio.create_task(slow.ask(str(number))) for number in range(len(crowd), int(1_200 * passed))]
            await asyncio.sleep(0.01)
        await asyncio.gather(*crowd)
    late = [kind for at, kind in slow.ends if start + 1.5 < at < start + 3]
    assert late.count(str) > 300  # of 600 that could be: all of a deadline's worth would come too late otherwise
    assert late.count(Rejected) > 600
    assert late.count(Transient) < late.count(str) / 10

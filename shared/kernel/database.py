"""PostgreSQL: one pool, one word for a transaction, one list of faults that a second try may heal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from asyncpg.transaction import Transaction

from shared.kernel.errors import Transient

T = TypeVar("T")

if TYPE_CHECKING:
    Tx = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]  # a connection inside a transaction
else:  # the classes are generic in the stubs only
    Tx = asyncpg.Connection | PoolConnectionProxy
Row = asyncpg.Record
LockNotAvailable = asyncpg.LockNotAvailableError
NotWhole = asyncpg.DivisionByZeroError  # of `Writes(whole=...)`: nothing was written

ATTEMPTS = 3  # 40P01 and 40001 heal at the second try
PATIENCE_SECONDS = 3.0  # after which nothing is tried again: a caller has given up, and a worker reads its batch anew
COMMAND_SECONDS = 10.0  # without it a black-holed pool stays wedged for the kernel's TCP timeout, 15 minutes
CONNECT_SECONDS = 5.0
# A plan made while a table was small reads all of it, and would go on to until somebody analyses what it has become.
PLAN_SECONDS = 5  # then a statement is prepared, and so planned, again: 0.1 to 0.6 ms
# For those who run the same few statements with other arrays of keys: otherwise a plan a batch, 0.2 to 5 ms, and tables
# read whole where they are small.
PLANNED_ONCE = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
SESSION = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "random_page_cost": "1.1",  # what is read by key lies in memory, or on a disk that doesn't turn
}

# Class 08 connection, 53 resources, 57 shutdown or cancel, 40 rollback, 55P03 lock timeout, 25P0x idle timeouts.
_TRANSIENT_STATES = ("08", "53", "57", "40", "55P03", "25P03", "25P04")


def is_transient(error: BaseException) -> bool:
    """Whether running the same work again may succeed, because the fault lay in the way and not in the work."""
    if isinstance(error, asyncpg.PostgresError):
        return str(getattr(error, "sqlstate", "") or "").startswith(_TRANSIENT_STATES)
    return isinstance(error, Transient | OSError | TimeoutError | asyncpg.InternalClientError) or (
        isinstance(error, asyncpg.InterfaceError) and not isinstance(error, asyncpg.DataError)
    )


async def prepare(connection: Tx) -> None:
    """Codecs of every connection: jsonb ↔ Python values, uuid ↔ its text; json is written as text."""
    await connection.set_type_codec(
        "jsonb", encoder=lambda value: orjson.dumps(value).decode(), decoder=orjson.loads, schema="pg_catalog"
    )
    await connection.set_type_codec("uuid", encoder=str, decoder=str, schema="pg_catalog")
    await connection.set_type_codec("json", encoder=str, decoder=orjson.loads, schema="pg_catalog")


async def _keep(_connection: object) -> None:
    """Nothing to reset: no code here changes a session, and asyncpg's own reset is a round trip a transaction."""


async def connect(dsn: str, schema: str, application_name: str, **settings: str) -> asyncpg.Connection[asyncpg.Record]:
    """One direct connection outside any pool, for session locks and one-off jobs."""
    connection = await asyncpg.connect(
        dsn,
        timeout=CONNECT_SECONDS,
        command_timeout=COMMAND_SECONDS,
        max_cached_statement_lifetime=PLAN_SECONDS,
        server_settings={"search_path": schema, "application_name": application_name, **SESSION, **settings},
    )
    await prepare(connection)
    return connection


class Database:
    """A service's own schema, reached through a pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], dsn: str, schema: str) -> None:
        self.pool = pool
        self.dsn = dsn
        self.schema = schema

    @classmethod
    async def open(
        cls, dsn: str, schema: str, *, size: int = 8, application_name: str = "wanpu", **settings: str
    ) -> Self:
        """Connect the first connection of the pool, so that a wrong DSN is known at start."""
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            max_inactive_connection_lifetime=60,
            max_cached_statement_lifetime=PLAN_SECONDS,
            init=prepare,
            reset=_keep,
            server_settings={"search_path": schema, "application_name": application_name, **SESSION, **settings},
        )
        return cls(pool, dsn, schema)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """A transaction that commits when its block ends and rolls back when it raises."""
        async with self.pool.acquire(timeout=CONNECT_SECONDS) as connection:
            transaction = connection.transaction()
            try:
                await transaction.start()
                yield connection
                await transaction.commit()
            except (TimeoutError, asyncio.CancelledError):
                _give_up(connection)
                raise
            except BaseException:
                await _roll_back(connection, transaction)
                raise

    async def run(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again (3 times, within 3 s) when a fault is one that a second try may heal."""
        clock = asyncio.get_running_loop().time
        until = clock() + PATIENCE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except Exception as error:
                if attempt == ATTEMPTS or clock() > until or not is_transient(error):
                    raise
                await asyncio.sleep(0.02 * attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def ping(self) -> None:
        """Ask the server for an answer. Raises what the driver raises when there is none."""
        await self.pool.fetchval("SELECT 1")

    async def close(self) -> None:
        """Let what is under way finish, then close; a connection that hangs is cut after 5 seconds."""
        try:
            await asyncio.wait_for(self.pool.close(), CONNECT_SECONDS)
        except TimeoutError:
            self.pool.terminate()


async def _roll_back(connection: Tx, transaction: Transaction) -> None:
    try:
        await transaction.rollback()
    except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, OSError):
        _give_up(connection)


def _give_up(connection: Tx) -> None:
    """Cut a connection that is gone or silent: a goodbye would wait for it, and keep its place in the pool."""
    with suppress(asyncpg.InterfaceError):  # it is back in the pool already
        connection.terminate()


async def now(tx: Tx) -> datetime:
    """The database's time; the same throughout the transaction."""
    at: datetime = await tx.fetchval("SELECT now()")
    return at


def columns(rows: list[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """Rows turned into the arrays that `unnest` wants; `width` empty arrays for no rows."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


_PARAMETER = re.compile(r"\$(\d+)")
_TYPED = re.compile(r"\$(\d+)::(\w+)\[\]")
# Types whose values need no quotes inside an array's text; `name` is PostgreSQL's type of a word of up to 63 bytes.
_PLAIN = frozenset({"uuid", "name", "smallint", "int", "bigint", "bool"})
_QUOTED = '{}"\\ \t\n\r\v\f'


class Writes:
    """Statements over arrays as one, a single round trip: `Writes(orders=_ORDERS, lines=_LINES)`.

    Each counts its own arrays from `$1`. All see the same snapshot, so none may build on what another has written; of
    one that ends with `RETURNING` the rows are counted. Those in `whole` write a row for each of their own, or nothing
    is written and `NotWhole` raised, also without a transaction. Arrays of plain types (`_PLAIN`) go as one text each:
    asyncpg takes 0.6 µs an element to write an array, which was a fifth of what an order took (bench, row intake).
    """

    def __init__(self, *, whole: Sequence[str] = (), **statements: str) -> None:
        self._plain: dict[str, list[bool]] = {}
        self._first: dict[str, str] = {}  # parameter of each statement
        parts = [f"{name} AS ({self._numbered(name, sql)})" for name, sql in statements.items()]
        counted = [name for name, sql in statements.items() if "RETURNING" in sql]
        counts = [f"(SELECT count(*) FROM {name}) AS {name}" for name in counted]  # noqa: S608 - our own names
        counts += [f"1 / ((SELECT count(*) FROM {name}) = cardinality({self._first[name]}))::int" for name in whole]  # noqa: S608
        self.sql = f"WITH {', '.join(parts)} SELECT {', '.join(counts) or '1'}"

    def _numbered(self, name: str, sql: str) -> str:
        before = sum(map(len, self._plain.values()))
        types = {int(number): kind for number, kind in _TYPED.findall(sql)}
        self._plain[name] = [types[number] in _PLAIN for number in range(1, len(types) + 1)]

        def shift(found: re.Match[str]) -> str:
            as_text = "::text" if types[int(found[1])] in _PLAIN else ""
            return f"${int(found[1]) + before}{as_text}"

        self._first[name] = _PARAMETER.sub(shift, f"$1::{types[1]}[]")
        return _PARAMETER.sub(shift, sql)

    async def run(self, tx: Tx, **rows: list[tuple[Any, ...]]) -> Row:
        """Write these rows; a statement that none are given for writes nothing. Returns the counts by name."""
        given: list[Any] = []
        for name, plain in self._plain.items():
            arrays = columns(rows.get(name, []), len(plain))
            given += [_as_text(array) if flat else array for array, flat in zip(arrays, plain, strict=True)]
        counts = await tx.fetchrow(self.sql, *given)
        assert counts is not None, "a SELECT without FROM has one row"
        return counts


def _as_text(array: list[Any]) -> str:
    """An array of plain values as PostgreSQL writes it; none may be the word NULL.

    Raises:
        ValueError: a value is empty or has a character that would need quotes.
    """
    if not array:
        return "{}"
    text = ",".join(["NULL" if value is None else value if type(value) is str else str(value) for value in array])
    if any(mark in text for mark in _QUOTED) or text.count(",") != len(array) - 1 or ",," in f",{text},":
        raise ValueError("a plain column holds a value that would need quotes")
    return f"{{{text}}}"

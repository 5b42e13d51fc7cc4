"""Where intake is measured: a market built by the public API on a whole stack, then PostgreSQL and orders alone."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import orjson

from bench import sample
from bench.gauge import Cost, tree_seconds
from bench.pgbench import BUYERS, Pgbench
from bench.sample import STOCK, Asked, Sample, variant_expression
from bench.servers import require_durable
from load import market as markets
from load.market import Market
from load.orders import Buyer, Mix, arrive, shots
from load.wire import Address, Run, Shot, Shown, address_of, closed_loop
from shared.embedded.postgres import Postgres
from shared.embedded.process import POLL_SECONDS, Progress, tail
from shared.kernel import database
from shared.kernel.database import Tx
from shared.kernel.migrate import migrate
from wanpu.demo.client import Platform
from wanpu.demo.place import by_name, free_offset
from wanpu.local.services import ROOT, PythonProcess
from wanpu.local.stack import SERVICE_MODULE, Stack
from wanpu.provision import in_database
from wanpu.token import mint_token

MIGRATIONS = ROOT / "services" / "orders" / "migrations"
MODES = {"cod": 1.0, "prepaid": 0.0}
CREATED = 201
COPY = "pgbench"  # the schema with the same tables that pgbench writes into
VARIANTS = 1_000
API = "orders-api"
READY_SECONDS = 60.0
LOG_LINES = 30
PLENTY = 10**12  # pieces of each of pgbench's variants
WARM_UP_SECONDS = 3.0  # each buyer's token and touch is checked once, statements are prepared
TRAFFIC = "half on delivery and confirmed at once, half prepaid; {buyers:,} buyers with tokens and touches; one line"


class Refused(Exception):
    """Orders were not taken: a figure of refusals says nothing."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What a run of orders over HTTP measured."""

    cost: Cost
    run: Run

    @property
    def ms(self) -> dict[str, float]:
        mean = sum(self.run.latencies) / len(self.run.latencies)
        return {"p50": self.run.p50 * 1000, "p99": self.run.p99 * 1000, "mean": mean * 1000}


@dataclass
class Stand:
    """One PostgreSQL, one API process of orders, and a copy of its schema for pgbench."""

    postgres: Postgres
    api: PythonProcess
    address: Address
    market: Market
    buyers: Sequence[Buyer]
    service_token: str
    samples: dict[str, Sample] = field(default_factory=dict)  # by the payment's mode

    @property
    def dsn(self) -> str:
        """The administrator's."""
        return in_database(self.postgres.dsn())

    @property
    def postgres_pid(self) -> int:
        assert self.postgres.pid is not None
        return self.postgres.pid

    @property
    def api_pid(self) -> int:
        assert self.api.pid is not None
        return self.api.pid

    @cached_property
    def pgbench(self) -> Pgbench:
        return Pgbench(self.dsn, COPY, self.postgres_pid)

    async def prepare(self) -> None:
        """Take a sample of each mode of payment, and make the copy that pgbench writes into."""
        for mode, share in MODES.items():
            self.samples[mode] = await self._sample(Mix(cod=share))
        await self.execute(f"CREATE SCHEMA {COPY}", "public")
        await migrate(self.dsn, COPY, MIGRATIONS)
        variants = f"SELECT {variant_expression('n')} AS id FROM generate_series(1, {VARIANTS}) n"
        pieces = f"SELECT id, id, gen_random_uuid(), {PLENTY} FROM ({variants}) AS made"
        await self.execute(f"INSERT INTO {STOCK} (stock_id, variant_id, supplier_id, received) {pieces}", COPY)
        await self.execute("VACUUM ANALYZE", "public")

    async def _sample(self, mix: Mix) -> Sample:
        shown: list[Shown] = []
        async with self.connected("orders") as tx:
            since = await sample.mark(tx)
            await closed_loop([self.address], self.orders(mix), connections=1, count=1, sink=shown.append)
            made = orjson.loads(shown[0].body or b"{}")
            if shown[0].status != CREATED:
                raise Refused(f"the first order was answered {shown[0].status}: {made}")
            party, key = shown[0].tag
            asked = Asked(party, key, made["lines"][0]["variant_id"], made["order_id"])
            return await sample.take(tx, since, asked)

    async def durable(self) -> dict[str, str]:
        """The server's settings, after both schemas were found to be kept on disk."""
        for schema in ("orders", COPY):
            found = await require_durable(self.dsn, schema)
        return found

    async def take(self, requests: Iterator[Shot], *, connections: int, seconds: float, a_call: int = 1) -> Taken:
        """Send what is next whenever a connection is free, for so long; `a_call`: orders in a request.

        Raises:
            Refused: an answer was not 201 (200 for a batch).
        """
        api, postgres = tree_seconds(self.api_pid), tree_seconds(self.postgres_pid)
        run = await closed_loop([self.address], requests, connections=connections, seconds=seconds)
        api, postgres = tree_seconds(self.api_pid) - api, tree_seconds(self.postgres_pid) - postgres
        if run.answers.keys() - {200, 201}:
            raise Refused(f"answers by status: {run.answers}")
        orders = a_call * len(run.latencies)
        each = 1000 / orders
        cost = Cost(orders, run.seconds, api * each, postgres * each, 0.0, run.cpu_seconds * each)
        return Taken(cost, run)

    @property
    def rows_told(self) -> str:
        """What an order writes, for people."""
        each = (
            f"{mode}: " + ", ".join(f"{n} {t}" for t, n in one.counts.items()) for mode, one in self.samples.items()
        )
        return "; ".join(each) + f"; one {STOCK} row changed"

    def orders(self, mix: Mix | None = None) -> Iterator[Shot]:
        """Requests without end."""
        return shots(self.market, self.buyers, self.address, mix)

    async def warm_up(self, requests: Iterator[Shot], connections: int) -> None:
        await closed_loop([self.address], requests, connections=connections, seconds=WARM_UP_SECONDS)

    async def clear(self) -> None:
        """No order in either schema, and nothing of an earlier run left to write or to clean away."""
        tables = {table for each in self.samples.values() for table in each.rows}
        for schema in ("orders", COPY):
            await self.execute(f"TRUNCATE {', '.join(sorted(tables))}", schema)
            await self.execute(f"UPDATE {STOCK} SET reserved = 0 WHERE reserved > 0", schema)
            await self.execute(f"VACUUM ANALYZE {', '.join(sorted(tables))}, {STOCK}", schema)
        await self.execute("CHECKPOINT", "public")

    async def require_rows(self, schema: str, orders: int) -> None:
        """So many orders stand in a schema, each with all its rows and its piece of stock."""
        async with self.connected(schema) as tx:
            modes = {row[0]: row[1] for row in await tx.fetch("SELECT payment_mode, count(*) FROM orders GROUP BY 1")}
            reserved = await tx.fetchval(f"SELECT sum(reserved) FROM {STOCK}")
        wanted: Counter[str] = Counter()
        for mode, number in modes.items():
            wanted += Counter({table: each * number for table, each in self.samples[mode].counts.items()})
        found = {table: await self.count(table, schema) for table in wanted}
        assert sum(modes.values()) == reserved == orders, f"{schema}: {modes}, {reserved} pieces, of {orders} orders"
        assert found == wanted, f"{schema}: {found}, not {dict(wanted)}"

    async def count(self, table: str, schema: str) -> int:
        async with self.connected(schema) as tx:
            return int(await tx.fetchval(f'SELECT count(*) FROM "{table}"'))

    async def execute(self, statement: str, schema: str, seconds: float = 120) -> None:
        """One statement outside any transaction."""
        async with self.connected(schema) as tx:
            await tx.execute(statement, timeout=seconds)

    @asynccontextmanager
    async def connected(self, schema: str) -> AsyncIterator[Tx]:
        connection = await database.connect(self.dsn, schema, "wanpu-bench")
        try:
            yield connection
        finally:
            await connection.close()


@asynccontextmanager
async def stand(variants: int = VARIANTS, buyers: int = BUYERS, say: Progress = print) -> AsyncIterator[Stand]:
    """Build the market on a stack of its own, stop all but what is measured; nothing is left when the block ends."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="wanpu-bench-")), free_offset(), quiet_sandbox=True, progress=say)
    try:
        async with furnished(stack, variants, buyers) as (_, market, arrived):
            token = mint_token(stack.secrets, "service", "bench", loadtest=True)
        async with _alone(stack) as (postgres, api):
            address = address_of(stack.urls["WANPU_ORDERS_URL"])
            made = Stand(postgres, api, address, market, arrived, token)
            await made.prepare()
            yield made
    finally:
        await asyncio.to_thread(stack.remove)


@asynccontextmanager
async def furnished(
    stack: Stack, variants: int, buyers: int, *, loadtest: bool = True
) -> AsyncIterator[tuple[Platform, Market, Sequence[Buyer]]]:
    """The whole stack with a market of so many variants, stopped when the block ends."""
    async with stack, Platform(by_name(stack.urls), stack.secrets, loadtest=loadtest) as platform:
        try:
            market = await markets.build(platform, variants)
            arrived = await arrive(platform, market, buyers)
        except Exception as error:
            log = stack.data / "logs" / f"{API}.log"  # its folder is gone when people come to look
            raise Refused(f"no market: {error}; the end of {log.name}:\n{tail(log, LOG_LINES)}") from error
        yield platform, market, arrived


@asynccontextmanager
async def _alone(stack: Stack) -> AsyncIterator[tuple[Postgres, PythonProcess]]:
    """Of a stack that was stopped, PostgreSQL and orders' API."""
    logs, port = stack.data / "logs", stack.ports.api("orders")
    postgres = Postgres(stack.data / "postgres", stack.ports.postgres, log=logs / "postgres.log")
    api = PythonProcess(API, (SERVICE_MODULE, "orders", "api"), port, logs / f"{API}.log")
    api.env = stack.environment("orders", API, port)
    try:
        await asyncio.to_thread(postgres.start)
        api.spawn()
        async with asyncio.timeout(READY_SECONDS):
            while not await asyncio.to_thread(api.is_ready):
                await asyncio.sleep(POLL_SECONDS)
        yield postgres, api
    finally:
        await asyncio.to_thread(api.stop)
        await asyncio.to_thread(postgres.stop)

"""Row `growth`: what an order costs as the tables grow, filled by SQL with the rows that an order writes.

Orders are spread over listings of all the stock there is. Autovacuum leaves the filled tables alone, so that no run
pays for the filling.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from bench.pgbench import BUYERS
from bench.report import Figure, Report, Run
from bench.sample import Sample
from bench.stand import TRAFFIC, Stand
from load.market import Listing, Market
from load.orders import Mix, shots

STOCK_ROWS = 1_000_000
ORDERS = (1_000_000, 2_500_000, 5_000_000)
TIMES = 1.3  # the first figure
CONNECTIONS = 64
SECONDS = 5.0
RUNS = 3  # at each size: the median counts
CHUNK = 100_000  # orders in a statement of the filling
SPREAD = 20_000  # listings that orders are spread over: each on another page of its tables
FILL_SECONDS = 420.0  # then what was reached is measured and said: the whole row ends within ten minutes
FIRST = 100_000_000_000  # numbers of filled orders, which pgbench never comes to
GONE = ("outbox", "timers")  # what is there for a moment only: sent, fired

# One more of each, like those there are: a variant with its stock and a listing of it.
_MORE = """
    WITH made AS MATERIALIZED (SELECT uuidv7() AS variant_id, uuidv7() AS listing_id FROM generate_series(1, {rows})),
         v AS (INSERT INTO variants ({variants}, variant_id)
               SELECT {variants}, made.variant_id FROM made, (SELECT {variants} FROM variants LIMIT 1) AS one),
         s AS (INSERT INTO stock ({stock}, stock_id, variant_id)
               SELECT {stock}, made.variant_id, made.variant_id FROM made, (SELECT {stock} FROM stock LIMIT 1) AS one)
    INSERT INTO listings ({listings}, variant_id, listing_id)
    SELECT {listings}, made.variant_id, made.listing_id FROM made, (SELECT {listings} FROM listings LIMIT 1) AS one
"""
_GROWN = ("variants", "stock", "listings")
_COPIED = """
    SELECT string_agg(attname, ', ') FROM pg_attribute
     WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
       AND attname NOT IN ('variant_id', 'stock_id', 'listing_id')
"""
_SOME = """
    SELECT l.listing_id, l.variant_id, v.list_price AS price
      FROM listings l JOIN variants v USING (variant_id) ORDER BY random() LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    stock: int
    orders: int

    def __str__(self) -> str:
        return f"{self.stock:,} stock rows, {self.orders:,} orders"


async def growth(
    stand: Stand,
    stock_rows: int = STOCK_ROWS,
    orders: Sequence[int] = ORDERS,
    seconds: float = SECONDS,
    fill_seconds: float = FILL_SECONDS,
) -> Report:
    """Measure, fill, measure again; ends with what could be filled in the time."""
    gauge = _Gauge(stand, seconds)
    await stand.clear()
    await gauge.read(Size(len(stand.market.listings), 0), stand.market)
    until = time.monotonic() + fill_seconds
    market = await _add_stock(stand, stock_rows)
    await gauge.read(Size(stock_rows, 0), market)
    filled = 0
    for wanted in orders:
        filled = await _add_orders(stand, filled, wanted, until)
        await gauge.read(Size(stock_rows, filled), market)
        if filled < wanted:
            break
    first, *others = (gauge.cpu_ms(size) for size in gauge.sizes)
    figure = Figure("dearest / first CPU an order", max(others) / first, "×", TIMES, at_most=True)
    notes = {"traffic": TRAFFIC.format(buyers=len(stand.buyers)), "reached": str(gauge.sizes[-1])}
    cpu = {f"CPU ms at {size}": gauge.cpu_ms(size) for size in gauge.sizes}
    title = f"what an order costs as tables grow; {CONNECTIONS} connections"
    return Report("growth", title, gauge.runs, await stand.durable(), [figure], more=cpu, notes=notes)


class _Gauge:
    """Runs at each size."""

    def __init__(self, stand: Stand, seconds: float) -> None:
        self.stand = stand
        self.seconds = seconds
        self.runs: list[Run] = []
        self.sizes: list[Size] = []

    async def read(self, size: Size, market: Market) -> None:
        self.sizes.append(size)
        requests = shots(market, self.stand.buyers, self.stand.address, Mix())
        await self.stand.warm_up(requests, CONNECTIONS)
        for number in range(RUNS):
            await self.stand.execute("CHECKPOINT", "public")
            taken = await self.stand.take(requests, connections=CONNECTIONS, seconds=self.seconds)
            self.runs.append(Run(number, str(size), taken.cost, taken.ms))
            await self.stand.execute("TRUNCATE outbox", "orders")  # as the relay leaves it

    def cpu_ms(self, size: Size) -> float:
        return median(run.cost.ours_ms + run.cost.postgres_ms for run in self.runs if run.who == str(size))


async def _add_stock(stand: Stand, rows: int) -> Market:
    """So many rows in all of stock and of the mirrors that lead to it; a market of some of them."""
    async with stand.connected("orders") as tx:
        await tx.execute("SET synchronous_commit = off")
        copied = {table: await tx.fetchval(_COPIED, table) for table in _GROWN}
        more = _MORE.format(rows=rows - len(stand.market.listings), **copied)
        await tx.execute(more, timeout=FILL_SECONDS)
        await tx.execute(f"ANALYZE {', '.join(_GROWN)}", timeout=FILL_SECONDS)
        found = await tx.fetch(_SOME, SPREAD, timeout=FILL_SECONDS)
    return replace(stand.market, listings=tuple(Listing(**row) for row in found))


async def _add_orders(stand: Stand, there: int, wanted: int, until: float) -> int:
    """Fill up to so many orders, half of each kind; returns how many there are when time is over."""
    tables = {table for each in stand.samples.values() for table in each.rows if table not in GONE}
    for table in sorted(tables):
        await stand.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)", "orders")
    chunks = iter(range(there, wanted, CHUNK))

    async def fill(sample: Sample) -> int:
        done = 0
        async with stand.connected("orders") as tx:
            await tx.execute("SET synchronous_commit = off")
            while time.monotonic() < until and (first := next(chunks, None)) is not None:
                count = min(CHUNK, wanted - first)
                for statement in _fill(sample, FIRST + first, count, len(stand.market.listings)):
                    await tx.execute(statement, timeout=FILL_SECONDS)
                done += count
        return done

    filled = await asyncio.gather(*(fill(each) for each in stand.samples.values()))
    await stand.execute(f"ANALYZE {', '.join(sorted(tables))}", "orders", FILL_SECONDS)
    return there + sum(filled)


def _fill(sample: Sample, first: int, count: int, variants: int) -> Iterator[str]:
    source = (
        f"(SELECT {first}::bigint + i AS n, i % {BUYERS} AS buyer, i % {variants} + 1 AS variant"
        f" FROM generate_series(0, {count - 1}) AS i) AS s"
    )
    yield from (sample.insert_many(table, source) for table in sample.rows if table not in GONE)

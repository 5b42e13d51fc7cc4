"""Row `end_to_end`: HTTP → outbox → Kafka → logistics has its shipment, every process of the platform on this machine.

The highest rate of an open loop that all of it keeps up with: found by short steps, then held for a minute. Every order
is paid on delivery and confirmed at once, so that each has a shipment to wait for.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.gauge import Cost, tree_seconds
from bench.report import Figure, Report, Run, cuts
from bench.servers import require_durable
from bench.stand import VARIANTS, furnished
from load.market import Market
from load.orders import BUYERS, Buyer, Mix, shots
from load.wire import Run as Answered
from load.wire import Shown, address_of, open_loop
from shared.embedded.postgres import Postgres
from shared.embedded.process import Progress
from shared.kernel import database
from shared.kernel.database import Tx
from wanpu.demo.place import free_offset
from wanpu.local.stack import Stack
from wanpu.provision import in_database
from wanpu.reconcile import History, load_routers, reconcile, until_quiet

SECONDS = 60.0
STEP_SECONDS = 8.0  # long enough for a backlog to show
START = 600.0  # orders a second
FASTER = 1.25
SLOWER = 0.9  # after a rate that was not held for the whole time
STEPS, TRIES = 12, 8  # 600 × 1.25¹¹ is three times the goal; 0.9⁷ is half of what was held for a step
BAR, GOAL = 1_500.0, 2_300
P99_MS = 2_000.0
KEPT_UP = 0.97  # of the offered rate: the last answers may take a little longer
CONNECTIONS = 512  # an open loop: nobody waits in the client unless an answer takes half a second
DRAIN_SECONDS = 120.0
QUIET_SECONDS = 180.0
KAFKA, POSTGRES = "kafka", "postgres"

_SHIPPED = "SELECT count(*) FROM logistics.shipments"
# Both rows as they were inserted; a commit's time is the database's own record of it (track_commit_timestamp).
_TAKEN_MS = """
    SELECT extract(epoch FROM pg_xact_commit_timestamp(s.xmin) - pg_xact_commit_timestamp(l.xmin)) * 1000 AS ms
      FROM orders.orders o JOIN orders.lines l USING (order_id) JOIN logistics.shipments s USING (order_id)
     WHERE o.placed_at >= $1 AND o.loadtest AND l.version = 1 AND s.version = 1 AND s.state = 'CREATED'
"""


@dataclass
class Town:
    """The whole platform with a market in it, and what was asked of it."""

    stack: Stack
    market: Market
    buyers: Sequence[Buyer]
    history: History
    answers: list[tuple[tuple[str, str], int, str | None]] = field(default_factory=list)

    @property
    def dsn(self) -> str:
        return in_database(self.stack.superuser_dsn)

    def note(self, shown: Shown) -> None:
        """Remember an answer; its order's id is cut out, because parsing would cost the measured machine more."""
        body = shown.body or b""
        begin = body.find(b'"order_id":"') + 12
        self.answers.append((shown.tag, shown.status, body[begin : begin + 36].decode() if begin > 11 else None))

    def cpu(self) -> dict[str, float]:
        """Processor seconds by process."""
        return {each.name: tree_seconds(each.server.pid) for each in self.stack.processes if each.server.pid}

    def spent(self, before: Mapping[str, float], run: Answered) -> tuple[Cost, dict[str, float]]:
        """What a run's orders took, by what `cpu` said before it; and processor milliseconds an order by process."""
        orders = run.answers.get(201, 0)
        each = 1000 / max(1, orders)
        spent = {name: (total - before.get(name, 0.0)) * each for name, total in self.cpu().items()}
        ours = sum(ms for name, ms in spent.items() if name not in (POSTGRES, KAFKA))
        return Cost(orders, run.seconds, ours, spent[POSTGRES], spent[KAFKA], run.cpu_seconds * each), spent

    async def behind(self, tx: Tx) -> int:
        """Orders that stand and have no shipment yet."""
        placed = sum(status == 201 for _, status, _ in self.answers)
        return max(0, placed - int(await tx.fetchval(_SHIPPED)))


@asynccontextmanager
async def town(
    variants: int = VARIANTS, buyers: int = BUYERS, say: Progress = print, *, loadtest: bool = True
) -> AsyncIterator[Town]:
    """Everything, started for this row; nothing is left when the block ends."""
    stack = Stack(Path(tempfile.mkdtemp(prefix="wanpu-bench-")), free_offset(), quiet_sandbox=True, progress=say)
    try:
        await _note_commits(Postgres(stack.data / POSTGRES, stack.ports.postgres))
        async with furnished(stack, variants, buyers, loadtest=loadtest) as (platform, market, arrived):
            yield Town(stack, market, arrived, platform.history)
    finally:
        await asyncio.to_thread(stack.remove)


async def _note_commits(postgres: Postgres) -> None:
    """Have the stack's server, not started yet, note each commit's time."""
    await asyncio.to_thread(postgres.start)
    connection = await database.connect(postgres.dsn(), "public", "wanpu-bench")
    await connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")
    await connection.close()
    await asyncio.to_thread(postgres.stop)


@dataclass(frozen=True, slots=True)
class Held:
    """What became of a rate."""

    rate: float
    run: Answered
    behind: int  # orders without a shipment when the last one was due
    cost: Cost
    by_process: dict[str, float]  # CPU ms an order
    taken_ms: Sequence[float] = ()

    @property
    def kept_up(self) -> bool:
        refused = self.run.answers.keys() - {201}
        return not refused and self.run.goodput >= KEPT_UP * self.rate and self.behind <= self.rate * P99_MS / 1000

    @property
    def p99_ms(self) -> float:
        return cuts(self.taken_ms)["p99"]


async def measure(
    here: Town, *, start: float = START, step_seconds: float = STEP_SECONDS, seconds: float = SECONDS
) -> Report:
    """Find the rate, hold it, and let `reconcile` say whether all of it is true."""
    connection = await database.connect(here.dsn, "orders", "wanpu-bench")
    try:
        steps = await _climb(here, connection, start, step_seconds)
        good = [step.rate for step in steps if step.kept_up]
        tries = await _hold(here, connection, max(good, default=start * SLOWER), seconds)
    finally:
        await connection.close()
    held = tries[-1]
    routers = load_routers()
    left = await until_quiet(here.stack.auditor_dsn(), here.stack.bootstrap, routers, seconds=QUIET_SECONDS)
    for (party, key), status, order_id in here.answers:
        here.history.note(party, key, status or None, order_id)
    findings = await reconcile(here.stack.auditor_dsn(), here.stack.bootstrap, here.history, routers=routers)
    broken = [f"{each.name}: {'; '.join(each.faults[:3])}" for each in findings if not each.holds]
    return Report(
        "end_to_end",
        f"orders from HTTP to their shipment, everything on; goal {GOAL:,}/s",
        [_told(place, each) for place, each in enumerate((*steps, *tries))],
        await require_durable(here.dsn, "orders"),
        [
            Figure(f"held for {seconds:.0f} s", held.run.goodput if _passes(held) else 0.0, "orders/s", BAR),
            Figure("commit to shipment, p99", held.p99_ms, "ms", P99_MS, at_most=True),
            Figure("broken invariants", len(broken), "", 0, at_most=True),
        ],
        more={f"{name} CPU ms an order": ms for name, ms in held.by_process.items()},
        taken_ms=held.taken_ms,
        notes={
            "traffic": f"open loop, {CONNECTIONS} connections, all on delivery and confirmed at once, one line",
            "reconcile": "; ".join(broken + left)
            or f"all {len(findings)} checks hold for {len(here.answers):,} orders",
        },
    )


def _passes(held: Held) -> bool:
    return held.kept_up and held.p99_ms <= P99_MS


def _told(place: int, held: Held) -> Run:
    ms = {f"shipment {name}": value for name, value in cuts(held.taken_ms).items() if name in ("p50", "p99")}
    verdict = "kept up" if held.kept_up else f"fell behind by {held.behind:,}"
    who = f"{held.rate:,.0f}/s offered: {verdict}"
    return Run(place, who, held.cost, {"answer p50": held.run.p50 * 1000, "answer p99": held.run.p99 * 1000, **ms})


async def _climb(here: Town, tx: Tx, rate: float, seconds: float) -> list[Held]:
    """Faster and faster until it falls behind, then once between the last two."""
    steps: list[Held] = []
    for _ in range(STEPS):
        steps.append(await _offer(here, tx, rate, seconds))
        if not steps[-1].kept_up:
            break
        rate *= FASTER
    if len(steps) > 1 and not steps[-1].kept_up:
        steps.append(await _offer(here, tx, (steps[-1].rate + steps[-2].rate) / 2, seconds))
    return steps


async def _hold(here: Town, tx: Tx, rate: float, seconds: float) -> list[Held]:
    """The whole time; a little slower when it was not held."""
    tries: list[Held] = []
    for _ in range(TRIES):
        tries.append(await _offer(here, tx, rate, seconds))
        if _passes(tries[-1]):
            break
        rate *= SLOWER
    return tries


async def _offer(here: Town, tx: Tx, rate: float, seconds: float) -> Held:
    """One rate for so long; what is left of it is waited for, so that the next one begins in peace."""
    began = await tx.fetchval("SELECT clock_timestamp()")
    before = here.cpu()
    address = address_of(here.stack.urls["WANPU_ORDERS_URL"])
    requests = shots(here.market, here.buyers, address, Mix(cod=1.0))
    run = await open_loop([address], requests, rate=rate, seconds=seconds, connections=CONNECTIONS, sink=here.note)
    behind = await here.behind(tx)
    await _drain(here, tx)
    cost, spent = here.spent(before, run)
    rows = await tx.fetch(_TAKEN_MS, began, timeout=DRAIN_SECONDS)
    return Held(rate, run, behind, cost, spent, [float(row["ms"]) for row in rows])


async def _drain(here: Town, tx: Tx) -> None:
    async with asyncio.timeout(DRAIN_SECONDS):
        while await here.behind(tx):
            await asyncio.sleep(0.5)

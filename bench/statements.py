"""Row `statements`: a carrier's statement over HTTP until its last row is matched, by logistics' API and worker.

Both are processes as in production, relay included; parcels and collected cash are written by SQL beforehand, with
seven kinds of faults at 1 % each. Peak memory is the kernel's own figure, VmHWM, of each process.
"""

from __future__ import annotations

import asyncio
import random
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.gauge import Cost, Reading, take_reading
from bench.report import Figure, Report, Run
from bench.servers import Servers
from services.logistics.tests import seeded
from shared.contracts import TOPICS
from shared.embedded.process import POLL_SECONDS, free_port
from shared.kernel import database, webhooks
from shared.kernel.ids import new_id
from shared.kernel.kafka import apply_topics
from shared.kernel.migrate import migrate
from wanpu.keys import init
from wanpu.local.services import ROOT, PythonProcess

ROWS = 100_000
SCHEMA = "logistics"
SEED = 5
ROWS_A_SECOND = 1_000.0  # a carrier's month of a million parcels within twenty minutes, beside all the rest
PEAK_MB = 250.0  # an idle process has 100: a file sixty times as large must not need more
READY_SECONDS = 60.0
DONE_SECONDS = 400.0
ACCEPTED = 202
_PEAK = re.compile(r"VmHWM:\s+(\d+) kB")


@dataclass(frozen=True, slots=True)
class Desk:
    """Logistics as two processes, and a carrier's key."""

    api: PythonProcess
    worker: PythonProcess
    url: str
    carrier_key: str

    def reading(self, servers: Servers) -> Reading:
        return take_reading(*servers.pids, *(pid for pid in (self.api.pid, self.worker.pid) if pid))

    def peaks(self) -> dict[str, float]:
        """The most memory each process has had, in MB."""
        return {process.name: _peak_mb(process.pid) for process in (self.api, self.worker)}


async def measure(servers: Servers, rows: int = ROWS) -> Report:
    """Send one statement, wait for its job, hold what was found against what was planned."""
    parcels = seeded.plan(rows, SEED)
    body = seeded.statement(parcels, SEED)
    async with _desk(servers, parcels) as desk:
        durable = await servers.require_durable(SCHEMA)
        idle, before = desk.peaks(), desk.reading(servers)
        async with httpx.AsyncClient(base_url=desk.url, timeout=DONE_SECONDS) as client:
            job_id = await _send(client, desk, body)
            received = desk.reading(servers)
            job = await _done(servers, job_id)
        matched, peaks = desk.reading(servers), desk.peaks()
    good = sum(parcel.fault in (None, "late", "duplicate") for parcel in parcels)
    assert (job["matched"], job["found"]) == (good, len(seeded.FAULTS[1:]) * int(rows * seeded.SHARE)), dict(job)
    runs = [Run(0, "received", received.cost(before, rows)), Run(0, "matched", matched.cost(received, rows))]
    whole: Cost = matched.cost(before, rows)
    figures = [
        Figure("from the first byte to the last match", whole.rate, "rows/s", ROWS_A_SECOND),
        *(Figure(f"peak memory, {name}", peak, "MB", PEAK_MB, at_most=True) for name, peak in peaks.items()),
    ]
    more = {f"MB before, {name}": peak for name, peak in idle.items()} | {"file MB": len(body) / 1e6}
    notes = {"faults": f"{', '.join(seeded.FAULTS)}: {seeded.SHARE:.0%} each, all found, none else; seed {SEED}"}
    title = f"a statement of {rows:,} rows"
    return Report("statements", title, [*runs, Run(0, "whole", whole)], durable, figures, more=more, notes=notes)


async def _send(client: httpx.AsyncClient, desk: Desk, body: bytes) -> str:
    headers = webhooks.sign([desk.carrier_key], body, new_id())
    headers |= {"content-type": "text/csv", "statement-ref": f"bench-{random.randrange(10**9)}"}
    answer = await client.post(f"/carriers/{seeded.CARRIER}/statements", content=body, headers=headers)
    assert answer.status_code == ACCEPTED, answer.text
    job_id: str = answer.json()["job_id"]
    return job_id


async def _done(servers: Servers, job_id: str) -> database.Row:
    connection = await database.connect(servers.dsn, SCHEMA, "wanpu-bench")
    try:
        async with asyncio.timeout(DONE_SECONDS):
            while True:
                job = await connection.fetchrow("SELECT * FROM statements WHERE statement_id = $1", job_id)
                assert job is not None
                if job["state"] != "RECEIVED":
                    return job
                await asyncio.sleep(POLL_SECONDS)
    finally:
        await connection.close()


@asynccontextmanager
async def _desk(servers: Servers, parcels: Sequence[seeded.Parcel]) -> AsyncIterator[Desk]:
    """Logistics with these parcels in it; its schema is gone when the block ends."""
    await servers.execute(f"CREATE SCHEMA {SCHEMA}", "public")
    with tempfile.TemporaryDirectory(prefix="wanpu-bench-") as folder:
        desk = _processes(servers, Path(folder))
        try:
            await migrate(servers.dsn, SCHEMA, ROOT / "services" / SCHEMA / "migrations")
            await _fill(servers, parcels)
            await apply_topics(servers.kafka.bootstrap, TOPICS)
            for process in (desk.api, desk.worker):
                process.spawn()
                await _ready(process)
            yield desk
        finally:
            for process in (desk.api, desk.worker):
                await asyncio.to_thread(process.stop)
            await servers.execute(f"DROP SCHEMA {SCHEMA} CASCADE", "public")


def _processes(servers: Servers, folder: Path) -> Desk:
    init(folder / "secrets")
    secrets = folder / "secrets" / SCHEMA
    told = {
        "WANPU_POSTGRES_DSN": servers.dsn,
        "WANPU_POSTGRES_PASSWORD": "",
        "WANPU_KAFKA_BOOTSTRAP": servers.kafka.bootstrap,
        "WANPU_SECRETS_DIR": str(secrets),
    }
    made = []
    for role, variable in (("api", "WANPU_PORT"), ("worker", "WANPU_METRICS_PORT")):
        name, port = f"{SCHEMA}-{role}", free_port()
        process = PythonProcess(name, ("shared.kernel.service", SCHEMA, role), port, folder / f"{name}.log")
        process.env = told | {variable: str(port), "WANPU_NAME": name}
        made.append(process)
    key = (secrets / "carrier_webhook_keys").read_text().split()[0]
    return Desk(made[0], made[1], f"http://127.0.0.1:{made[0].port}", key)


async def _fill(servers: Servers, parcels: Sequence[seeded.Parcel]) -> None:
    connection = await database.connect(servers.dsn, SCHEMA, "wanpu-bench")
    try:
        async with connection.transaction():
            await seeded.write(connection, parcels)
        await connection.execute("VACUUM ANALYZE shipments, cod_cash", timeout=60)
        # Cash of the past would be found missing while the statement is still on its way.
        await connection.execute("UPDATE timers SET due_at = now() + interval '1 h' WHERE kind = 'chase_remittances'")
    finally:
        await connection.close()


async def _ready(process: PythonProcess) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not await asyncio.to_thread(process.is_ready):
            assert process.is_running(), process.log.read_text()
            await asyncio.sleep(POLL_SECONDS)


def _peak_mb(pid: int | None) -> float:
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / 1e6 if found else float("nan")

"""The processes of the small pair: `python -m tests.failures.process relay|worker|api …` dies when told to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import ClassVar

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from pydantic import BaseModel

from shared.contracts.event import Topic
from shared.kernel import observe, outbox
from shared.kernel.database import Database, Tx
from shared.kernel.http import Body, Call, Routes, api
from shared.kernel.relay import Relay
from shared.kernel.settings import ServiceSettings
from shared.kernel.tests import mill
from shared.kernel.worker import WorkerSettings, worker

COUNT = """
    INSERT INTO meters AS m (meter_id, total, events) VALUES ($1, $2, 1)
    ON CONFLICT (meter_id) DO UPDATE SET total = m.total + excluded.total, events = m.events + 1
    RETURNING events, total
"""


class MeterSettings(ServiceSettings):
    """The meter's edge."""

    service: ClassVar[str] = "meter"


class NewCount(Body):
    """What a meter counted."""

    meter_id: str
    amount: int


class CountTaken(BaseModel):
    """The meter's sum after it."""

    total: int


routes = Routes()


@routes.post("/counts", roles={"service"}, status=201, once=True)
async def take_count(call: Call, tx: Tx, body: NewCount) -> CountTaken:
    """Count once a key."""
    row = await tx.fetchrow(COUNT, body.meter_id, body.amount)
    assert row is not None
    event = mill.Counted(meter_id=body.meter_id, amount=body.amount).at(row["events"], call.cause)
    await outbox.append(tx, [event])
    return CountTaken(total=row["total"])


def use_topics(suffix: str) -> None:
    """Give the pair topics of their own, so that one broker serves many runs."""
    mill.Counted.topic = Topic(f"meter.readings.{suffix}", owner="meter", key="meter_id")
    mill.Reset.topic = mill.Counted.topic
    mill.TotalChanged.topic = Topic(f"gauge.totals.{suffix}", owner="gauge", key="meter_id")


async def run_relay(dsn: str, schema: str, bootstrap: str) -> None:
    relay = Relay(dsn, schema, bootstrap)
    _on_stop(relay.stop)
    await relay.run()


async def run_worker(dsn: str, schema: str, bootstrap: str) -> None:
    router = mill.mirroring() if os.environ.get("MILL_MODE") == "latest" else mill.adding()
    await worker(WorkerSettings(schema, dsn, bootstrap), router).run()


async def run_api(dsn: str, schema: str, port: str) -> None:
    db = await Database.open(dsn, schema)
    settings = MeterSettings.load()
    server = Server(api(settings, routes, database=db), address="127.0.0.1", port=int(port), interface=Interfaces.ASGI)
    _on_stop(server.stop)
    await server.serve()


def _on_stop(stop: Callable[[], object]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


if __name__ == "__main__":
    observe.configure_logs("mill", sys.argv[1], as_json=False)
    use_topics(os.environ["MILL_TOPICS"])
    uvloop.run({"relay": run_relay, "worker": run_worker, "api": run_api}[sys.argv[1]](*sys.argv[2:]))

"""The whole platform with two of each role, a seed that says what dies, and what must be true in the end."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import uvloop

from load.target import INTAKE_FIRST
from load.wire import Address, address_of
from shared.embedded.process import LOOPBACK, StackError
from shared.kernel import database
from shared.kernel.database import Tx
from tests.failures.rig import Failed, require
from wanpu.demo import place
from wanpu.demo.client import DemoError, Platform
from wanpu.demo.market import Market, Shop, onboard, open_shop
from wanpu.demo.place import Place
from wanpu.demo.samples import Creator, Deal, Item, Supplier
from wanpu.layout import SERVICES
from wanpu.local.services import PythonProcess
from wanpu.local.stack import SERVICE_MODULE, Stack
from wanpu.local.supervisor import Supervised, Supervisor
from wanpu.provision import in_database
from wanpu.reconcile import History, load_routers, reconcile, until_quiet

RATE = 300  # orders a second, open loop: "under load" (docs/guarantees.md)
CONNECTIONS = 2 * RATE  # an open loop: nobody waits in the client unless an answer takes two seconds
DRAIN_SECONDS = 15.0
VARIANTS = 60  # a shop's page shows a hundred listings at most
PIECES = 1_000_000  # nobody is refused for want of stock
CHEAP = 3_000  # fen: three of them are still below the limit of automatic confirmation
SHARE = Path("/proc/self/autogroup")  # of the processor, where Linux gives each session an equal one
DRIVER_NICE = "-10"
KEEPER = Creator("小禾", "group", "xiaohe", "四样小菜", "现做现发。")


class Relay(PythonProcess):
    """A relay as a process of its own: it listens nowhere, so running is all that can be seen of it."""

    def prepare(self) -> None:
        return

    def _answers(self) -> bool:
        return self.is_running()


@dataclass(slots=True)
class Site:
    """A stack and the second processes beside it, each under a supervisor that starts it again."""

    stack: Stack
    chance: random.Random
    place: Place
    spares: Supervisor = field(default_factory=lambda: Supervisor(progress=lambda _line: None))

    def platform(self) -> Platform:
        """The public API."""
        return Platform(self.place.urls, self.place.keys)

    @property
    def orders(self) -> list[Address]:
        """Where the stack's own intake process answers, and then each second one."""
        seconds = [(LOOPBACK, each.ports[0]) for each in self.spares.processes if each.name.startswith("orders-api")]
        return [address_of(self.place.urls["orders"]), *seconds]

    async def double(self, services: Iterable[str] = SERVICES) -> None:
        """A second API and a second worker of each, and a second relay beside the first worker's."""
        apart = {"WANPU_RELAY_IN_WORKER": "0"}
        seconds = [
            spare
            for name in services
            for spare in (self.spare(name, "api"), self.spare(name, "worker", env=apart), self.spare(name, "relay"))
        ]
        await self.start(*seconds)

    async def start(self, *spares: Supervised) -> None:
        """Start these and return when they are ready."""
        await asyncio.to_thread(self.spares.start, list(spares))

    def spare(self, service: str, role: str, number: int = 2, *, env: Mapping[str, str] | None = None) -> Supervised:
        """Another process of a role, not started yet; its port lies in the hundred that the stack took."""
        ports = self.stack.ports  # the APIs' lie in its first twenty-five numbers: see wanpu/layout.py
        port = (ports.worker(service) + 30 if role == "worker" else ports.api(service) + 10) + 10 * number
        name = f"{service}-{role}-{number}"
        log = self.stack.data / "logs" / f"{name}.log"
        kind, nice = Relay if role == "relay" else PythonProcess, 0 if role == "api" else self.stack.workers_nice
        process = kind(name, (SERVICE_MODULE, service, role), port, log, nice)
        told = self.stack.environment(service, f"{service}-{role}", port)
        process.env = {**told, "WANPU_NAME": name, **(env or {})}
        return Supervised(name, () if role == "relay" else (port,), process, log)

    def kill_one(self) -> str | None:
        """SIGKILL a process of a service, by the seed; None when none may die because its fellow has not come back."""
        ours = [each for each in self._all() if each.name.split("-")[0] in SERVICES]
        kinds = groupby(sorted(ours, key=_kind), key=_kind)
        whole = [group for group in (list(each) for _, each in kinds) if all(one.state == "running" for one in group)]
        victims = [one for group in whole for one in group]
        if not victims:
            return None
        victim = self.chance.choice(victims)
        victim.server.kill()
        return victim.name

    @contextmanager
    def standing_still(self, but: str) -> Iterator[None]:
        """Everything of ours but one process is stopped meanwhile, as if it had cores of its own somewhere else."""
        others = [each for each in self._all() if each.name.split("-")[0] in SERVICES and each.name != but]
        stopped = [psutil.Process(each.server.pid) for each in others if each.server.pid]
        for process in stopped:
            process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                process.resume()

    def resident_bytes(self, name: str) -> int:
        """What a process holds in memory."""
        found = next(each for each in self._all() if each.name == name)
        return psutil.Process(found.server.pid).memory_info().rss

    def _all(self) -> list[Supervised]:
        return [*self.stack.processes, *self.spares.processes]

    async def superuser(self) -> Tx:
        """A connection that may do everything, in the platform's database."""
        return await database.connect(in_database(self.stack.superuser_dsn), "orders", "wanpu-fault")

    def orders_dsn_at(self, port: int) -> str:
        """How the orders service reaches its database through another port."""
        parts = urlsplit(self.stack.dsn("orders"))
        return urlunsplit(parts._replace(netloc=f"{parts.username}@{LOOPBACK}:{port}"))

    async def drained(self, since: float, seconds: float) -> float:
        """Wait until nothing is left to do; returns after how many seconds since then that was."""
        left = await until_quiet(
            *(self.place.auditor_dsn, self.place.bootstrap, load_routers()),
            seconds=max(0.0, since + seconds - time.monotonic()),
        )
        require(not left, f"{seconds:.0f} s after the load there still was: {'; '.join(left)}")
        return time.monotonic() - since

    async def hold(self, history: History) -> int:
        """Invariants 1 to 8 against what the driver was told; returns how many checks hold."""
        findings = await reconcile(self.place.auditor_dsn, self.place.bootstrap, history)
        broken = [f"{each.name}: {each.sentence} {each.faults[:2]}" for each in findings if not each.holds]
        require(not broken, "; ".join(broken))
        return len(findings)


def _kind(process: Supervised) -> tuple[str, bool]:
    """Processes that stand in for each other: a service's APIs, and its workers and relays."""
    service, role = process.name.split("-")[:2]
    return service, role == "api"


Play = Callable[[Site], Coroutine[Any, Any, str]]


def on_platform(play: Play, seed: int, **env: str) -> str:
    """Run a fault on a platform of its own, in the periods of real life; of one that failed the logs are kept."""
    data = Path(tempfile.mkdtemp(prefix="wanpu-faults-"))
    try:
        with _driver_first(), place.own_stack(lambda _line: None, data, env=INTAKE_FIRST | env) as stack:
            site = Site(stack, random.Random(seed), place.place_of(stack))
            try:
                return uvloop.run(play(site))
            finally:
                site.spares.stop()
    except (Failed, DemoError, StackError) as error:
        logs = tempfile.mkdtemp(prefix="wanpu-faults-logs-")
        shutil.copytree(data / "logs", logs, dirs_exist_ok=True)
        raise Failed(f"{error}; the logs are in {logs}") from error
    finally:
        Stack(data).remove()


@contextmanager
def _driver_first() -> Iterator[None]:
    """The driver is the buyers' machines: time for which the platform's processes keep it waiting is no answer's time.

    Where that is not allowed (it takes root), the driver waits with everybody else.
    """
    usual = "0"
    with suppress(OSError):
        usual = SHARE.read_text().split()[-1]  # "/autogroup-7 nice 0"
        SHARE.write_text(DRIVER_NICE)
    try:
        yield
    finally:
        with suppress(OSError):
            SHARE.write_text(usual)


async def open_market(site: Site, **pieces: int) -> Shop:
    """A shop of a real supplier: variants in plenty, and one product for each name with so many pieces."""
    many = tuple((f"no. {n}", CHEAP + 10 * n) for n in range(VARIANTS))
    plenty = Item("plenty", "Plenty", "food", many, "", PIECES)
    scarce = [Item(sku, sku.title(), "food", (("one", CHEAP),), "", count) for sku, count in pieces.items()]
    items = (plenty, *scarce)
    mill = Supplier("磨坊 The Mill", "CN-SC", items, (Deal("commission", tuple(each.sku for each in items), 120_000),))
    async with site.platform() as platform:
        market = Market(platform)
        return await open_shop(market, KEEPER, await onboard(market, mill), markup=0)

"""A service as processes: `python -m shared.kernel.service <service> api|worker|relay [--name N]`.

A service's `main.py` in full:

    settings = Settings.load()

    def build_api() -> FastAPI:
        from services.orders import http  # here, so that a worker starts without FastAPI
        from shared.kernel.http import api

        return api(settings, http.routes, codes=domain.CODES, stored=domain.STORED)

    __getattr__ = service.parts(
        api=build_api,
        worker=lambda: service.worker(settings, consumers.reactions(settings), told_by(settings.service)),
    )

A part `front`, of a `Front(api, {"POST /orders": …})`, is what its API process serves: swift routes ahead of the rest.

A part is made when it is first asked for, and connects to nothing, so that `granian services.orders.main:api`
(`--interface asgi`), `faststream run services.orders.main:worker` and `faststream docs gen services.orders.main:worker`
work as well.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from shared.contracts.event import Event
from shared.kernel import observe
from shared.kernel.collector import spare_the_collector
from shared.kernel.delivery import Router
from shared.kernel.settings import ServiceSettings

if TYPE_CHECKING:
    from faststream import FastStream

BACKLOG = 1_024  # connections that wait for the loop; the kernel's own limit is higher


def parts(**builders: Callable[[], Any]) -> Callable[[str], Any]:
    """The `__getattr__` of a module whose parts are each built once, when they are asked for."""

    @cache
    def part(name: str) -> Any:
        if name not in builders:
            raise AttributeError(name)
        return builders[name]()

    return part


def worker(settings: ServiceSettings, router: Router, publishes: Sequence[type[Event]] = ()) -> FastStream:
    """The service's consumers, timers and (unless `relay_in_worker` is off) relay, as a FastStream app."""
    from shared.kernel import worker as workers  # here, for an API starts without FastStream and aiokafka

    known = workers.WorkerSettings(
        settings.service, settings.dsn, settings.kafka_bootstrap, settings.pool_size, settings.relay_in_worker
    )
    return workers.worker(known, router, publishes)


def run(service: str, role: str, name: str = "") -> None:
    """Run one process of a service until SIGTERM or SIGINT: stop taking, finish what is in flight, close."""
    spare_the_collector()  # of looking again and again through what is imported from here on
    main = import_module(f"services.{service}.main")
    settings: ServiceSettings = main.settings
    process = name or settings.name or f"{service}-{role}"
    observe.configure_logs(service, process, as_json=settings.log_json, level=settings.log_level)
    observe.export_spans(service)
    uvloop.run(ROLES[role](main, settings))


async def _api(main: Any, settings: ServiceSettings) -> None:
    main.api.state.require_key()
    spare_the_collector()
    if front := getattr(main, "front", None):
        async with front.app.router.lifespan_context(front.app):
            await _until_stopped(_server(front, settings.host, settings.port, Interfaces.RSGI))
    else:
        await _until_stopped(_server(main.api, settings.host, settings.port))


async def _worker(main: Any, settings: ServiceSettings) -> None:
    health = _server(observe.health_app({"kafka": _ping(main.worker)}), settings.host, settings.metrics_port)
    serving = asyncio.create_task(health.serve()) if settings.metrics_port else None
    try:
        await main.worker.run()
    finally:
        if serving:
            health.stop()  # type: ignore[no-untyped-call]
            await serving


async def _relay(_main: Any, settings: ServiceSettings) -> None:
    from shared.kernel.relay import Relay  # here, for an API needs no Kafka

    relay = Relay(settings.dsn, settings.service, settings.kafka_bootstrap)
    _on_stop(relay.stop)
    await relay.run()


ROLES: dict[str, Callable[[Any, ServiceSettings], Any]] = {"api": _api, "worker": _worker, "relay": _relay}


def _server(app: Any, host: str, port: int, interface: Interfaces = Interfaces.ASGI) -> Server:
    return Server(app, host, port, interface=interface, websockets=False, backlog=BACKLOG, log_access=False)


async def _until_stopped(server: Server) -> None:
    _on_stop(server.stop)
    try:
        await server.serve()
    except OSError as error:
        raise SystemExit(f"Cannot listen: {error}. Set WANPU_PORT to a free port.") from None
    if server.interrupt_children:  # its task ended by itself, and granian has logged why
        raise SystemExit(1)


def _on_stop(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


def _ping(app: FastStream) -> Callable[[], Awaitable[None]]:
    async def ping() -> None:
        if app.broker is None or not await app.broker.ping(observe.READY_SECONDS):
            raise ConnectionError("the broker does not answer")

    return ping


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.kernel.service", description="Run one process of a service."
    )
    parser.add_argument("service", help="a folder of services/")
    parser.add_argument("role", choices=sorted(ROLES))
    parser.add_argument("--name", default="", help="what the process is called in logs, e.g. orders-api")
    given = parser.parse_args(arguments)
    run(given.service, given.role, given.name)


if __name__ == "__main__":
    main()

"""A party as a process: its command line, its server, its health, its end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.settings import Settings, load

FINISH_SECONDS = 5.0  # for calls that are due now; the supervisor's own patience is longer


def _always() -> bool:
    return True


async def _nothing() -> None:
    return None


@dataclass(frozen=True, slots=True)
class Party:
    """What makes a party: its routes, what it does all the time, whether it is ready, how it ends."""

    routes: Sequence[Route]
    background: Callable[[], Awaitable[None]] = _nothing
    is_ready: Callable[[], bool] = _always
    finish: Callable[[], Awaitable[None]] = field(default=_nothing)


def application(party: Party) -> Starlette:
    """Its HTTP surface, with `/health/live` and `/health/ready`."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_: Request) -> Response:
        is_ready = party.is_ready()
        return JSONResponse({"status": "ready" if is_ready else "unready"}, 200 if is_ready else 503)

    routes = [Route("/health/live", live), Route("/health/ready", ready), *party.routes]
    return Starlette(routes=routes, exception_handlers={HTTPException: _problem})


def run(build: Callable[[Settings], Party]) -> None:
    """Run a party until SIGTERM or SIGINT: stop answering, finish what is due, end."""
    parser = argparse.ArgumentParser(description="An outside party of the sandbox.")
    parser.add_argument("--name", default="", help="what the process is called, e.g. sandbox-psp")
    name = parser.parse_args().name or load().name
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format=f"%(asctime)s %(levelname)s {name} %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    uvloop.run(_run(build))


async def _run(build: Callable[[Settings], Party]) -> None:
    settings = load()
    party = build(settings)
    server = Server(
        application(party), settings.host, settings.port, interface=Interfaces.ASGI, websockets=False, log_access=False
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    background = asyncio.ensure_future(party.background())
    try:
        await server.serve()
    except OSError as error:
        raise SystemExit(f"Cannot listen: {error}. Set WANPU_PORT to a free port.") from None
    finally:
        background.cancel()
        await asyncio.gather(background, return_exceptions=True)
        await party.finish()
    if server.interrupt_children:  # its task ended by itself, and granian has logged why
        raise SystemExit(1)


def problem(status: int, code: str, detail: str) -> Response:
    """RFC 9457, as the platform answers."""
    body: dict[str, Any] = {"type": "about:blank", "status": status, "code": code, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, "not_found" if error.status_code == 404 else "refused", error.detail)

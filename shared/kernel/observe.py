"""What a process shows of itself: logs with trace and event ids, Prometheus metrics, health, trace context.

Spans leave the process only when `OTEL_EXPORTER_OTLP_ENDPOINT` is set and an OTLP exporter is installed; ids
travel in `traceparent` (W3C) always.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import getrandbits
from typing import Any

import orjson
import structlog
from opentelemetry import propagate, trace
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
READY_SECONDS = 2.0  # shorter than the interval of any prober

REQUESTS = Counter("wanpu_http_requests_total", "Answers by route and status.", ["method", "route", "status"])
DURATION = Histogram(
    "wanpu_http_request_seconds",
    "Time to answer.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 3),  # 3 s is a caller's deadline
)

RELAY_SENT = Counter("wanpu_relay_sent_total", "Events acknowledged by the broker and deleted.", ["schema"])
OUTBOX_DEAD = Counter("wanpu_outbox_dead_total", "Streams set aside because a row can't be sent.", ["schema"])
OUTBOX_DEPTH = Gauge("wanpu_outbox_rows", "Events still to be sent.", ["schema"])
CONSUMED = Counter("wanpu_consumed_total", "Records by what became of them.", ["consumer", "outcome"])
WAITING_OVERDUE = Gauge("wanpu_waiting_overdue", "Events that wait over 60 s for one that is missing.", ["service"])
DEAD_LETTERS = Gauge("wanpu_dead_letters", "Records parked until an operator decides.", ["service"])

WAITING = Gauge("wanpu_group_commit_waiting", "Requests that wait for a transaction.")
BATCH = Histogram(
    "wanpu_group_commit_size", "Requests decided in one transaction.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)

_exporting = False
Check = Callable[[], Awaitable[None]]  # raises when what it looks at is not there


@dataclass(frozen=True, slots=True)
class Trace:
    """Where we are in a trace that may have begun elsewhere; `span_id` is ours."""

    trace_id: str
    span_id: str
    flags: str = "01"

    @classmethod
    def following(cls, traceparent: str | None) -> Trace:
        """A new span of the caller's trace, or of a new one when it names none that is valid."""
        found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
        span_id = f"{getrandbits(64) or 1:016x}"  # an id, no secret: the system's own randomness costs 2 µs more
        return cls(found[1], span_id, found[3]) if found else cls(f"{getrandbits(128) or 1:032x}", span_id)

    @property
    def traceparent(self) -> str:
        """As the header says it."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


def configure_logs(service: str, process: str, *, as_json: bool, level: str = "INFO") -> None:
    """Send every log line of this process, also the libraries', to stderr as JSON or for a console."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _names(service, process),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_render(as_json)))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)


def _names(service: str, process: str) -> Callable[[Any, str, Any], Any]:
    def add(_logger: Any, _method: str, event: Any) -> Any:
        return event | {"service": service, "process": process}

    return add


def _render(as_json: bool) -> list[Any]:
    strip = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if not as_json:
        return [strip, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [strip, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_dumps)]


def _dumps(event: Any, default: Any = str, **_options: Any) -> str:
    return orjson.dumps(event, default=default).decode()


def health(checks: Mapping[str, Check]) -> list[Route]:
    """The routes `/health/live`, `/health/ready` (503 while a check fails) and `/metrics`."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_: Request) -> Response:
        faults = {name: fault for name, check in checks.items() if (fault := await _fault(check))}
        return JSONResponse({"status": "unready", "faults": faults} if faults else {"status": "ready"}, _status(faults))

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics)]


def health_app(checks: Mapping[str, Check]) -> Starlette:
    """The same three routes as an application of their own, for a process that serves nothing else."""
    return Starlette(routes=list(health(checks)))


async def _fault(check: Check) -> str | None:
    try:
        async with asyncio.timeout(READY_SECONDS):
            await check()
    except Exception as error:
        return type(error).__name__  # its name only: an answer to anyone must not carry addresses
    return None


def _status(faults: Mapping[str, str]) -> int:
    return 503 if faults else 200


def export_spans(service: str) -> bool:
    """Export spans by OTLP if the endpoint is set and the exporter installed; whether it does."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # type: ignore[import-not-found]
            OTLPSpanExporter,
        )
    except ImportError:
        structlog.get_logger(__name__).warning("no OTLP exporter installed: spans stay here")
        return False
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    global _exporting  # noqa: PLW0603  set once, at start
    _exporting = True
    return True


def start_span(name: str, traceparent: str | None) -> tuple[Trace, trace.Span | None]:
    """A span under the caller's; None for it, and ids of our own, while spans are not exported."""
    here = Trace.following(traceparent)
    if not _exporting:  # asking the tracer for a span that goes nowhere costs 15 µs a request
        return here, None
    parent = propagate.extract({"traceparent": traceparent} if traceparent else {})
    span = trace.get_tracer("wanpu").start_span(name, parent, trace.SpanKind.SERVER)
    if not span.is_recording():
        return here, None
    context = span.get_span_context()
    return Trace(f"{context.trace_id:032x}", f"{context.span_id:016x}"), span

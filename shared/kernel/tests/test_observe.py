"""Traces go on from the caller's; health says what is missing and nothing more."""

from __future__ import annotations

import json
import logging

import httpx
import pytest
import structlog

from shared.kernel import observe
from shared.kernel.observe import Trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_trace_goes_on_under_a_new_span() -> None:
    trace = Trace.following(PARENT)
    assert trace.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace.span_id != "00f067aa0ba902b7"
    assert Trace.following(trace.traceparent).trace_id == trace.trace_id


@pytest.mark.parametrize("header", [None, "", "x", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", PARENT + "-x"])
def test_a_trace_that_is_none_begins_anew(header: str | None) -> None:
    assert len(Trace.following(header).trace_id) == 32


async def away() -> None:
    raise ConnectionError("10.0.0.7 refused")


async def here() -> None:
    return None


async def asked(path: str, **checks: observe.Check) -> httpx.Response:
    transport = httpx.ASGITransport(observe.health_app(checks))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


async def test_a_process_is_ready_when_all_it_needs_is_there() -> None:
    assert (await asked("/health/ready", postgres=here)).status_code == 200


async def test_a_process_that_lacks_something_says_what_and_not_where() -> None:
    answer = await asked("/health/ready", postgres=here, kafka=away)
    assert (answer.status_code, answer.json()["faults"]) == (503, {"kafka": "ConnectionError"})
    assert (await asked("/health/live", kafka=away)).status_code == 200


async def test_metrics_are_prometheus_text() -> None:
    assert "wanpu_http_requests_total" in (await asked("/metrics")).text


def test_a_log_line_says_who_and_in_which_trace(capsys: pytest.CaptureFixture[str]) -> None:
    handlers, level = logging.root.handlers[:], logging.root.level
    try:
        observe.configure_logs("rooms", "rooms-api", as_json=True)
        with structlog.contextvars.bound_contextvars(trace_id="abc"):
            structlog.get_logger("x").info("it happened", shelf=1)
            logging.getLogger("library").warning("%s too", "this")
    finally:
        logging.root.handlers, logging.root.level = handlers, level
        structlog.reset_defaults()
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert {
        "event": "it happened",
        "service": "rooms",
        "process": "rooms-api",
        "trace_id": "abc",
    }.items() <= ours.items()
    assert theirs["event"] == "this too"

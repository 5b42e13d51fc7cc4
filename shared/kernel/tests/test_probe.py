"""The probe that a container runtime starts, as it starts it: without packages, without our folders."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from shared.embedded.process import free_port

PROBE = Path(__file__).parents[1] / "probe.py"


def asked(port: int, variable: str = "WANPU_PORT") -> int:
    command = [sys.executable, "-SI", str(PROBE)]
    return subprocess.run(command, env={**os.environ, variable: str(port)}, cwd="/", check=False).returncode


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
@pytest.mark.parametrize("variable", ["WANPU_PORT", "WANPU_METRICS_PORT"])
def test_it_says_what_the_process_says(status: int, code: int, variable: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert asked(server.server_port, variable) == code
        server.shutdown()


def test_nobody_there_is_not_ready() -> None:
    assert asked(free_port()) == 1

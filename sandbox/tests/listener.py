"""The platform as a server that parties reach over a real socket: it takes every call and remembers it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from sandbox.tests.platform import KEY, TOKEN


class Listener:
    """`taken` are (path, call id, body) of the calls that were signed, or made with the operator's token."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, Any]] = []
        listener = self

        class Hear(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                listener.taken.append((self.path, _admitted(dict(self.headers), body), _content(self.headers, body)))
                self.send_response(202)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                """Nothing: the tests look at what was taken."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Hear)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _admitted(headers: dict[str, str], body: bytes) -> str:
    if headers.get("authorization") == f"Bearer {TOKEN}":
        return headers["idempotency-key"]
    Webhook(KEY).verify(body, headers, json_parse=False)
    return headers["webhook-id"]


def _content(headers: Any, body: bytes) -> Any:
    return json.loads(body) if headers["content-type"] == "application/json" else body.decode()

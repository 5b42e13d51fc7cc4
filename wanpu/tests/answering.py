"""A stand-in for a service's process: answers `/health/ready` with what it was told."""

import argparse
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ)).encode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--name")
    parser.parse_args()
    HTTPServer(("127.0.0.1", int(os.environ["WANPU_PORT"])), Answer).serve_forever()

"""Whether the process of this container is ready: `python -SI shared/kernel/probe.py` ends with 0 when it says so.

It imports nothing of ours and no package, because a container runtime asks every few seconds.
"""

import os
import socket

TIMEOUT_SECONDS = 2.0  # shorter than the runtime's own


def is_ready(port: int) -> bool:
    """What `/health/ready` on this port says; False as well when nobody answers."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.0\r\n\r\n")
            return connection.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(not is_ready(int(os.environ.get("WANPU_METRICS_PORT") or os.environ["WANPU_PORT"])))

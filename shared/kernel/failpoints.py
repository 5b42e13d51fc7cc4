"""Places where a fault test makes the process die, named in `WANPU_FAILPOINT` as `name[:hits]`."""

from __future__ import annotations

import os

_name, _, _hits = os.environ.get("WANPU_FAILPOINT", "").partition(":")
_left = int(_hits or 1)
KILLED = 137  # what a shell reports for SIGKILL: the process ends without a chance to tidy up


def failpoint(name: str) -> None:
    """End the process here and now when this is the point asked for, at its n-th hit."""
    global _left  # noqa: PLW0603  the one counter of the one point a process may have
    if name != _name:
        return
    _left -= 1
    if _left <= 0:
        os._exit(KILLED)

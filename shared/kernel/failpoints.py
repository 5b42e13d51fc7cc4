"""Places where a fault test makes the process die, named in `WANPU_FAILPOINT` as `name[:hits]`."""

from __future__ import annotations

import os
from functools import cache
from itertools import count

KILLED = 137  # what a shell reports for SIGKILL: the process ends without a chance to tidy up


@cache
def _asked() -> tuple[str, int, count[int]]:
    """The point, at which hit, and the hits; read at the first one, for this may have been imported by a parent."""
    name, _, hits = os.environ.get("WANPU_FAILPOINT", "").partition(":")
    return name, int(hits or 1), count(1)


def failpoint(name: str) -> None:
    """End the process here and now when this is the point asked for, at its n-th hit."""
    asked, last, hits = _asked()
    if name == asked and next(hits) >= last:
        os._exit(KILLED)

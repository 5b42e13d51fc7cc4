"""F15: random histories of orders and their money, many more than a test run plays; the laws hold after every step."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from tests.failures.rig import require

TESTS = "services/orders/tests"
PURE, ON_POSTGRES = 20_000, 500
LONGEST_SECONDS = 3_600.0  # on a machine that does nothing else a quarter of it


def f15_histories(seed: int) -> str:
    """On the pure domain, then through the service on PostgreSQL; the planted bugs are found as well."""
    told = [
        _play(f"{PURE:,} histories on the pure domain", "test_histories.py", seed, HISTORIES=PURE),
        _play(
            f"{ON_POSTGRES} through the service on PostgreSQL",
            "test_histories_postgres.py",
            seed,
            PG_HISTORIES=ON_POSTGRES,
        ),
        _play("the planted bugs", "test_planted_bugs.py", seed),
    ]
    return f"{'; '.join(told)}: every law of money held after every step, each planted bug was found"


def _play(what: str, tests: str, seed: int, **sizes: int) -> str:
    began = time.monotonic()
    asked = [sys.executable, "-m", "pytest", f"{TESTS}/{tests}", f"--hypothesis-seed={seed}", "-x"]
    settings = {name: str(size) for name, size in sizes.items()} | {"HISTORIES_SEED": str(seed)}
    ran = subprocess.run(
        asked, env=os.environ | settings, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False
    )
    require(ran.returncode == 0, f"{what}: {ran.stdout[-4_000:]}")
    return f"{what} in {time.monotonic() - began:.0f} s"

"""A process loads what it is: imports are most of a start, and where processes die often, starts eat the processor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from wanpu.layout import SERVICES

ROOT = Path(__file__).parents[2]
NOT_NEEDED = {"api": {"faststream", "aiokafka"}, "worker": {"fastapi", "joserfc", "jinja2"}}
_LOADED = "import sys, services.{service}.main as main; main.{part}; print(*sys.modules)"


@pytest.mark.parametrize("part", NOT_NEEDED)
@pytest.mark.parametrize("service", SERVICES)
def test_a_process_loads_nothing_that_only_its_sibling_needs(service: str, part: str) -> None:
    command = [sys.executable, "-c", _LOADED.format(service=service, part=part)]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not NOT_NEEDED[part] & set(loaded)

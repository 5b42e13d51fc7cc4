"""`python -m tests.failures [F2 F8 …] [--seed N]`: each fault, what it showed, and whether that is enough."""

from __future__ import annotations

import argparse
import asyncio
import time

from rich.console import Console

from tests.failures.faults import FAULTS
from tests.failures.rig import Failed, Rig, rig

console = Console()


def main() -> int:
    """Run the faults named, or all; the number that failed is the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.failures", description="Break it on purpose.")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"of {', '.join(FAULTS)}; all when none is named")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="the run's seed, printed")
    asked = parser.parse_args()
    if unknown := set(asked.faults) - FAULTS.keys():
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    console.print(f"seed {asked.seed}")
    with rig() as servers:
        failed = sum(not asyncio.run(_show(name, servers, asked.seed)) for name in asked.faults or FAULTS)
    console.print(f"{len(asked.faults or FAULTS) - failed} passed, {failed} failed", highlight=False)
    return failed


async def _show(name: str, servers: Rig, seed: int) -> bool:
    began = time.monotonic()
    try:
        told = await FAULTS[name](servers, seed)
    except Failed as failure:
        console.print(f"[red]{name} failed[/red] after {time.monotonic() - began:.0f} s: {failure}")
        return False
    console.print(f"[green]{name}[/green] {time.monotonic() - began:.0f} s: {told}")
    return True


if __name__ == "__main__":
    raise SystemExit(main())

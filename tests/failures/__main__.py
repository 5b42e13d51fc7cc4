"""`python -m tests.failures [F2 F8 …] [--seed N]`: each fault, what it showed, and whether that is enough."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from functools import partial

from rich.console import Console

from tests.failures.crashes import f1_kills, f4_postgres, f5_sessions
from tests.failures.faults import FAULTS
from tests.failures.handover import f10_hand_over
from tests.failures.histories import f15_histories
from tests.failures.hot import f10_hot
from tests.failures.keys import f11_keys
from tests.failures.overload import f6_network, f13_overload
from tests.failures.rig import Failed, Rig, rig


def f10(seed: int) -> str:
    """What is hot, and what is called off as it is handed over."""
    return f"{f10_hot(seed)}; {f10_hand_over(seed)}"


WHOLE = {
    "F1": f1_kills,
    "F4": f4_postgres,
    "F5": f5_sessions,
    "F6": f6_network,
    "F10": f10,
    "F11": f11_keys,
    "F13": f13_overload,
    "F15": f15_histories,
}  # these start what they need themselves; the others share a rig's servers

console = Console()


def main() -> int:
    """Run the faults named, or all; the number that failed is the exit code."""
    known = [*FAULTS, *WHOLE]
    parser = argparse.ArgumentParser(prog="python -m tests.failures", description="Break it on purpose.")
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=f"of {', '.join(known)}; all when none is named")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100_000, help="the run's seed, printed")
    asked = parser.parse_args()
    if unknown := set(asked.faults) - set(known):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    console.print(f"seed {asked.seed}")
    names = asked.faults or known
    failed = _show_on_rig([name for name in names if name in FAULTS], asked.seed)
    failed += sum(not _show(name, partial(WHOLE[name], asked.seed)) for name in names if name in WHOLE)
    console.print(f"{len(names) - failed} passed, {failed} failed", highlight=False)
    return failed


def _show_on_rig(names: list[str], seed: int) -> int:
    """How many of these failed; without any no server is started."""
    if not names:
        return 0
    with rig() as servers:
        return sum(not _show(name, partial(_on, servers, name, seed)) for name in names)


def _on(servers: Rig, name: str, seed: int) -> str:
    return asyncio.run(FAULTS[name](servers, seed))


def _show(name: str, fault: Callable[[], str]) -> bool:
    began = time.monotonic()
    try:
        told = fault()
    except Failed as failure:
        console.print(f"[red]{name} failed[/red] after {time.monotonic() - began:.0f} s: {failure}")
        return False
    console.print(f"[green]{name}[/green] {time.monotonic() - began:.0f} s: {told}")
    return True


if __name__ == "__main__":
    raise SystemExit(main())

"""What a check found, and what it is called with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.kernel.delivery import Router
from wanpu.reconcile.history import History
from wanpu.reconcile.kept import Kept
from wanpu.reconcile.told import Told

SHOWN = 10  # faults kept of a finding: the first say what is wrong, the count how much


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's answer: which invariant of docs/guarantees.md, whether it holds, one sentence, the first faults."""

    invariant: int
    name: str
    holds: bool
    sentence: str
    faults: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("invariant", "name", "holds", "sentence", "faults")}


@dataclass(frozen=True, slots=True)
class World:
    """All that the checks look at; `behind` says for each consumer group how many records it has not committed."""

    kept: Kept
    told: Told
    routers: Mapping[str, Router]
    behind: Mapping[str, int]
    history: History | None = None


def finding(invariant: int, name: str, faults: Sequence[str], otherwise: str) -> Finding:
    """A finding that holds when there are no faults, and says `otherwise` then."""
    sentence = f"{len(faults)} faults" if len(faults) != 1 else "1 fault"
    return Finding(invariant, name, not faults, sentence if faults else otherwise, tuple(faults[:SHOWN]))

"""A parcel's way as the courier lives it: what happens when, and what is told when. Pure and seeded."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from shared.contracts.values import Money

Kind = Literal[
    "scan",
    "out_for_delivery",
    "attempt_failed",
    "delivered",
    "cod_collected",
    "refused",
    "returned",
    "lost",
]
Behaviour = Literal["deliver", "fail_once", "fail_attempts", "refuse", "lose", "duplicate", "contradict", "late"]
# What becomes of parcels when nobody says otherwise, in parts of 100; about one in ten COD parcels is refused.
HABITS: Mapping[Behaviour, int] = {
    "deliver": 66,
    "fail_once": 10,
    "refuse": 8,
    "duplicate": 6,
    "late": 4,
    "contradict": 3,
    "fail_attempts": 2,
    "lose": 1,
}
STAGE_SECONDS = (1.0, 6.0)  # between two reports: the longest way, eight of them, ends within a minute
ATTEMPTS = 3  # the third failed one turns the parcel round
REASONS = ("nobody_home", "address_not_found", "buyer_asked_for_another_day")
METHODS = ("cash", "pos", "qr")
_NAMES = uuid.UUID("0b9c1c0e-58a1-5a58-8f44-2d6f0d2a7c03")

# What the courier does; `paid` stands for the collection, of a parcel with cash to collect.
_TO_THE_DOOR: tuple[Kind, ...] = ("scan", "out_for_delivery")
_AGAIN: tuple[Kind, ...] = ("attempt_failed", "out_for_delivery")
_GIVEN: tuple[Kind, ...] = ("cod_collected", "delivered")
_WAYS: Mapping[Behaviour, tuple[Kind, ...]] = {
    "deliver": (*_TO_THE_DOOR, *_GIVEN),
    "fail_once": (*_TO_THE_DOOR, *_AGAIN, *_GIVEN),
    "fail_attempts": (*_TO_THE_DOOR, *_AGAIN * (ATTEMPTS - 1), "attempt_failed", "returned"),
    "refuse": (*_TO_THE_DOOR, "refused", "returned"),
    "lose": ("scan", "lost"),
    "duplicate": (*_TO_THE_DOOR, *_GIVEN),
    "contradict": (*_TO_THE_DOOR, *_GIVEN, "returned"),
    "late": (*_TO_THE_DOOR, *_GIVEN),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One report: when it happens and when it is told, in seconds from the start; `times` it is sent."""

    report_id: str
    kind: Kind
    happens: float
    told: float
    amount: Money | None = None
    method: str | None = None
    reason: str | None = None
    times: int = 1


def habit(chance: random.Random) -> Behaviour:
    """What becomes of a parcel by itself."""
    return chance.choices(list(HABITS), list(HABITS.values()))[0]


def plan(waybill: str, cod: Money | None, behaviour: Behaviour, chance: random.Random) -> list[Step]:
    """The reports of a parcel in the order in which they are told; the same dice give the same."""
    now, steps = 0.0, []
    for number, kind in enumerate(_WAYS[behaviour]):
        if kind == "cod_collected" and cod is None:
            continue
        if kind != "delivered" or cod is None:  # the money and the parcel change hands in one moment
            now += chance.uniform(*STAGE_SECONDS)
        steps.append(_step(f"{waybill}/{behaviour}/{number}", kind, now, chance, cod))
    return sorted(_told(behaviour, steps), key=lambda step: step.told)


def _step(name: str, kind: Kind, now: float, chance: random.Random, cod: Money | None) -> Step:
    step = Step("rep_" + uuid.uuid5(_NAMES, name).hex, kind, now, now)
    if kind == "cod_collected":
        return replace(step, amount=cod, method=chance.choice(METHODS))
    if kind == "attempt_failed":
        return replace(step, reason=chance.choice(REASONS))
    return replace(step, reason="buyer_refused") if kind == "refused" else step


def _told(behaviour: Behaviour, steps: Sequence[Step]) -> Iterable[Step]:
    """How honestly and in which order it is told: some tell all twice, some tell the way after the end."""
    if behaviour == "duplicate":
        return [replace(step, times=2) for step in steps]
    if behaviour == "late":
        end = steps[-1].happens
        return [replace(step, told=step.told + end) if step.kind in _TO_THE_DOOR else step for step in steps]
    return steps

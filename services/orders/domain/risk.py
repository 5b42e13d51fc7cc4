"""How likely cash on delivery is to come back unpaid, and what is asked of the buyer for it.

All in whole numbers, parts per million: the same history is the same score on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from shared.kernel.errors import Rejected

Band = Literal["auto", "code", "prepaid"]
Subject = Literal["buyer", "region"]
Outcome = Literal["delivered", "refused"]

WHOLE: Final = 1_000_000


class History(NamedTuple):
    """Parcels with cash to collect: taken in, and come back since nobody took them in."""

    delivered: int = 0
    refused: int = 0


UNKNOWN: Final = History()


@dataclass(frozen=True, slots=True)
class Histories:
    """What is known of buyers, by their reference, and of regions, by their code."""

    buyers: Mapping[str, History] = field(default_factory=dict)
    regions: Mapping[str, History] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """How a history becomes a score, and a score a band.

    A region counts from `usual`, as if it had had `region_weight` parcels before; a buyer from their region, as if they
    had had `buyer_weight`. So few parcels say little, and many speak for themselves.
    """

    code_from: int = 250_000
    prepaid_from: int = 500_000
    min_refused: int = 3  # of their own, before a buyer is refused outright
    usual: int = 50_000
    region_weight: int = 100
    buyer_weight: int = 2


class Risk(NamedTuple):
    """Why a COD order is confirmed as it is."""

    band: Band
    score_ppm: int
    buyer: History
    region: History


def assess(buyer: History, region: History, policy: Policy) -> Risk:
    """The chance of a refusal, and its band: a refusal more never lowers them, a delivery more never raises them."""
    there = _smoothed(region, policy.usual, policy.region_weight)
    score = _smoothed(buyer, there, policy.buyer_weight)
    return Risk(_band(score, buyer, policy), score, buyer, region)


def check_cash(risk: Risk | None) -> Risk | None:
    """The risk, if the courier may collect. Raises `cod_not_available` for a buyer who has refused too much."""
    if risk and risk.band == "prepaid":
        raise Rejected(
            "cod_not_available",
            "Pay this one in advance: too many parcels of yours came back unpaid.",
            reason="refusals",
        )
    return risk


def _smoothed(history: History, prior: int, weight: int) -> int:
    """The mean of a Beta distribution that began as `weight` parcels with `prior` of them refused."""
    parcels = history.delivered + history.refused + weight
    return (history.refused * WHOLE + prior * weight) // parcels


def _band(score: int, buyer: History, policy: Policy) -> Band:
    if score < policy.code_from:
        return "auto"
    # Refusals count here, not parcels: else one more parcel taken in could be what shuts a buyer out.
    return "prepaid" if score >= policy.prepaid_from and buyer.refused >= policy.min_refused else "code"

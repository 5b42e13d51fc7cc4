"""What was agreed with a carrier: what it keeps, when its money is due, who pays for what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from shared.contracts.values import Bearer, Currency

from .parcel import ReturnReason

DAY_SECONDS: Final = 86_400.0
WEEK: Final = 7
MILLION: Final = 1_000_000
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC)  # weekdays are counted from here, 0 is Monday
_STRICT: Final[Mapping[str, Any]] = {"extra": "forbid"}  # a word misspelt in settings must not be passed over


@dataclass(frozen=True, slots=True)
class Fee:
    """`ppm` of what was collected, rounded half up, and `minimum` minor units at least."""

    __pydantic_config__: ClassVar = _STRICT
    ppm: int = 10_000
    minimum: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.ppm <= MILLION or self.minimum < 0:
            raise ValueError("ppm lies between 0 and 1,000,000, minimum is 0 or more")

    def of(self, gross: int) -> int:
        """What the carrier keeps of a collection; nothing of nothing."""
        return max(self.minimum, (gross * self.ppm + MILLION // 2) // MILLION) if gross else 0


@dataclass(frozen=True, slots=True)
class Cycle:
    """When cash is due: `days` after the day of its collection (T+N), or on the next of these `weekdays` (0 is Monday):
    one a week, two a week."""

    __pydantic_config__: ClassVar = _STRICT
    days: int | None = None
    weekdays: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if (self.days is None) == (not self.weekdays):
            raise ValueError("a cycle has either days (T+N) or weekdays")
        if self.days is not None and not 0 <= self.days <= 366:
            raise ValueError("days lie between 0 and 366")
        if any(not 0 <= weekday < WEEK for weekday in self.weekdays):
            raise ValueError("weekdays are 0 (Monday) to 6")

    def due_day(self, day: int) -> int:
        """The day by whose end is due what was collected on `day`; days are counted from a Monday."""
        if self.days is not None:
            return day + self.days
        return next(later for later in range(day + 1, day + WEEK + 1) if later % WEEK in self.weekdays)


def _return_fees() -> Mapping[ReturnReason, int]:
    return {"refused": 800, "attempts_exhausted": 800, "undeliverable": 800}


def _return_bearers() -> Mapping[ReturnReason, Bearer]:
    return {"refused": "supplier", "attempts_exhausted": "supplier", "undeliverable": "platform"}


@dataclass(frozen=True, slots=True)
class Columns:
    """What a carrier's statement calls its columns; `currency` is read only where the file has it."""

    __pydantic_config__: ClassVar = _STRICT
    waybill: str = "waybill"
    collected_at: str = "collected_at"
    gross: str = "gross"
    fee: str = "fee"
    net: str = "net"
    currency: str = "currency"


@dataclass(frozen=True, slots=True)
class Contract:
    """One carrier's terms. A day lasts `unit_seconds`, so that a demo lives through a cycle in seconds; `grace` and
    `bank_grace` are days."""

    __pydantic_config__: ClassVar = _STRICT
    fee: Fee = field(default_factory=Fee)
    fee_bearer: Bearer = "supplier"
    currency: Currency = "CNY"
    cycle: Cycle = field(default_factory=lambda: Cycle(days=3))
    grace: float = 2.0
    bank_grace: float = 3.0
    unit_seconds: float = DAY_SECONDS
    return_fee: Mapping[ReturnReason, int] = field(default_factory=_return_fees)
    return_bearer: Mapping[ReturnReason, Bearer] = field(default_factory=_return_bearers)
    columns: Columns = field(default_factory=Columns)

    def __post_init__(self) -> None:
        if self.unit_seconds <= 0 or self.grace < 0 or self.bank_grace < 0:
            raise ValueError("unit_seconds is above 0, grace and bank_grace are 0 or more")
        if any(fee < 0 for fee in self.return_fee.values()):
            raise ValueError("a return fee is 0 or more")

    def remit_by(self, collected_at: datetime) -> datetime:
        """Until when a statement must name what was collected then: the end of the day it is due, and grace."""
        unit = timedelta(seconds=self.unit_seconds)
        due = self.cycle.due_day((collected_at - _MONDAY) // unit)
        return _MONDAY + (due + 1) * unit + self.grace * unit

    @property
    def bank_grace_seconds(self) -> float:
        """How long after its matching a statement may wait for its credit."""
        return self.bank_grace * self.unit_seconds

    def charge(self, reason: ReturnReason | None) -> tuple[int, Bearer] | None:
        """What the carrier asks for a parcel's way back and who pays it; None when it asks nothing."""
        fee = self.return_fee.get(reason, 0) if reason else 0
        return (fee, self.return_bearer.get(reason, "supplier")) if reason and fee else None


@dataclass(frozen=True, slots=True)
class Rules:
    """The periods and contracts that logistics goes by; a carrier without a contract of its own has `usual`."""

    cash_due_seconds: float
    contracts: Mapping[str, Contract] = field(default_factory=dict)
    usual: Contract = field(default_factory=Contract)

    def contract(self, carrier: str) -> Contract:
        return self.contracts.get(carrier, self.usual)

"""A carrier's CSV, line by line: which columns it has, and what is wrong with a row."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from shared.kernel.errors import Rejected

from .contracts import Columns

MAX_AMOUNT: Final = 10**12  # minor units: no courier takes ten billion yuan, and millions of rows add up in a bigint
_WAYBILL: Final = re.compile(r"[!-~]{1,64}")
_INTEGER: Final = re.compile(r"-?[0-9]+")

BadCode = Literal[
    "columns_missing",  # the line ends before a column that is needed
    "line_too_long",
    "malformed",  # quotes that do not close
    "waybill_invalid",
    "time_invalid",  # no ISO 8601 time with its zone
    "amount_invalid",  # no integer: minor units
    "amount_negative",
    "amount_too_large",
    "net_differs",  # net is not gross - fee
    "currency_mismatch",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One readable row; amounts in minor units of the contract's currency, net is gross - fee."""

    line: int  # the header is line 1
    waybill: str
    collected_at: datetime
    gross: int
    fee: int

    @property
    def net(self) -> int:
        return self.gross - self.fee

    @property
    def is_charge(self) -> bool:
        """Nothing was collected, and something is kept: a charge for the way back."""
        return self.gross == 0 and self.fee > 0


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that cannot be read."""

    line: int
    code: BadCode


def cells(line: str) -> list[str] | None:
    """The cells of one line; None when its quotes do not close."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line], strict=True))
    except (csv.Error, StopIteration):
        return None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each column stands in a file; `width` cells are needed."""

    places: Mapping[str, int]
    width: int
    currency: str

    @classmethod
    def of(cls, header: str, columns: Columns, currency: str) -> Layout:
        """Raises `wrong_columns`, naming those that are missing."""
        names = [name.strip() for name in cells(header) or []]
        wanted = {field: getattr(columns, field) for field in ("waybill", "collected_at", "gross", "fee", "net")}
        if missing := [name for name in wanted.values() if name not in names]:
            told = ", ".join(missing)
            raise Rejected("wrong_columns", f"The first line must name the columns; missing: {told}.", missing=missing)
        if columns.currency in names:
            wanted["currency"] = columns.currency
        places = {field: names.index(name) for field, name in wanted.items()}
        return cls(places, max(places.values()) + 1, currency)

    def read(self, number: int, line: str) -> Row | Bad:
        """One line of the file, without its line end."""
        found = cells(line)
        if found is None:
            return Bad(number, "malformed")
        if len(found) < self.width:
            return Bad(number, "columns_missing")
        told = {field: found[place].strip() for field, place in self.places.items()}
        return self._row(number, told)

    def _row(self, number: int, told: Mapping[str, str]) -> Row | Bad:
        at = _time(told["collected_at"])
        if not _WAYBILL.fullmatch(told["waybill"]):
            return Bad(number, "waybill_invalid")
        if at is None:
            return Bad(number, "time_invalid")
        amounts = [told[name] for name in ("gross", "fee", "net")]
        if not all(map(_INTEGER.fullmatch, amounts)):
            return Bad(number, "amount_invalid")
        gross, fee, net = map(int, amounts)
        code = _wrong_amounts(gross, fee, net)
        if code is None and told.get("currency", self.currency) != self.currency:
            code = "currency_mismatch"
        return Bad(number, code) if code else Row(number, told["waybill"], at, gross, fee)


def _wrong_amounts(gross: int, fee: int, net: int) -> BadCode | None:
    if gross < 0 or fee < 0:
        return "amount_negative"
    if gross > MAX_AMOUNT or fee > MAX_AMOUNT:
        return "amount_too_large"
    return None if net == gross - fee else "net_differs"


def _time(text: str) -> datetime | None:
    """A moment with its zone, in the years the database knows how to compare."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None and 2000 <= at.year < 3000 else None

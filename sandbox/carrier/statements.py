"""A carrier's statement: a row for each waybill, exact but for the slips that real ones have. Pure and seeded."""

from __future__ import annotations

import csv
import hashlib
import io
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

FEE_PPM: Final = 10_000  # 1 % of what was collected …
LEAST_FEE: Final = 100  # … and this much at least, in minor units: the platform's default contract
COLUMNS: Final = ("waybill", "collected_at", "gross", "fee", "net")
Fault = Literal["short", "over", "duplicate", "missing", "fee_differs"]
HABITS: Final[Mapping[Fault, int]] = {  # rows of a thousand that have this fault when nobody says otherwise
    "short": 8,
    "over": 5,
    "duplicate": 5,
    "missing": 12,
    "fee_differs": 10,
}
MOST_OFF: Final = 2_000  # minor units that a sum is wrong by


def fee_of(gross: int) -> int:
    """What the carrier keeps of a collection, rounded half up."""
    return max(LEAST_FEE, (gross * FEE_PPM + 500_000) // 1_000_000)


@dataclass(frozen=True, slots=True)
class Row:
    """One line: cash collected, or with a gross of zero the charge for a parcel's way back."""

    waybill: str
    collected_at: datetime
    gross: int
    fee: int

    @property
    def is_cash(self) -> bool:
        return self.gross > 0

    @property
    def net(self) -> int:
        return self.gross - self.fee


@dataclass(frozen=True, slots=True)
class Sheet:
    """A statement as it is sent; `faults` by waybill."""

    rows: tuple[Row, ...]
    faults: Mapping[str, Fault]

    @property
    def content(self) -> bytes:
        out = io.StringIO()
        lines = csv.writer(out, lineterminator="\n")
        lines.writerow(COLUMNS)
        lines.writerows((row.waybill, row.collected_at.isoformat(), row.gross, row.fee, row.net) for row in self.rows)
        return out.getvalue().encode()

    @property
    def ref(self) -> str:
        """Its name follows from what it says: the same rows sent again are the same statement."""
        return f"SB-{hashlib.sha256(self.content).hexdigest()[:16].upper()}"

    def as_json(self) -> dict[str, Any]:
        return {
            "statement_ref": self.ref,
            "rows": len(self.rows),
            "gross": sum(row.gross for row in self.rows),
            "fee": sum(row.fee for row in self.rows),
            "net": sum(row.net for row in self.rows),
            "faults": [{"kind": fault, "waybill": waybill} for waybill, fault in self.faults.items()],
        }


def asked_for(rows: Sequence[Row], counts: Mapping[Fault, int], chance: random.Random) -> dict[str, Fault]:
    """Which rows get the faults that were asked for, one a row; what is left out is what has lain there longest."""
    free = [row.waybill for row in sorted(rows, key=lambda row: row.collected_at) if row.is_cash]
    left_out, free = free[: counts.get("missing", 0)], free[counts.get("missing", 0) :]
    others = [fault for fault, count in counts.items() if fault != "missing" for _ in range(count)]
    chosen = chance.sample(free, min(len(free), len(others)))
    return {**dict.fromkeys(left_out, "missing"), **dict(zip(chosen, others, strict=False))}


def by_habit(rows: Iterable[Row], dice: Callable[[str], random.Random]) -> dict[str, Fault]:
    """Which rows get a fault by themselves: a few in a hundred, by each waybill's own dice."""
    kinds, weights = [*HABITS, None], [*HABITS.values(), 1_000 - sum(HABITS.values())]
    fallen = {row.waybill: dice(row.waybill).choices(kinds, weights)[0] for row in rows if row.is_cash}
    return {waybill: fault for waybill, fault in fallen.items() if fault}


def write(rows: Iterable[Row], faults: Mapping[str, Fault], dice: Callable[[str], random.Random]) -> Sheet:
    """The statement with these slips in it; what has none is exact."""
    written = [out for row in rows for out in _slip(row, faults.get(row.waybill), dice(f"off/{row.waybill}"))]
    return Sheet(tuple(written), faults)


def _slip(row: Row, fault: Fault | None, chance: random.Random) -> tuple[Row, ...]:
    off = chance.randint(1, max(1, min(MOST_OFF, row.gross // 4)))
    match fault:
        case None:
            return (row,)
        case "missing":
            return ()
        case "duplicate":
            return (row, row)
        case "fee_differs":
            return (replace(row, fee=row.fee + off),)
        case "short":
            return (replace(row, gross=row.gross - off, fee=fee_of(row.gross - off)),)
        case "over":
            return (replace(row, gross=row.gross + off, fee=fee_of(row.gross + off)),)

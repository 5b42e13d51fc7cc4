"""A carrier's month by the thousand: parcels and cash written by SQL, and a statement with planned faults in it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from services.logistics.domain import Contract
from shared.kernel.database import Tx, columns
from shared.kernel.ids import new_id

FAULTS: Final = (
    *("missing", "short", "over", "duplicate", "delivered_without_cash", "cash_without_delivery"),
    "late",
)
SHARE: Final = 0.01  # of the parcels, for each fault
CARRIER: Final = "sandbox"
CONTRACT: Final = Contract()

_SHIPMENTS = """
    INSERT INTO shipments (shipment_id, order_id, supplier_order_id, supplier_id, region, lines, cod_amount, currency,
                           state, carrier, waybill, ended_at)
    SELECT id, order_id, part, $1, 'CN-ZJ', '[]', amount, 'CNY', state, $2, waybill, now()
      FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[], $8::text[])
           AS p (id, order_id, part, amount, state, waybill)
"""
_CASH = """
    INSERT INTO cod_cash (shipment_id, state, due, currency, collection_id, collected, method, collected_at, remit_by,
                          events)
    SELECT id, CASE WHEN collected THEN 'COLLECTED' ELSE 'DUE' END, amount, 'CNY',
           CASE WHEN collected THEN 'seeded:' || id END, CASE WHEN collected THEN amount END, 'cash', now(),
           CASE WHEN collected THEN now() + remit_in END, collected::int
      FROM unnest($1::uuid[], $2::bigint[], $3::bool[], $4::interval[]) AS c (id, amount, collected, remit_in)
"""
CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel with the fault it is planned to show, if any."""

    waybill: str
    amount: int
    fault: str | None = None
    shipment_id: str = field(default_factory=new_id)

    @property
    def collected(self) -> bool:
        return self.fault not in ("delivered_without_cash", "cash_without_delivery")

    @property
    def rows(self) -> Sequence[str]:
        """What the carrier's statement says of it."""
        gross = self.amount + {"short": -100, "over": 100}.get(self.fault or "", 0)
        fee = CONTRACT.fee.of(gross)
        row = f"{self.waybill},{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ},{gross},{fee},{gross - fee}"
        return {"missing": [], "duplicate": [row, row]}.get(self.fault or "", [row])


def plan(count: int, seed: int, share: float = SHARE) -> list[Parcel]:
    """So many parcels, of which each fault has its share."""
    dice = random.Random(seed)
    each = int(count * share)
    faulty = dice.sample(range(count), each * len(FAULTS))
    faults = {number: FAULTS[place // each] for place, number in enumerate(faulty)}
    return [Parcel(f"W-{number:07}", dice.randrange(1_000, 50_000), faults.get(number)) for number in range(count)]


def statement(parcels: Sequence[Parcel], seed: int) -> bytes:
    """The carrier's file, in no order."""
    rows = [row for parcel in parcels for row in parcel.rows]
    random.Random(seed).shuffle(rows)
    return "\n".join(["waybill,collected_at,gross,fee,net", *rows, ""]).encode()


async def write(tx: Tx, parcels: Sequence[Parcel]) -> None:
    """Let them have travelled, and be paid, as planned."""
    for start in range(0, len(parcels), CHUNK):
        chunk = parcels[start : start + CHUNK]
        shipments = [(p.shipment_id, new_id(), new_id(), p.amount, _state(p), p.waybill) for p in chunk]
        await tx.execute(_SHIPMENTS, new_id(), CARRIER, *columns(shipments, 6))
        cash = [(p.shipment_id, p.amount, p.collected, _remit_in(p)) for p in chunk]
        await tx.execute(_CASH, *columns(cash, 4))


def _state(parcel: Parcel) -> str:
    return "IN_TRANSIT" if parcel.fault == "cash_without_delivery" else "DELIVERED"


def _remit_in(parcel: Parcel) -> timedelta:
    return timedelta(days=-1 if parcel.fault in ("late", "missing") else 3)

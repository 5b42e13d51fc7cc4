"""The carrier's till: cash its couriers took and charges for ways back, stated to the platform every so often.

Its memory is the platform's topics: what was collected, and what a statement of ours has named already.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sandbox.calls import Calls, Document, status_of
from sandbox.carrier.rounds import CARRIER
from sandbox.carrier.statements import Fault, Row, Sheet, asked_for, by_habit, fee_of, write
from sandbox.settings import Settings
from shared.contracts.event import Event
from shared.contracts.logistics import (
    CodRemitted,
    DiscrepancyFound,
    ReturnChargeSettled,
    ShipmentCOD,
    ShipmentReturned,
)
from shared.contracts.values import Money

STATEMENTS: Final = f"/carriers/{CARRIER}/statements"
HEARS: Final = (ShipmentCOD, ShipmentReturned, CodRemitted, ReturnChargeSettled, DiscrepancyFound)
CURRENCY: Final = "CNY"  # of the contract: other money is not stated
Counts = Mapping[Fault, int]


@dataclass(slots=True)
class Drawer:
    """What lies there for one waybill; `charge` is for its way back."""

    shipment_id: str
    collected: dict[str, tuple[int, datetime]] = field(default_factory=dict)  # by collection
    charge: tuple[int, datetime] | None = None

    def rows(self, waybill: str) -> Iterator[Row]:
        if self.collected:
            gross = sum(amount for amount, _ in self.collected.values())
            yield Row(waybill, max(at for _, at in self.collected.values()), gross, fee_of(gross))
        if self.charge:
            fee, at = self.charge
            yield Row(waybill, at, 0, fee)


@dataclass(slots=True)
class Till:
    """All drawers by waybill, and the waybills that are done with: cash stated, way back charged."""

    settings: Settings
    calls: Calls
    drawers: dict[str, Drawer] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    _stated: set[str] = field(default_factory=set)
    _charged: set[str] = field(default_factory=set)  # shipments
    _left_out: set[str] = field(default_factory=set)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def hear(self, event: Event) -> None:
        """What the platform knows of our cash, and of our statements."""
        if getattr(event, "carrier", None) != CARRIER:
            return
        match event:
            case ShipmentCOD():
                if event.collected.currency == CURRENCY:
                    taken = (event.collected.amount, event.collected_at)
                    self._drawer(event.waybill, event.shipment_id).collected[event.collection_id] = taken
            case ShipmentReturned(waybill=str(waybill), return_charge=Money() as charge):
                if charge.currency == CURRENCY:
                    self._drawer(waybill, event.shipment_id).charge = (charge.amount, event.returned_at)
            case CodRemitted():
                self._stated.add(event.waybill)
            case ReturnChargeSettled():
                self._charged.add(event.shipment_id)
            case DiscrepancyFound(source="statement", waybill=str(waybill)):
                self._stated.add(waybill)
                self._charged.add(event.shipment_id or "")

    def waiting(self) -> list[Row]:
        """What no statement has named yet, the oldest first."""
        rows = [row for waybill, drawer in self.drawers.items() for row in self._open(waybill, drawer)]
        return sorted(rows, key=lambda row: (row.collected_at, row.waybill))

    async def state(self, counts: Counts | None = None) -> None:
        """Send a statement of all that waits; with the faults asked for, else with those that happen by themselves."""
        async with self._turn:
            if rows := self.waiting():
                sheet = write(rows, self._faults(rows, counts), self._dice)
                self._left_out |= {waybill for waybill, fault in sheet.faults.items() if fault == "missing"}
                if sheet.rows:
                    await self._send(sheet)

    def _drawer(self, waybill: str, shipment_id: str) -> Drawer:
        return self.drawers.setdefault(waybill, Drawer(shipment_id))

    def _open(self, waybill: str, drawer: Drawer) -> Iterator[Row]:
        for row in drawer.rows(waybill):
            done = waybill in self._stated if row.is_cash else drawer.shipment_id in self._charged
            if not done:
                yield row

    def _faults(self, rows: list[Row], counts: Counts | None) -> Mapping[str, Fault]:
        """What was left out once is stated exactly."""
        fresh = [row for row in rows if row.waybill not in self._left_out]
        if counts is not None:
            return asked_for(fresh, counts, self._dice(f"{rows[0].waybill}/{len(rows)}"))
        return {} if self.settings.quiet_sandbox else by_habit(fresh, self._dice)

    def _dice(self, subject: str) -> random.Random:
        return self.settings.chance(f"statement/{subject}")

    async def _send(self, sheet: Sheet) -> None:
        """Sent again under its name until it is taken; what never was is stated anew the next time."""
        headers = {"content-type": "text/csv", "statement-ref": sheet.ref}
        shown: dict[str, Any] = {**sheet.as_json(), "status": 0}
        self.sent.append(shown)
        call_id = f"{CARRIER}-statement-{sheet.ref}"
        answer = await self.calls.until_taken(STATEMENTS, call_id, Document(sheet.content, headers))
        shown["status"] = status_of(answer)
        if answer is not None and answer.is_success:
            shown["job_id"] = answer.json().get("job_id")
            self._stated |= {row.waybill for row in sheet.rows if row.is_cash}
            self._charged |= {self.drawers[row.waybill].shipment_id for row in sheet.rows if not row.is_cash}

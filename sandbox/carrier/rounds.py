"""The carrier's rounds: parcels it took over, what it reported of them, the cash it holds.

Its memory is the platform's topics: after a restart it reads there which parcels it has and which came to
their end, and goes its way again with the others; the same seed gives the same report ids and times.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from sandbox.calls import Calls, status_of
from sandbox.carrier.journey import Behaviour, Step, habit, plan
from sandbox.errands import Errands
from sandbox.settings import Settings
from shared.contracts.event import Event
from shared.contracts.logistics import ShipmentCOD, ShipmentDelivered, ShipmentHandedOver, ShipmentReturned
from shared.contracts.logistics import ShipmentStatusChanged as StatusChanged
from shared.contracts.values import Money

CARRIER = "sandbox"
REPORTS = f"/carriers/{CARRIER}/reports"
HEARS = (ShipmentHandedOver, ShipmentDelivered, ShipmentReturned, StatusChanged, ShipmentCOD)
ENDS = ("LOST", "DAMAGED")


@dataclass(slots=True)
class Parcel:
    """A parcel in the carrier's hands; `ended` when the platform has heard of its end."""

    waybill: str
    cod_amount: Money | None
    shipment_id: str | None = None
    taken_over: datetime = field(default_factory=lambda: datetime.now(UTC))
    behaviour: Behaviour | None = None
    ended: bool = False
    collected: dict[str, Money] = field(default_factory=dict)  # by collection
    reports: list[dict[str, Any]] = field(default_factory=list)
    round: asyncio.Task[None] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "waybill": self.waybill,
            "shipment_id": self.shipment_id,
            "cod_amount": self.cod_amount.model_dump() if self.cod_amount else None,
            "behaviour": self.behaviour,
            "ended": self.ended,
            "collected": [money.model_dump() for money in self.collected.values()],
            "reports": self.reports,
        }


@dataclass(slots=True)
class Rounds:
    """All parcels of the carrier."""

    settings: Settings
    calls: Calls
    caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    errands: Errands = field(default_factory=Errands)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    _orders: dict[str, Behaviour] = field(default_factory=dict)

    def hear(self, event: Event, _headers: Mapping[str, str]) -> None:
        """What the platform says of our parcels."""
        carrier, waybill = getattr(event, "carrier", None), getattr(event, "waybill", None)
        if carrier != CARRIER or waybill is None:
            return
        match event:
            case ShipmentHandedOver():
                self.take_over(Parcel(waybill, event.cod_amount, event.shipment_id, event.handed_over_at))
            case ShipmentCOD():
                if (parcel := self.parcels.get(waybill)) and not parcel.collected:  # else it is what we told ourselves
                    parcel.collected[event.collection_id] = event.collected
            case ShipmentDelivered() | ShipmentReturned():
                self._end(waybill)
            case StatusChanged():
                if event.parcel_state in ENDS:
                    self._end(waybill)

    def take_over(self, parcel: Parcel) -> Parcel:
        """Take a parcel once; go its way unless every act is left to the caller."""
        if known := self.parcels.get(parcel.waybill):
            return known
        self.parcels[parcel.waybill] = parcel
        ordered = self._orders.pop(parcel.waybill, None)
        if ordered or not self.settings.quiet_sandbox:
            chance = self.settings.chance(f"habit/{parcel.waybill}")
            self._set_out(parcel, ordered or habit(chance), parcel.taken_over)
        return parcel

    def instruct(self, waybill: str, behaviour: Behaviour) -> None:
        """Let a parcel go this way, from now on or as soon as it is handed over."""
        if parcel := self.parcels.get(waybill):
            if parcel.round:
                parcel.round.cancel()
            self._set_out(parcel, behaviour, datetime.now(UTC))
        else:
            self._orders[waybill] = behaviour

    async def report(self, parcel: Parcel, body: Mapping[str, Any]) -> httpx.Response:
        """Send exactly this report once; what the platform answers."""
        report = {"report_id": uuid.uuid4().hex, "at": datetime.now(UTC).isoformat(), **body, "waybill": parcel.waybill}
        answer = await self.calls.once(REPORTS, f"{CARRIER}-{report['report_id']}", report)
        _note(parcel, report, answer.status_code)
        return answer

    def cash_held(self) -> list[Money]:
        """What was collected and not remitted, by currency."""
        held: Counter[str] = Counter()
        for parcel in self.parcels.values():
            for money in parcel.collected.values():
                held[money.currency] += money.amount
        return [Money(amount=amount, currency=currency) for currency, amount in sorted(held.items())]

    def _end(self, waybill: str) -> None:
        if parcel := self.parcels.get(waybill):
            parcel.ended = True

    def _set_out(self, parcel: Parcel, behaviour: Behaviour, since: datetime) -> None:
        parcel.behaviour = behaviour
        steps = plan(parcel.waybill, parcel.cod_amount, behaviour, self.settings.chance(f"way/{parcel.waybill}"))
        parcel.round = self.errands.start(self._go(parcel, steps, since))

    async def _go(self, parcel: Parcel, steps: list[Step], since: datetime) -> None:
        """Tell each step in its time; after a restart a parcel that came to its end stays at rest."""
        await self.caught_up.wait()
        if parcel.ended:
            return
        pace = self.settings.sandbox_pace
        for step in steps:
            due = since + timedelta(seconds=step.told * pace)
            await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
            report = _report(parcel, step, since + timedelta(seconds=step.happens * pace))
            for _ in range(step.times):
                answer = await self.calls.until_taken(REPORTS, f"{CARRIER}-{step.report_id}", report)
                _note(parcel, report, status_of(answer))


def _report(parcel: Parcel, step: Step, at: datetime) -> dict[str, Any]:
    said = {
        "report_id": step.report_id,
        "waybill": parcel.waybill,
        "kind": step.kind,
        "at": at.isoformat(),
        "amount": step.amount.model_dump() if step.amount else None,
        "method": step.method,
        "reason": step.reason,
    }
    return {name: value for name, value in said.items() if value is not None}


def _note(parcel: Parcel, report: Mapping[str, Any], status: int) -> None:
    """Remember what was told; cash is in the courier's hands whether the platform listened or not."""
    parcel.reports.append({**report, "status": status})
    if report["kind"] == "cod_collected" and report.get("amount"):
        parcel.collected.setdefault(report["report_id"], Money.model_validate(report["amount"]))

"""What does not fit is kept, counted and told; nobody is refused for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from prometheus_client import Counter

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import DiscrepancyFound, DiscrepancyResolved
from shared.kernel.database import Tx

from ..domain import Finding, Shipment
from ..store.discrepancies import About, Discrepancy, insert_discrepancies
from ..store.reports import CarrierReport

DISCREPANCIES = Counter("wanpu_logistics_discrepancies_total", "What did not fit, by kind.", ["kind"])

log = structlog.get_logger(__name__)

_FACTS = (
    *("discrepancy_id", "kind", "source", "carrier", "waybill", "shipment_id", "order_id", "supplier_order_id"),
    *("supplier_id", "statement_id", "expected", "actual"),
)


def _facts(found: Discrepancy) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _FACTS}


async def find(tx: Tx, because: Cause, found: Sequence[tuple[Finding, About]]) -> list[Event]:
    """Keep findings, each once; returns what is to be told of those that are new."""
    added = await insert_discrepancies(tx, found)
    for one in added:
        DISCREPANCIES.labels(one.kind).inc()
    if added:
        log.warning(
            "discrepancies", kinds=sorted({one.kind for one in added}), count=len(added), first=added[0].subject
        )
    return [DiscrepancyFound(**_facts(one), found_at=one.found_at).at(one.events, because) for one in added]


async def find_in(
    tx: Tx, report: CarrierReport, parcel: Shipment | None, because: Cause, *findings: Finding
) -> list[Event]:
    """Keep what doesn't fit in a report."""
    about = About(report.subject, report.carrier, report.waybill, parcel.shipment_id if parcel else None)
    return await find(tx, because, [(finding, about) for finding in findings])


def resolved(closed: Sequence[Discrepancy], because: Cause) -> list[Event]:
    """What is to be told of discrepancies that were closed."""
    return [
        DiscrepancyResolved(
            **_facts(one),
            decision=one.decision,
            bearer=one.bearer,
            amount=one.amount,
            note=one.note,
            resolved_by=one.resolved_by,
            resolved_at=one.resolved_at,
        ).at(one.events, because)
        for one in closed
    ]

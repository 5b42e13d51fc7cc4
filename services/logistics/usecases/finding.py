"""What does not fit is kept, counted and logged; nobody is refused for it."""

from __future__ import annotations

import structlog
from prometheus_client import Counter

from shared.kernel.database import Tx

from ..domain import Finding, Shipment
from ..store.discrepancies import About, insert_discrepancy
from ..store.reports import CarrierReport

DISCREPANCIES = Counter("wanpu_logistics_discrepancies_total", "What did not fit, by kind.", ["kind"])

log = structlog.get_logger(__name__)


async def find(tx: Tx, finding: Finding, about: About) -> None:
    """Keep a finding once."""
    if await insert_discrepancy(tx, finding, about):
        DISCREPANCIES.labels(finding.kind).inc()
        log.warning("discrepancy", kind=finding.kind, subject=about.subject, waybill=about.waybill)


async def find_in(tx: Tx, report: CarrierReport, parcel: Shipment | None, *findings: Finding) -> None:
    """Keep what doesn't fit in a report."""
    about = About(report.subject, report.carrier, report.waybill, parcel.shipment_id if parcel else None)
    for finding in findings:
        await find(tx, finding, about)

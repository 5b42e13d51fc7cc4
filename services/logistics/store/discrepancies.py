"""What does not fit, once a subject and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.kernel.database import Tx
from shared.kernel.ids import new_id

from ..domain import Finding

_INSERT = """
    INSERT INTO discrepancies (discrepancy_id, kind, subject, carrier, waybill, shipment_id, expected, actual, currency)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (kind, subject) DO NOTHING
    RETURNING true
"""


@dataclass(frozen=True, slots=True)
class About:
    """What a finding is about: `subject` is the report or the shipment that it counts once for."""

    subject: str
    carrier: str
    waybill: str
    shipment_id: str | None


async def insert_discrepancy(tx: Tx, finding: Finding, about: About) -> bool:
    """Keep a finding; False when it is known."""
    told = (finding.expected, finding.actual, finding.currency)
    of = (about.subject, about.carrier, about.waybill, about.shipment_id)
    return await tx.fetchval(_INSERT, new_id(), finding.kind, *of, *told) is not None


_MATCHED = """
    UPDATE discrepancies SET resolved_at = now(), decision = 'matched', shipment_id = $2
     WHERE kind = 'unmatched' AND subject = ANY ($1::text[]) AND resolved_at IS NULL
"""


async def resolve_unmatched(tx: Tx, subjects: Sequence[str], shipment_id: str) -> None:
    """The waybill of these reports has appeared."""
    await tx.execute(_MATCHED, subjects, shipment_id)

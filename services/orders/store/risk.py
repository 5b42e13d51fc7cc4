"""Histories of cash on delivery: read where an order is decided, counted where a parcel's journey ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from services.orders.domain.risk import Histories, History, Outcome, Risk, Subject
from shared.kernel.database import Tx, columns

# Two arrays, of buyers and of regions, to one JSON list: a value that fits beside anything else a statement reads. Each
# row is looked up by its key: as a join the one plan for all batches may read the table from end to end.
FIND: Final = """
    SELECT jsonb_agg(jsonb_build_array(asked.kind, asked.subject, h.delivered, h.refused))
      FROM (SELECT 'buyer' AS kind, b AS subject FROM unnest({buyers}::text[]) AS b
            UNION ALL SELECT 'region', r FROM unnest({regions}::text[]) AS r) AS asked
           CROSS JOIN LATERAL (SELECT delivered, refused FROM cod_history c
                                WHERE c.kind = asked.kind AND c.subject = asked.subject LIMIT 1) AS h
"""


def histories(found: Sequence[tuple[Subject, str, int, int]] | None) -> Histories:
    """What `FIND` found; no rows are None."""
    known: dict[Subject, dict[str, History]] = {"buyer": {}, "region": {}}
    for kind, subject, delivered, refused in found or ():
        known[kind][subject] = History(delivered, refused)
    return Histories(known["buyer"], known["region"])


# In key order, and the only place that writes them: two batches never wait for each other in a circle.
_COUNT = """
    INSERT INTO cod_history AS h (kind, subject, delivered, refused)
    SELECT kind, subject, count(*) FILTER (WHERE outcome = 'delivered'), count(*) FILTER (WHERE outcome = 'refused')
      FROM unnest($1::text[], $2::text[], $3::text[]) AS n (kind, subject, outcome)
     GROUP BY kind, subject ORDER BY kind, subject
    ON CONFLICT (kind, subject) DO UPDATE
       SET delivered = h.delivered + excluded.delivered, refused = h.refused + excluded.refused
"""


async def count(tx: Tx, ended: Sequence[tuple[Subject, str, Outcome]]) -> None:
    """One parcel more for each of these."""
    if ended:
        await tx.execute(_COUNT, *columns(list(ended), 3))


def reason(risk: Risk | None) -> str | None:
    """The risk as it is kept with its order (JSON)."""
    if risk is None:
        return None
    said: dict[str, Any] = {"band": risk.band, "score_ppm": risk.score_ppm}
    return orjson.dumps(said | {"buyer": risk.buyer._asdict(), "region": risk.region._asdict()}).decode()

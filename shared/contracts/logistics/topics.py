"""The topics logistics writes; `VISITS` waits for events of a later version."""

from __future__ import annotations

from ..event import Topic

SHIPMENTS = Topic("logistics.shipments", owner="logistics", key="shipment_id")
COD = Topic("logistics.cod", owner="logistics", key="shipment_id")
VISITS = Topic("logistics.visits", owner="logistics", key="visit_id")
STATEMENTS = Topic("logistics.statements", owner="logistics", key="statement_id")
DISCREPANCIES = Topic("logistics.discrepancies", owner="logistics", key="discrepancy_id")

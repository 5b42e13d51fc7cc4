"""The work list of what does not fit, and how each was decided."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from services.logistics import usecases
from services.logistics.domain import DecisionKind, Source
from services.logistics.http.given import Carrier, settings_of
from services.logistics.store.discrepancies import Discrepancy, Wanted
from shared.contracts.values import Bearer, DiscrepancyId, DiscrepancyKind, Money, OrderId, ShipmentId, StatementId
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Listed, Page, Routes

routes = Routes()


class DiscrepancyView(BaseModel):
    """One of them, with what is known of its parcel and statement; the last fields once it was decided."""

    discrepancy_id: DiscrepancyId
    kind: DiscrepancyKind
    source: Source
    state: Literal["open", "resolved"]
    carrier: str | None = None
    waybill: str | None = None
    shipment_id: ShipmentId | None = None
    order_id: OrderId | None = None
    statement_id: StatementId | None = None
    statement_ref: str | None = None
    line: int | None = None
    expected: Money | None = None
    actual: Money | None = None
    found_at: datetime
    age_seconds: int
    decision: DecisionKind | None = None
    bearer: Bearer | None = None
    amount: Money | None = None
    note: str | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None


_SHOWN = frozenset(DiscrepancyView.model_fields) - {"state"}


def _view(found: Discrepancy) -> DiscrepancyView:
    told = {name: getattr(found, name) for name in _SHOWN}
    return DiscrepancyView(state="resolved" if found.resolved_at else "open", **told)


@routes.get("/discrepancies", roles={"operator"})
async def list_discrepancies(
    tx: Tx,
    page: Page,
    *,
    kind: Annotated[DiscrepancyKind | None, Query()] = None,
    state: Annotated[Literal["open", "resolved"] | None, Query()] = None,
    carrier: Annotated[Carrier | None, Query()] = None,
) -> Listed[DiscrepancyView]:
    """What does not fit, the oldest first."""
    wanted = Wanted(kind, state, carrier, page.after, page.fetch)
    listed = page.of(await usecases.list_discrepancies(tx, wanted), lambda found: found.discrepancy_id)
    return Listed(items=[_view(found) for found in listed.items], next_cursor=listed.next_cursor)


class DecisionBody(Body):
    """What is decided; `bearer` says who makes good what is missing."""

    decision: DecisionKind
    bearer: Bearer | None = None
    note: Annotated[str, Field(max_length=1_000)] | None = None


@routes.post("/discrepancies/{discrepancy_id}/resolve", roles={"operator"}, once=True)
async def resolve(call: Call, tx: Tx, discrepancy_id: DiscrepancyId, body: DecisionBody) -> DiscrepancyView:
    """Decide about a discrepancy; `decision_not_possible` names the decisions that are."""
    command = usecases.Decide(discrepancy_id, body.decision, call.party, body.bearer, body.note)
    return _view(await usecases.decide(tx, command, call.cause, settings_of(call).rules))

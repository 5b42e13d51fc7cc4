"""The edge of logistics: suppliers hand over, carriers report, both look at their parcels."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import HTMLResponse

from services.logistics import usecases
from services.logistics.domain import Effect, ReportKind
from services.logistics.http.given import Carrier, Waybill, require_carrier, settings_of, viewer
from services.logistics.store.reports import CarrierReport
from services.logistics.store.shipments import Sought
from services.logistics.usecases.reading import Tracked
from shared.contracts.logistics import ShipmentLine
from shared.contracts.values import (
    CashState,
    Money,
    OrderId,
    ParcelState,
    ShipmentId,
    ShipTo,
    SupplierId,
    SupplierOrderId,
)
from shared.kernel.auth import Role
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Id, Listed, Page, Routes

routes = Routes()

READERS: frozenset[Role] = frozenset({"supplier", "carrier", "operator", "service"})


class Step(BaseModel):
    """One line of a timeline; `parcel_state` is the state after it. `late`: it came too late to move the parcel."""

    at: datetime
    kind: str
    parcel_state: ParcelState
    effect: Effect
    late: bool
    report_id: str | None = None
    reason: str | None = None


class ShipmentView(BaseModel):
    """A parcel, where its cash is, and what happened to it."""

    shipment_id: ShipmentId
    order_id: OrderId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    carrier: str | None = None
    waybill: str | None = None
    parcel_state: ParcelState
    cash_state: CashState | None = None
    cod_amount: Money | None = None
    lines: list[ShipmentLine]
    timeline: list[Step]


def _view(tracked: Tracked) -> ShipmentView:
    parcel = tracked.shipment
    return ShipmentView.model_validate(
        {
            **{name: getattr(parcel, name) for name in ("shipment_id", "order_id", "supplier_order_id", "supplier_id")},
            **{name: getattr(parcel, name) for name in ("carrier", "waybill", "lines")},
            "parcel_state": parcel.parcel.state,
            "cash_state": tracked.cash_state,
            "cod_amount": parcel.cod,
            "timeline": [
                Step(
                    at=entry.at,
                    kind=entry.kind,
                    parcel_state=entry.parcel_state,
                    effect=entry.effect,
                    late=entry.effect == "late",
                    report_id=entry.report_id,
                    reason=entry.reason,
                )
                for entry in tracked.timeline
            ],
        }
    )


@routes.get("/shipments/{shipment_id}", roles=READERS)
async def show_shipment(call: Call, tx: Tx, shipment_id: ShipmentId) -> ShipmentView:
    """A parcel of the caller's."""
    return _view(await usecases.shipment(tx, shipment_id, viewer(call)))


@routes.get("/shipments", roles=READERS)
async def list_shipments(
    call: Call,
    tx: Tx,
    page: Page,
    *,
    order_id: Id[OrderId] | None = None,
    supplier_id: Id[SupplierId] | None = None,
    state: Annotated[ParcelState | None, Query()] = None,
) -> Listed[ShipmentView]:
    """The caller's parcels, the oldest order first."""
    sought = Sought(order_id, supplier_id, state=state, after=_after(page.after), limit=page.fetch)
    found = await usecases.list_shipments(tx, sought, viewer(call))
    listed = page.of(found, lambda tracked: f"{tracked.shipment.order_id}/{tracked.shipment.shipment_id}")
    return Listed(items=[_view(tracked) for tracked in listed.items], next_cursor=listed.next_cursor)


def _after(position: str | None) -> tuple[str, str] | None:
    if position is None:
        return None
    order_id, _, shipment_id = position.partition("/")
    return order_id, shipment_id


class LabelView(BaseModel):
    """What is printed on a parcel; `cod_amount` is what the courier is to collect."""

    shipment_id: ShipmentId
    carrier: str | None = None
    waybill: str | None = None
    ship_to: ShipTo
    cod_amount: Money | None = None


@routes.get("/shipments/{shipment_id}/label", roles={"supplier", "carrier"})
async def show_label(call: Call, tx: Tx, shipment_id: ShipmentId) -> LabelView:
    """The label with the address: JSON, or a page to print for those who accept `text/html`."""
    label = await usecases.label(tx, shipment_id, viewer(call))
    parcel = label.shipment
    view = LabelView(
        shipment_id=parcel.shipment_id,
        carrier=parcel.carrier,
        waybill=parcel.waybill,
        ship_to=label.ship_to,
        cod_amount=parcel.cod,
    )
    printed: Any = HTMLResponse(_printed(view), headers={"cache-control": "no-store"})  # typed as what JSON gets
    return printed if "text/html" in call.request.headers.get("accept", "") else view


def _printed(label: LabelView) -> str:
    to = label.ship_to
    lines = [to.name, to.phone, f"{to.region} {to.address}", f"{label.carrier or ''} {label.waybill or ''}".strip()]
    if cod := label.cod_amount:
        lines.append(f"COD {cod.currency} {cod.amount // 100}.{cod.amount % 100:02}")
    body = "".join(f"<p>{escape(line)}" for line in lines if line)
    style = "<style>body{font:18px/1.4 system-ui,sans-serif;margin:1rem}p{margin:.3rem 0}</style>"
    return f"<!doctype html><html lang=en><meta charset=utf-8><title>{label.shipment_id}</title>{style}{body}"


class HandOverBody(Body):
    """Who carries the parcel, and under which number."""

    carrier: Carrier
    waybill: Waybill


@routes.post("/shipments/{shipment_id}/hand-over", roles={"supplier"}, once=True)
async def hand_over(call: Call, tx: Tx, shipment_id: ShipmentId, body: HandOverBody) -> ShipmentView:
    """Give a parcel to a carrier; from now on it can't be called off. The same hand-over again answers the same."""
    settings = settings_of(call)
    require_carrier(settings, body.carrier)
    command = usecases.HandOver(shipment_id, call.party, body.carrier, body.waybill)
    await usecases.hand_over(tx, command, call.cause, settings.rules)
    return _view(await usecases.shipment(tx, shipment_id, viewer(call)))


class ReportBody(Body):
    """What a carrier says happened; `amount` and `method` of a collection, `reason` of what went wrong."""

    report_id: Annotated[str, Field(min_length=1, max_length=128)]
    waybill: Waybill
    kind: ReportKind
    at: AwareDatetime
    amount: Money | None = None
    method: Literal["cash", "pos", "qr"] | None = None
    reason: Annotated[str, Field(max_length=500)] | None = None


class Taken(BaseModel):
    """The report is kept; what it did stands in the parcel's timeline."""

    report_id: str
    accepted: bool = True


@routes.post("/carriers/{carrier}/reports", signed_by="carrier")
async def take_report(call: Call, tx: Tx, body: ReportBody) -> Taken:
    """Keep a carrier's report: the same `report_id`, the same answer."""
    report = CarrierReport(call.party, **dict(body))
    await usecases.take_report(tx, report, call.cause, settings_of(call).rules)
    return Taken(report_id=body.report_id)

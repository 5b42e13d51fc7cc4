"""`GET /orders`: an order as its buyer and those who look after it see it."""

from __future__ import annotations

from typing import Any, Final

from pydantic import AwareDatetime, BaseModel, Field

from services.orders.domain import codes
from services.orders.domain.payments import OPEN
from services.orders.domain.risk import Band
from services.orders.http.intake import settings_of
from services.orders.settings import Settings
from services.orders.store import orders as store
from services.orders.usecases.ledger import refund_due
from shared.contracts.orders import Totals
from shared.contracts.values import (
    CreatorId,
    EntryPoint,
    LineId,
    LineKind,
    LineState,
    ListingId,
    Money,
    OrderId,
    OrderState,
    PaymentId,
    PaymentMode,
    PaymentState,
    Share,
    ShipmentId,
    SlotId,
    StorefrontId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)
from shared.kernel.auth import Role
from shared.kernel.database import Row, Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import Call, Listed, Page, Routes

routes = Routes()

RISK_READERS: Final[frozenset[Role]] = frozenset({"operator", "service"})  # what others did is not the buyer's to read


class LineShown(BaseModel):
    """A line as it is now; its split is that of placement until something is taken back."""

    line_id: LineId
    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    kind: LineKind
    variant_id: VariantId | None
    slot_id: SlotId | None
    listing_id: ListingId | None
    title: str | None = None
    sku: str | None = None
    state: LineState
    qty: int
    amount: Money
    split: list[Share]


class SupplierOrderShown(BaseModel):
    """One supplier's part, and where its parcel stands as far as the order knows."""

    supplier_order_id: SupplierOrderId
    supplier_id: SupplierId
    state: str
    cancellation: str | None = None
    shipment_id: ShipmentId | None = None
    line_ids: list[LineId]


class PaymentShown(BaseModel):
    """A prepaid order's payment; `pay_url` while it can be paid, `refund_due` what the buyer is to get back yet."""

    payment_id: PaymentId
    state: PaymentState
    due: Money
    captured: Money
    refund_due: Money | None = None
    pay_url: str | None = None
    expires_at: AwareDatetime | None = None


class CashShown(BaseModel):
    """What the courier collects for a parcel, and what they said they took."""

    supplier_order_id: SupplierOrderId
    due: Money
    collected: Money | None = None


class HistoryShown(BaseModel):
    """Parcels with cash to collect that were taken in, and that came back."""

    delivered: int
    refused: int


class CodRiskShown(BaseModel):
    """Why a COD order was confirmed as it was: the band, the chance of a refusal, and what that was reckoned from."""

    band: Band
    score_ppm: int
    buyer: HistoryShown
    region: HistoryShown


class Happened(BaseModel):
    """A row of the timeline."""

    at: AwareDatetime
    what: str
    detail: dict[str, Any]


class OrderSummary(BaseModel):
    """An order in a list."""

    order_id: OrderId
    order_no: str
    storefront_id: StorefrontId
    state: OrderState
    cancellation: str | None = None
    payment_mode: PaymentMode
    payable: Money
    placed_at: AwareDatetime


class OrderShown(OrderSummary):
    """An order in full, without anything personal."""

    buyer_ref: str
    creator_id: CreatorId
    entry_point: EntryPoint
    confirmed_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    totals: Totals
    lines: list[LineShown]
    supplier_orders: list[SupplierOrderShown]
    payment: PaymentShown | None = None
    cash: list[CashShown] | None = None
    cod_risk: CodRiskShown | None = Field(default=None, description="For operators and services only.")
    timeline: list[Happened]


@routes.get("/orders/{order_id}", roles={"buyer", "creator", "service", "operator"})
async def show_order(call: Call, tx: Tx, order_id: OrderId) -> OrderShown:
    """An order with its lines, payment, cash and timeline."""
    order = await store.find_order(tx, order_id)
    if order is None or not _may_see(call, order):
        raise Rejected("not_found", "There is no such order of yours.")
    lines = await store.lines_of(tx, order_id)
    parts = await store.supplier_orders_of(tx, order_id)
    return OrderShown(
        **_summary(order),
        **{name: order[name] for name in ("buyer_ref", "creator_id", "confirmed_at", "expires_at", "ended_at")},
        entry_point=order["placement"]["entry_point"],
        totals=Totals.model_validate(order["placement"]["totals"]),
        lines=_lines(order, lines),
        supplier_orders=[_part(part, lines) for part in parts],
        payment=_payment(order, await refund_due(tx, order_id, order["currency"]), settings_of(call)),
        cash=[_cash(part, order["currency"]) for part in parts] if order["payment_mode"] == "cod" else None,
        cod_risk=order["cod_risk"] if call.role in RISK_READERS else None,
        timeline=[Happened(**row) for row in await store.timeline_of(tx, order_id)],
    )


@routes.get("/orders", roles={"buyer"})
async def list_orders(call: Call, tx: Tx, page: Page) -> Listed[OrderSummary]:
    """The caller's own orders, newest first."""
    rows = await store.list_buyers_orders(tx, call.party, page.after, page.fetch)
    return page.of([OrderSummary(**_summary(row)) for row in rows], lambda order: order.order_id)


def _may_see(call: Call, order: Row) -> bool:
    owner = {"buyer": order["buyer_ref"], "creator": order["creator_id"]}.get(call.role)
    return owner is None or owner == call.party


def _summary(order: Row) -> dict[str, Any]:
    names = ("order_id", "order_no", "storefront_id", "state", "cancellation", "payment_mode", "placed_at")
    return {name: order[name] for name in names} | {"payable": _money(order["payable"], order["currency"])}


def _lines(order: Row, lines: Any) -> list[LineShown]:
    agreed = {line["line_id"]: line for line in order["placement"]["lines"]}
    return [_line(line, agreed.get(line["line_id"], {}), order["currency"]) for line in lines]


def _line(line: Row, agreed: dict[str, Any], currency: str) -> LineShown:
    values = {**line, "amount": _money(line["amount"], currency)}
    return LineShown(**values, title=agreed.get("title"), sku=agreed.get("sku"))


def _part(part: Row, lines: Any) -> SupplierOrderShown:
    mine = [line["line_id"] for line in lines if line["supplier_order_id"] == part["supplier_order_id"]]
    return SupplierOrderShown(**part, line_ids=mine)


def _payment(order: Row, back: Money | None, settings: Settings) -> PaymentShown | None:
    if order["payment_id"] is None:
        return None
    due, expires_at = _money(order["due"], order["currency"]), order["expires_at"]
    open_until = expires_at if order["payment_state"] in OPEN and order["state"] == "PLACED" else None
    return PaymentShown(
        payment_id=order["payment_id"],
        state=order["payment_state"],
        due=due,
        captured=_money(order["captured"], order["currency"]),
        refund_due=back,
        expires_at=open_until,
        pay_url=open_until
        and codes.pay_url(settings.psp_url, settings.signing_key, order["payment_id"], due, open_until),
    )


def _cash(part: Row, currency: str) -> CashShown:
    collected = None if part["cod_collected"] is None else _money(part["cod_collected"], currency)
    return CashShown(
        supplier_order_id=part["supplier_order_id"], due=_money(part["cod_amount"], currency), collected=collected
    )


def _money(amount: int, currency: str) -> Money:
    return Money(amount=amount, currency=currency)

"""What buyers, suppliers and operators ask of orders that were placed."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from services.orders.domain.lifecycle import Asker, Cancellation, SupplierOrderState
from services.orders.http.intake import settings_of
from services.orders.store.supplier_orders import Listed as ListedPart
from services.orders.usecases import cancellation, lifecycle, supplier_orders
from services.orders.usecases.cancellation import Cancel
from services.orders.usecases.lifecycle import Confirm, Standing, WrongCode
from shared.contracts.values import (
    LineId,
    LineKind,
    LineState,
    Money,
    OrderId,
    OrderState,
    PaymentMode,
    ShipmentId,
    SlotId,
    SupplierId,
    SupplierOrderId,
    VariantId,
)
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Listed, Page, Problem, Reply, Routes

routes = Routes()

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class Code(Body):
    """The code from the buyer's phone."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=20, strip_whitespace=True)]


class CancelAsked(Body):
    """Why it is to be undone."""

    reason: Reason


class PartCancelAsked(Body):
    """Why a part is to be undone, if there is a word to say."""

    reason: Reason | None = None


class OrderStands(BaseModel):
    """How the order stands now; `supplier_order_ids` are those whose parcels now decide."""

    order_id: OrderId
    state: OrderState
    cancellation: Cancellation | None = None
    supplier_order_ids: list[SupplierOrderId] | None = None


class WrongCodeProblem(BaseModel):
    """Problem `wrong_code`, stored like an answer because its try counts."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    tries_left: int


class PartLine(BaseModel):
    """A line of a supplier order."""

    line_id: LineId
    kind: LineKind
    variant_id: VariantId | None = None
    slot_id: SlotId | None = None
    qty: int
    amount: Money
    state: LineState


class Part(BaseModel):
    """One supplier's part of an order."""

    supplier_order_id: SupplierOrderId
    order_id: OrderId
    order_no: str
    order_state: OrderState
    supplier_id: SupplierId
    state: SupplierOrderState
    cancellation: Cancellation | None = None
    shipment_id: ShipmentId | None = None
    payment_mode: PaymentMode
    cod_amount: Money | None = None
    cod_collected: Money | None = None
    placed_at: AwareDatetime
    lines: list[PartLine]


@routes.post("/orders/{order_id}/confirm", roles={"buyer", "service"}, once=True)
async def confirm_order(call: Call, tx: Tx, order_id: OrderId, body: Code) -> Reply[OrderStands | WrongCodeProblem]:
    """Confirm cash on delivery by the code from the phone."""
    tries = settings_of(call).cod_code_tries
    answer = await lifecycle.confirm_by_code(tx, Confirm(order_id, body.code, _asker(call), tries), call.cause)
    if isinstance(answer, WrongCode):
        return Reply(_wrong_code(answer), 409)
    return Reply(_stands(answer), 200)


@routes.post("/orders/{order_id}/cancel", roles={"buyer", "service", "operator"}, once=True)
async def cancel_order(call: Call, tx: Tx, order_id: OrderId, body: CancelAsked) -> Reply[OrderStands]:
    """Cancel an order: at once before it is confirmed (200), after it by asking its parcels (202).

    Booked services are called off at once, until their slot begins.
    """
    return _reply(await cancellation.cancel_order(tx, order_id, _cancel(call, body), call.cause))


@routes.post("/supplier-orders/{supplier_order_id}/cancel", roles={"supplier", "operator"}, once=True)
async def cancel_supplier_order(
    call: Call, tx: Tx, supplier_order_id: SupplierOrderId, body: PartCancelAsked
) -> Reply[OrderStands]:
    """Cancel one's part of a confirmed order; one that is not confirmed is cancelled whole."""
    return _reply(await supplier_orders.cancel_supplier_order(tx, supplier_order_id, _cancel(call, body), call.cause))


@routes.get("/supplier-orders", roles={"supplier", "operator"})
async def list_supplier_orders(
    call: Call,
    tx: Tx,
    page: Page,
    state: Annotated[SupplierOrderState | None, Field(description="Only those in this state")] = None,
) -> Listed[Part]:
    """The caller's supplier orders, newest first; an operator sees everybody's."""
    supplier_id = None if call.role == "operator" else SupplierId(call.party)
    found = await supplier_orders.list_supplier_orders(tx, supplier_id, state, page.after, page.fetch)
    return page.of([_part(each) for each in found], lambda part: part.supplier_order_id)


def _asker(call: Call) -> Asker:
    return Asker(call.role, call.party)


def _cancel(call: Call, body: CancelAsked | PartCancelAsked) -> Cancel:
    return Cancel(body.reason or "", _asker(call), settings_of(call).after_sale_seconds)


def _wrong_code(answer: WrongCode) -> WrongCodeProblem:
    advice = (
        "Type the newest code from your phone." if answer.tries_left else "No tries are left; place the order anew."
    )
    problem = Problem(409, "wrong_code", advice, {"tries_left": answer.tries_left})
    return WrongCodeProblem.model_validate_json(problem.body())


def _reply(standing: Standing) -> Reply[OrderStands]:
    return Reply(_stands(standing), 202 if standing.asked else 200)


def _stands(standing: Standing) -> OrderStands:
    return OrderStands(
        order_id=standing.order_id,
        state=standing.state,
        cancellation=standing.cancellation,
        supplier_order_ids=list(standing.asked) or None,
    )


def _part(listed: ListedPart) -> Part:
    part, currency = listed.part, listed.currency
    return Part(
        supplier_order_id=part.supplier_order_id,
        order_id=part.order_id,
        order_no=listed.order_no,
        order_state=listed.order_state,
        supplier_id=part.supplier_id,
        state=part.state,
        cancellation=part.cancellation,
        shipment_id=part.shipment_id,
        payment_mode=listed.payment_mode,
        cod_amount=_money(part.cod_amount, currency),
        cod_collected=_money(part.cod_collected, currency),
        placed_at=listed.placed_at,
        lines=[PartLine(**{**line, "amount": _money(line["amount"], currency)}) for line in listed.lines],
    )


def _money(amount: int | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount=amount, currency=currency)

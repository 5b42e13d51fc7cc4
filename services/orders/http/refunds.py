"""What buyers ask back, and what becomes of it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from services.orders.domain.lifecycle import Asker
from services.orders.domain.refunds import Refund, RefundKind, RefundRoute, Wish
from services.orders.http.forms import MAX_LINES
from services.orders.http.intake import settings_of
from services.orders.store.refunds import Search, Seen
from services.orders.usecases import refunds
from shared.contracts.values import LineId, Money, OrderId, PaymentId, RefundId, RefundState, SupplierOrderId
from shared.kernel.database import Tx
from shared.kernel.http import Body, Call, Id, Listed, Page, Routes, above_zero

routes = Routes()

Words = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]


class LineAsked(Body):
    """So many pieces of a line; without an amount what is left of it for them."""

    line_id: Id[LineId]
    qty: Annotated[int, Field(ge=1, le=10_000)]
    amount: Annotated[Money, AfterValidator(above_zero)] | None = None


class RefundAsked(Body):
    """What is to go back of one supplier order, and whether the goods come back first."""

    lines: Annotated[list[LineAsked], Field(min_length=1, max_length=MAX_LINES)]
    kind: Literal["refund_only", "return_and_refund"]
    reason: Words
    route: Annotated[
        Literal["transfer", "wallet"] | None, Field(description="Of cash on delivery; a card gets its money back.")
    ] = None

    @model_validator(mode="after")
    def _each_line_once(self) -> Self:
        if len({line.line_id for line in self.lines}) < len(self.lines):
            raise ValueError("name each line once")
        return self


class Refusal(Body):
    """Why not, if there is a word to say."""

    note: Words | None = None


class Inspected(Body):
    """What was found in the parcel that came back; `note` may say why it is not accepted."""

    accepted: bool
    damaged: bool
    note: Words | None = None


class LineShown(BaseModel):
    """How much of a line goes back."""

    line_id: LineId
    qty: int
    amount: Money


class RefundShown(BaseModel):
    """A refund as it is."""

    refund_id: RefundId
    order_id: OrderId
    supplier_order_id: SupplierOrderId | None = None
    payment_id: PaymentId | None = None
    state: RefundState
    kind: RefundKind
    reason: str
    amount: Money
    lines: list[LineShown]
    route: RefundRoute
    approve_by: AwareDatetime | None = None
    note: str | None = None
    paid_ref: str | None = None
    created_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None


@routes.post("/orders/{order_id}/refunds", roles={"buyer", "service", "operator"}, status=201, once=True)
async def ask_refund(call: Call, tx: Tx, order_id: OrderId, body: RefundAsked) -> RefundShown:
    """Ask money back for what was delivered; the supplier who says nothing until `approve_by` has agreed."""
    ask = refunds.Ask(
        order_id=order_id,
        wishes=tuple(_wish(line) for line in body.lines),
        kind=body.kind,
        reason=body.reason,
        route=body.route,
        asker=_asker(call),
        approve_seconds=settings_of(call).refund_approve_seconds,
    )
    return _shown(await refunds.request(tx, ask, call.cause))


@routes.post("/refunds/{refund_id}/approve", roles={"supplier", "operator"}, once=True)
async def approve_refund(call: Call, tx: Tx, refund_id: RefundId) -> RefundShown:
    """Agree: the money goes back, or the goods come back first."""
    return _shown(await refunds.approve(tx, refund_id, _asker(call), call.cause))


@routes.post("/refunds/{refund_id}/reject", roles={"supplier", "operator"}, once=True)
async def reject_refund(call: Call, tx: Tx, refund_id: RefundId, body: Refusal) -> RefundShown:
    """Refuse; `note` may say why."""
    return _shown(await refunds.reject(tx, refund_id, body.note or "", _asker(call), call.cause))


@routes.post("/refunds/{refund_id}/inspected", roles={"supplier", "operator"}, once=True)
async def inspect_refund(call: Call, tx: Tx, refund_id: RefundId, body: Inspected) -> RefundShown:
    """Say what came back: accepted it is paid back, and sold again unless it is damaged."""
    found = refunds.Inspection(refund_id, body.accepted, body.damaged, body.note or "", _asker(call))
    return _shown(await refunds.inspect(tx, found, call.cause))


@routes.post("/refunds/{refund_id}/submit", roles={"operator"}, once=True)
async def submit_refund(call: Call, tx: Tx, refund_id: RefundId) -> RefundShown:
    """Send again a refund that could not be paid out."""
    return _shown(await refunds.submit_again(tx, refund_id, _asker(call), call.cause))


@routes.get("/refunds/{refund_id}", roles={"buyer", "supplier", "service", "operator"})
async def show_refund(call: Call, tx: Tx, refund_id: RefundId) -> RefundShown:
    """One refund."""
    return _seen(await refunds.show_refund(tx, refund_id, _asker(call)))


@routes.get("/refunds", roles={"buyer", "supplier", "service", "operator"})
async def list_refunds(
    call: Call,
    tx: Tx,
    page: Page,
    order_id: Id[OrderId] | None = None,
    state: Annotated[RefundState | None, Field(description="Only those in this state")] = None,
) -> Listed[RefundShown]:
    """The caller's refunds, newest first; an operator sees everybody's."""
    search = Search(call.role, call.party, order_id=order_id, state=state, after=page.after, limit=page.fetch)
    found = await refunds.list_refunds(tx, search)
    return page.of([_seen(each) for each in found], lambda refund: refund.refund_id)


def _asker(call: Call) -> Asker:
    return Asker(call.role, call.party)


def _wish(line: LineAsked) -> Wish:
    if line.amount is None:
        return Wish(line.line_id, line.qty)
    return Wish(line.line_id, line.qty, line.amount.amount, line.amount.currency)


def _seen(seen: Seen) -> RefundShown:
    return _shown(seen.refund).model_copy(update={"created_at": seen.created_at, "ended_at": seen.ended_at})


def _shown(refund: Refund) -> RefundShown:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=refund.currency)

    return RefundShown(
        refund_id=refund.refund_id,
        order_id=refund.order_id,
        supplier_order_id=refund.supplier_order_id,
        payment_id=refund.payment_id,
        state=refund.state,
        kind=refund.kind,
        reason=refund.reason,
        amount=money(refund.amount),
        lines=[LineShown(line_id=p.line_id, qty=p.qty, amount=money(p.amount)) for p in refund.lines],
        route=refund.route,
        approve_by=refund.approve_by,
        note=refund.note,
        paid_ref=refund.paid_ref,
    )

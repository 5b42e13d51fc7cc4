"""Buying without JavaScript: a form is passed on to the public API of orders, as any client does.

An anonymous buyer is a reference of ours in a signed cookie; the storefront speaks for them with its token of the role
`service`. Who holds the cookie and the order's address, and nobody else, sees the order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import httpx
import structlog
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.storefront.domain import Shelved, Storefront
from services.storefront.http import rendering
from services.storefront.http.ordering import BuyForm, Form
from services.storefront.http.pages import find_item, find_shop, product_page
from services.storefront.http.surroundings import Surroundings
from services.storefront.http.visits import Visit, touch_in
from shared.contracts.values import ListingId, Money, OrderId
from shared.kernel.errors import Rejected
from shared.kernel.http import Body, Call, Routes
from shared.kernel.ids import derived_id

routes = Routes()
log = structlog.get_logger(__name__)

# Refusals that orders has decided: another try is another order. After any other the same form may be sent again.
_DECIDED = frozenset(
    {"out_of_stock", "price_changed", "cod_not_available", "region_not_served", "limit_exceeded", "unknown_listing"}
)
_WAITS = frozenset({"not_ready", "too_many_requests", "in_progress", "unavailable"})
MAX_CODE_CHARACTERS = 20


@routes.post("/s/{slug}/p/{listing_id}/buy", anyone=True, page=True, form=True)
async def buy(call: Call, slug: str, listing_id: ListingId, body: BuyForm) -> HTMLResponse:
    """Place an order for what the form says; a form sent twice orders once."""
    shop, item = await _on_sale(call, slug, listing_id)
    visit = Visit.of(call, shop)
    # Without a cookie the key names the buyer, so that a second try after a lost answer is the same buyer's.
    visit = replace(visit, buyer_ref=visit.buyer_ref or derived_id(body.key, "buyer"))
    form = _with_own_touch(Form.of(body).checked(item), visit)
    if form.faults:
        return product_page(call, visit, item, form, HTTPStatus.UNPROCESSABLE_ENTITY)
    return await _order(call, visit, item, form)


async def _on_sale(call: Call, slug: str, listing_id: ListingId) -> tuple[Storefront, Shelved]:
    async with call.db.transaction() as tx:
        shop = await find_shop(tx, slug)
        return shop, await find_item(tx, shop, listing_id)


def _with_own_touch(form: Form, visit: Visit) -> Form:
    """Leave a touch out that is not this shop's: the order stands without it."""
    return form if touch_in(visit.keys, form.touch, visit.shop) else replace(form, touch="")


async def _order(call: Call, visit: Visit, item: Shelved, form: Form) -> HTMLResponse:
    assert visit.buyer_ref is not None
    order = form.order(visit.shop, item, visit.buyer_ref)
    answer = await _ask(call, "POST", "/orders", order, key=f"{visit.buyer_ref}.{form.key}")
    said = _said(answer)
    if answer is not None and answer.status_code == HTTPStatus.CREATED:
        return order_page(call, visit, said)
    again, status = _refused(form, item, answer, said)
    return product_page(call, visit, item, again, status)


def _refused(
    form: Form, item: Shelved, answer: httpx.Response | None, said: Mapping[str, Any]
) -> tuple[Form, HTTPStatus]:
    """What to tell the shopper, and whether another try is the same order."""
    code = str(said.get("code", ""))
    if answer is None or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return form.noticed("unsure", anew=False), HTTPStatus.SERVICE_UNAVAILABLE
    if code in _WAITS:
        notice = "not_ready" if code == "not_ready" else "busy"
        return form.noticed(notice, anew=False), HTTPStatus.SERVICE_UNAVAILABLE
    if code in _DECIDED:
        changed = _price_now(said, item) if code == "price_changed" else None
        return form.noticed(_worded(code, said), anew=True, price=changed), HTTPStatus.CONFLICT
    log.warning("orders refused a form", status=answer.status_code, code=code, detail=said.get("detail"))
    return form.noticed("refused", anew=True), HTTPStatus.CONFLICT


def _worded(code: str, said: Mapping[str, Any]) -> str:
    if code == "out_of_stock" and not any(line.get("available") for line in said.get("lines", [])):
        return "out_of_stock_none"
    return code


def _price_now(said: Mapping[str, Any], item: Shelved) -> Money:
    """The price that orders names for the listing."""
    prices = {line.get("listing_id"): line.get("price") for line in said.get("lines", [])}
    return Money.model_validate(prices.get(item.listing_id) or item.price)


@routes.get("/s/{slug}/orders/{order_id}", anyone=True, page=True)
async def open_order(call: Call, slug: str, order_id: OrderId, k: str = "") -> HTMLResponse:
    """An order as it stands now, for who placed it."""
    visit = await _own_order(call, slug, order_id, k)
    return order_page(call, visit, await _find_order(call, order_id))


class CodeForm(Body):
    """The code from the buyer's phone; `k` proves that the address is theirs."""

    k: str
    code: str


@routes.post("/s/{slug}/orders/{order_id}/confirm", anyone=True, page=True, form=True)
async def confirm(call: Call, slug: str, order_id: OrderId, body: CodeForm) -> Response:
    """Pass the buyer's code on; then show the order."""
    visit = await _own_order(call, slug, order_id, body.k)
    code = body.code.strip()[:MAX_CODE_CHARACTERS]
    key = derived_id(order_id, code)  # the same code again is the same try
    answer = await _ask(call, "POST", f"/orders/{order_id}/confirm", {"code": code}, key=key)
    if answer is not None and answer.is_success:
        return RedirectResponse(_address(visit, order_id), HTTPStatus.SEE_OTHER)
    refused = _code_refused(_said(answer))
    return order_page(call, visit, await _find_order(call, order_id), refused, HTTPStatus.CONFLICT)


def _code_refused(said: Mapping[str, Any]) -> str:
    if said.get("tries_left") == 0:
        return "no_more_tries"
    known = said.get("code") in ("wrong_code", "validation_failed")  # invalid: nothing that orders gives out as a code
    return "wrong_code" if known else "not_confirmed"


async def _own_order(call: Call, slug: str, order_id: OrderId, seal: str) -> Visit:
    """The visit of the order's own buyer. Raises `not_found` for everyone else."""
    async with call.db.transaction() as tx:
        visit = Visit.of(call, await find_shop(tx, slug))
    if visit.buyer_ref is None or not visit.keys.is_sealed("order", f"{visit.buyer_ref}.{order_id}", seal):
        raise Rejected("not_found", "This order belongs to another browser.")
    return visit


async def _find_order(call: Call, order_id: OrderId) -> dict[str, Any]:
    answer = await _ask(call, "GET", f"/orders/{order_id}")
    if answer is None or not answer.is_success:
        raise Rejected("unavailable", "Orders does not answer; try again in a moment.")
    return _said(answer)


def order_page(
    call: Call, visit: Visit, order: Mapping[str, Any], notice: str = "", status: int = HTTPStatus.OK
) -> HTMLResponse:
    """The order with what is to be done next: nothing, a code, or paying."""
    payment = order.get("payment") or {}
    pay_url = payment.get("pay_url") or ""
    waits = order["state"] == "PLACED"
    return rendering.page(
        *(call, visit, "order.html", status),
        order=order,
        total=Money.model_validate(order["payable"]),
        pay_url=pay_url if waits and pay_url.startswith(("https://", "http://")) else "",
        needs_code=waits and not payment,
        on_delivery=order["state"] == "CONFIRMED" and not payment,
        address=_address(visit, order["order_id"]),
        seal=_seal(visit, order["order_id"]),
        notice=notice,
        buyer_ref=visit.buyer_ref,
    )


def _address(visit: Visit, order_id: OrderId) -> str:
    return f"{visit.home}/orders/{order_id}?k={_seal(visit, order_id)}"


def _seal(visit: Visit, order_id: OrderId) -> str:
    return visit.keys.seal("order", f"{visit.buyer_ref}.{order_id}")


async def _ask(
    call: Call, method: str, path: str, body: Mapping[str, Any] | None = None, *, key: str = ""
) -> httpx.Response | None:
    """One call of orders' public API; None when it did not answer."""
    headers = {"idempotency-key": key} if key else {}
    if call.cause.traceparent:
        headers["traceparent"] = call.cause.traceparent
    try:
        return await Surroundings.of(call).orders.request(method, path, json=body, headers=headers)
    except httpx.HTTPError as error:
        log.warning("orders did not answer", path=path, error=repr(error))
        return None


def _said(answer: httpx.Response | None) -> dict[str, Any]:
    try:
        said = answer.json() if answer is not None else {}
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}

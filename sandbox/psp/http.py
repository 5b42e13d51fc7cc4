"""The provider's surface: the page behind a `pay_url`, and the controls for tests and the demo."""

from __future__ import annotations

from html import escape

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.asked import Asked, read
from sandbox.calls import SignedCalls
from sandbox.process import FINISH_SECONDS, Party
from sandbox.psp.payments import Behaviour, Bill, Order, Payment, Provider
from sandbox.settings import Settings

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox Pay</title>
<style>
 body{{font:1.1rem/1.5 system-ui,sans-serif;margin:10vh auto;max-width:22rem;padding:0 1rem;text-align:center}}
 strong{{display:block;font-size:2.2rem;margin:1rem}}
 button{{font:inherit;width:100%;padding:.8rem;border:0;border-radius:.5rem;background:#0a7d4f;color:#fff}}
 small{{color:#555}}
</style>
<h1>Sandbox Pay</h1><p>{sentence}</p><strong>{sum}</strong>{action}
<p><small>A sandbox: no real money moves.</small></p></html>"""
BUTTON = '<form method="post"><button>Pay 支付</button></form>'
SENTENCES = {
    "open": "To pay for your order",
    "failed": "The bank said no. Nothing was taken; you can try again.",
    "captured": "Paid. Your shop will know in a moment; you can close this page.",
}
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the URL carries a signature
}


class Control(Asked):
    """How the next attempt ends; `delay_seconds` as given, whatever the pace."""

    behaviour: Behaviour
    delay_seconds: float | None = Field(default=None, ge=0, le=3600)


def build(settings: Settings) -> Party:
    """The provider as a party."""
    calls = SignedCalls(settings.orders_url, lambda: settings.keys("webhook_psp"), pace=settings.sandbox_pace)
    provider = Provider(settings, calls)

    async def finish() -> None:
        await provider.errands.finish(FINISH_SECONDS)
        await calls.close()

    return Party(routes(provider, settings), finish=finish)


def routes(provider: Provider, settings: Settings) -> list[Route]:
    """All but health."""

    async def show(request: Request) -> Response:
        bill = _bill(request, settings)
        return _page(provider.payments.get(bill.payment_id, Payment(bill)))

    async def pay(request: Request) -> Response:
        payment = provider.pay(_bill(request, settings))
        wants_page = "text/html" in request.headers.get("accept", "")
        return _page(payment) if wants_page else JSONResponse(payment.as_json())

    async def control(request: Request) -> Response:
        asked = await read(request, Control)
        provider.instruct(request.path_params["payment_id"], Order(asked.behaviour, asked.delay_seconds))
        return Response(status_code=204)

    async def known(_: Request) -> Response:
        return JSONResponse({"items": [payment.as_json() for payment in provider.payments.values()]})

    return [
        Route("/pay/{payment_id}", show, methods=["GET"]),
        Route("/pay/{payment_id}", pay, methods=["POST"]),
        Route("/control/payments/{payment_id}", control, methods=["POST"]),
        Route("/payments", known, methods=["GET"]),
    ]


def _bill(request: Request, settings: Settings) -> Bill:
    """The bill that the URL names. Raises 403 when it was not made by orders, 410 when its time is over."""
    said = request.query_params
    try:
        bill = Bill(request.path_params["payment_id"], int(said["amount"]), said["currency"], int(said["expires"]))
    except (KeyError, ValueError):
        raise HTTPException(403, "This payment link is incomplete: use the one the shop gave you.") from None
    if not bill.is_signed(settings.secret("pay_url_key"), said.get("sig", "")):
        raise HTTPException(403, "This payment link was changed: use the one the shop gave you.")
    if bill.is_over:
        raise HTTPException(410, "This payment link has expired: order again in the shop.")
    return bill


def _page(payment: Payment) -> Response:
    bill = payment.bill
    shown = PAGE.format(
        sentence=SENTENCES[payment.state],
        sum=escape(f"{bill.currency} {bill.amount // 100}.{bill.amount % 100:02}"),
        action="" if payment.state == "captured" else BUTTON,
    )
    return HTMLResponse(shown, headers=PAGE_HEADERS)

"""The provider's surface: the page behind a `pay_url`, and the controls for tests and the demo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from html import escape
from typing import Literal

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.asked import Asked, read
from sandbox.calls import Calls, signed
from sandbox.errands import Errands
from sandbox.process import FINISH_SECONDS, Party
from sandbox.psp import refunds
from sandbox.psp.payments import Behaviour, Bill, Order, Payment, Provider
from sandbox.psp.settling import HEARS, Settling
from sandbox.settings import Settings
from sandbox.topics import Following
from sandbox.transfers import Transfers
from shared.contracts.event import Event
from shared.contracts.orders import PAYMENTS, REFUNDS

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
ANSWER_SECONDS = 8.0  # what takes longer goes on by itself; the caller looks at what was sent
PAGE_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",  # the URL carries a signature
}


class Control(Asked):
    """How the next attempt ends; `delay_seconds` as given, whatever the pace."""

    behaviour: Behaviour
    delay_seconds: float | None = Field(default=None, ge=0, le=3600)


class RefundControl(Asked):
    """How a refund to a card goes."""

    behaviour: Literal["pay", "duplicate"] = "pay"


def build(settings: Settings) -> Party:
    """The provider as a party."""
    calls = Calls(settings.orders_url, signed(lambda: settings.keys("webhook_psp")), pace=settings.sandbox_pace)
    provider = Provider(settings, calls)
    back, settling = refunds.refunds(settings, calls), Settling(calls)

    def hear(event: Event, headers: Mapping[str, str]) -> None:
        refunds.hear(back, event, headers)
        settling.hear(event, headers)

    wanted: list[type[Event]] = [*refunds.HEARS, *HEARS]
    topics = [PAYMENTS, REFUNDS]
    following = Following(settings.kafka_bootstrap, topics, wanted, hear, back.caught_up)

    async def background() -> None:
        pause = settings.sandbox_settle_seconds * settings.sandbox_pace
        acts = [] if settings.quiet_sandbox else [provider.errands.repeat(pause, settling.settle)]
        await asyncio.gather(following.run(), *acts)

    async def finish() -> None:
        await asyncio.gather(*(errands.finish(FINISH_SECONDS) for errands in (provider.errands, back.errands)))
        await calls.close()

    every = [*routes(provider, settings), *money_routes(back, settling, provider.errands)]
    return Party(every, background=background, is_ready=back.caught_up.is_set, finish=finish)


def money_routes(back: Transfers, settling: Settling, errands: Errands) -> list[Route]:
    """What goes back to cards, and what goes to the platform's bank."""

    async def control_refund(request: Request) -> Response:
        asked = await read(request, RefundControl)
        back.instruct(request.path_params["refund_id"], asked.behaviour)
        return Response(status_code=204)

    async def control_settle(_: Request) -> Response:
        await asyncio.wait({errands.start(settling.settle())}, timeout=ANSWER_SECONDS)
        return JSONResponse({"owed": settling.owed(), "items": settling.sent})

    async def settlements(_: Request) -> Response:
        return JSONResponse({"owed": settling.owed(), "items": settling.sent})

    async def known(_: Request) -> Response:
        return JSONResponse({"items": [refund.as_json() for refund in back.known.values()]})

    return [
        Route("/refunds", known, methods=["GET"]),
        Route("/settlements", settlements, methods=["GET"]),
        Route("/control/refunds/{refund_id}", control_refund, methods=["POST"]),
        Route("/control/settle", control_settle, methods=["POST"]),
    ]


def routes(provider: Provider, settings: Settings) -> list[Route]:
    """The page behind a `pay_url`, and the control of what comes of it."""

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

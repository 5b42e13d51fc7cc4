"""The bank's surface: what it did, for whoever asks, and the controls for tests and the demo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.asked import Asked, read
from sandbox.bank import crediting, paying
from sandbox.bank.crediting import Credits
from sandbox.calls import Calls, signed, with_token
from sandbox.process import FINISH_SECONDS, Party
from sandbox.settings import Settings
from sandbox.topics import Following
from sandbox.transfers import Behaviour, Transfers
from shared.contracts.event import Event
from shared.contracts.logistics import STATEMENTS
from shared.contracts.orders import PAYOUTS, REFUNDS

MOST_PARTS = 10


class PayoutControl(Asked):
    """What becomes of a payout."""

    behaviour: Behaviour


class RefundControl(Asked):
    """What becomes of a refund; what a buyer was paid back never returns."""

    behaviour: Literal["pay", "fail", "duplicate"]


class CreditControl(Asked):
    """In how many parts a statement is credited."""

    parts: int = Field(default=1, ge=1, le=MOST_PARTS)


def build(settings: Settings) -> Party:
    """The bank as a party."""
    to_orders = Calls(settings.orders_url, signed(lambda: settings.keys("webhook_bank")), pace=settings.sandbox_pace)
    to_logistics = Calls(
        settings.logistics_url, with_token(lambda: settings.secret("operator_token")), pace=settings.sandbox_pace
    )
    book = paying.transfers(settings, to_orders)
    incoming = Credits(settings, to_logistics, book.caught_up, book.errands)

    def hear(event: Event, headers: Mapping[str, str]) -> None:
        paying.hear(book, event, headers)
        incoming.hear(event)

    wanted: list[type[Event]] = [*paying.HEARS, *crediting.HEARS]
    topics = [PAYOUTS, REFUNDS, STATEMENTS]
    following = Following(settings.kafka_bootstrap, topics, wanted, hear, book.caught_up)

    async def finish() -> None:
        await book.errands.finish(FINISH_SECONDS)
        await to_orders.close()
        await to_logistics.close()

    return Party(routes(book, incoming), background=following.run, is_ready=book.caught_up.is_set, finish=finish)


def routes(book: Transfers, incoming: Credits) -> list[Route]:
    """All but health."""

    async def known(_: Request) -> Response:
        items = [each.as_json() for each in book.known.values()]
        return JSONResponse({"items": items + [each.as_json() for each in incoming.known.values()]})

    async def control_payout(request: Request) -> Response:
        asked = await read(request, PayoutControl)
        book.instruct(request.path_params["payout_id"], asked.behaviour)
        return Response(status_code=204)

    async def control_refund(request: Request) -> Response:
        asked = await read(request, RefundControl)
        book.instruct(request.path_params["refund_id"], asked.behaviour)
        return Response(status_code=204)

    async def control_credit(request: Request) -> Response:
        asked = await read(request, CreditControl)
        incoming.instruct(request.path_params["statement_ref"], asked.parts)
        return Response(status_code=204)

    return [
        Route("/transfers", known, methods=["GET"]),
        Route("/control/payouts/{payout_id}", control_payout, methods=["POST"]),
        Route("/control/refunds/{refund_id}", control_refund, methods=["POST"]),
        Route("/control/statements/{statement_ref}", control_credit, methods=["POST"]),
    ]

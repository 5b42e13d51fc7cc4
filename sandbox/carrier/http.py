"""The carrier's surface: parcels and cash for whoever asks, and the controls for tests and the demo."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import httpx
from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.asked import Asked, read
from sandbox.calls import Calls, signed
from sandbox.carrier import rounds as parcels
from sandbox.carrier import till as cash
from sandbox.carrier.journey import Behaviour
from sandbox.carrier.rounds import Parcel, Rounds
from sandbox.carrier.statements import Fault
from sandbox.carrier.till import Till
from sandbox.errands import Errands
from sandbox.process import FINISH_SECONDS, Party, problem
from sandbox.settings import Settings
from sandbox.topics import Following
from shared.contracts.event import Event
from shared.contracts.logistics import COD, DISCREPANCIES, SHIPMENTS, STATEMENTS
from shared.contracts.values import Money

ANSWER_SECONDS = 8.0  # what takes longer goes on by itself; the caller looks at what was sent


class NewParcel(Asked):
    """A parcel brought to the counter, for those who tell the carrier themselves."""

    waybill: str = Field(min_length=1, max_length=64)
    shipment_id: str | None = None
    cod_amount: Money | None = None


class Control(Asked):
    """Which way a parcel is to go."""

    behaviour: Behaviour


class AskedReport(Asked):
    """A report to be sent as it is; what is left out of `report_id` and `at` is made. Nonsense is allowed."""

    kind: str
    report_id: str | None = None
    at: AwareDatetime | None = None
    amount: Money | None = None
    method: str | None = None
    reason: str | None = None


class StatementControl(Asked):
    """Which slips the statement is to have, and how many of each; none if left out."""

    faults: dict[Fault, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)


def build(settings: Settings) -> Party:
    """The carrier as a party."""
    calls = Calls(settings.logistics_url, signed(lambda: settings.keys("webhook_carrier")), pace=settings.sandbox_pace)
    rounds = Rounds(settings, calls)
    till = Till(settings, calls)

    def hear(event: Event, headers: Mapping[str, str]) -> None:
        rounds.hear(event, headers)
        till.hear(event)

    wanted: list[type[Event]] = [*parcels.HEARS, *cash.HEARS]
    topics = [SHIPMENTS, COD, STATEMENTS, DISCREPANCIES]
    following = Following(settings.kafka_bootstrap, topics, wanted, hear, rounds.caught_up)

    async def background() -> None:
        pause = settings.sandbox_statement_seconds * settings.sandbox_pace
        acts = [] if settings.quiet_sandbox else [rounds.errands.repeat(pause, till.state)]
        await asyncio.gather(following.run(), *acts)

    async def finish() -> None:
        await rounds.errands.finish(FINISH_SECONDS)
        await calls.close()

    every = [*routes(rounds), *statement_routes(till, rounds.errands)]
    return Party(every, background=background, is_ready=rounds.caught_up.is_set, finish=finish)


def statement_routes(till: Till, errands: Errands) -> list[Route]:
    """What the carrier has stated, and the control that makes it state what waits."""

    def shown() -> Response:
        return JSONResponse({"items": till.sent, "waiting": len(till.waiting())})

    async def known(_: Request) -> Response:
        return shown()

    async def control(request: Request) -> Response:
        asked = await read(request, StatementControl)
        await asyncio.wait({errands.start(till.state(asked.faults))}, timeout=ANSWER_SECONDS)
        return shown()

    return [
        Route("/statements", known, methods=["GET"]),
        Route("/control/statements", control, methods=["POST"]),
    ]


def routes(rounds: Rounds) -> list[Route]:
    """All but health."""

    async def known(_: Request) -> Response:
        parcels = [parcel.as_json() for parcel in rounds.parcels.values()]
        return JSONResponse({"items": parcels, "cash_held": [money.model_dump() for money in rounds.cash_held()]})

    async def take_over(request: Request) -> Response:
        asked = await read(request, NewParcel)
        parcel = rounds.take_over(Parcel(asked.waybill, asked.cod_amount, asked.shipment_id))
        return JSONResponse(parcel.as_json(), 201)

    async def control(request: Request) -> Response:
        asked = await read(request, Control)
        rounds.instruct(request.path_params["waybill"], asked.behaviour)
        return Response(status_code=204)

    async def report(request: Request) -> Response:
        asked = await read(request, AskedReport)
        waybill = request.path_params["waybill"]
        parcel = rounds.parcels.get(waybill) or Parcel(waybill, None)  # also one that the carrier never had
        try:
            answer = await rounds.report(parcel, asked.model_dump(mode="json", exclude_none=True))
        except httpx.HTTPError as error:
            return problem(502, "no_answer", f"Logistics does not answer ({type(error).__name__}); ask again.")
        return JSONResponse({"status": answer.status_code, "answer": _content(answer)})

    return [
        Route("/parcels", known, methods=["GET"]),
        Route("/parcels", take_over, methods=["POST"]),
        Route("/parcels/{waybill}/reports", report, methods=["POST"]),
        Route("/control/parcels/{waybill}", control, methods=["POST"]),
    ]


def _content(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text

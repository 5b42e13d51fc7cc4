"""The carrier's surface: parcels and cash for whoever asks, and the controls for tests and the demo."""

from __future__ import annotations

from typing import Any

import httpx
from pydantic import AwareDatetime, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.asked import Asked, read
from sandbox.calls import SignedCalls
from sandbox.carrier.journey import Behaviour
from sandbox.carrier.rounds import HEARS, Parcel, Rounds
from sandbox.process import FINISH_SECONDS, Party, problem
from sandbox.settings import Settings
from sandbox.topics import Following
from shared.contracts.logistics import COD, SHIPMENTS
from shared.contracts.values import Money


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


def build(settings: Settings) -> Party:
    """The carrier as a party."""
    calls = SignedCalls(settings.logistics_url, lambda: settings.keys("webhook_carrier"), pace=settings.sandbox_pace)
    rounds = Rounds(settings, calls)
    following = Following(settings.kafka_bootstrap, [SHIPMENTS, COD], HEARS, rounds.hear, rounds.caught_up)

    async def finish() -> None:
        await rounds.errands.finish(FINISH_SECONDS)
        await calls.close()

    return Party(routes(rounds), background=following.run, is_ready=rounds.caught_up.is_set, finish=finish)


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

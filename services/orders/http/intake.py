"""`POST /orders` and `/orders/batch`: bytes to a command, its place in a group commit, what was agreed back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.responses import Response

from services.orders.domain import CODES, codes
from services.orders.http.forms import ManyOrders, NewOrder, OrderAnswered, OrderMade
from services.orders.http.reading import read_keyed_order, read_order, split_orders
from services.orders.settings import Settings
from services.orders.usecases import intake
from services.orders.usecases.agreed import Agreed, split_of
from services.orders.usecases.intake import Intake, Refused, Request, Taken
from shared.contracts.event import Cause
from shared.contracts.values import Money, PaymentId
from shared.kernel import database
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.group_commit import PATIENCE_MS, GroupCommit
from shared.kernel.http import Ask, Call, Routes, problems
from shared.kernel.http.edge import stored_response
from shared.kernel.idempotency import Answer, Decided, Key

_Z = orjson.OPT_UTC_Z
PLACE, PLACE_MANY = "POST /orders", "POST /orders/batch"

routes = Routes()


@routes.post("/orders", roles={"buyer", "service"}, status=201, once=True, takes=NewOrder, answers=OrderMade)
async def place_order(call: Call, body: bytes) -> Response:
    """Place an order: all of its lines or none."""
    return stored_response(await desk_of(call).place(Ask.of(call, body)))


@routes.post("/orders/batch", roles={"service"}, takes=ManyOrders, answers=list[OrderAnswered])
async def place_orders(call: Call, body: bytes) -> Response:
    """Place up to 100 orders, each by its own key and for itself; answers come in the same order."""
    return stored_response(await desk_of(call).place_many(Ask.of(call, body)))


def desk_of(call: Call) -> Desk:
    """The desk of the application that serves this call; `main.py` puts it there."""
    desk: Desk = call.request.app.state.desk
    return desk


def settings_of(call: Call) -> Settings:
    """The settings of the application that serves this call; `main.py` puts them there."""
    settings: Settings = call.request.app.state.settings
    return settings


class Desk:
    """Where a process takes orders in: what comes together is decided together, and everyone gets their own answer."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._intake = Intake(lambda: settings.rules)
        self._group: GroupCommit[Request, intake.Answer] = GroupCommit(
            self._connect,
            self._intake.take_orders,
            settings.limits,
            at_once=self._intake.take_at_once,
            around=partial(self._intake.take_orders, around=True),
        )

    @asynccontextmanager
    async def running(self, _app: FastAPI | None = None) -> AsyncIterator[None]:
        """Take orders while the block runs."""
        async with self._group.running():
            yield

    def admit(self) -> None:
        """Whether one more order may wait. Raises `too_many_requests`."""
        self._group.admit()

    async def place(self, ask: Ask) -> Answer:
        """One order. Raises what is refused and not stored."""
        order = read_order(ask)
        return await self._submit(Request(order, ask.cause, ask.key, partial(_refusal, ask.cause)))

    async def place_many(self, ask: Ask) -> Answer:
        """Up to a hundred, none of which depends on another."""
        answers = await asyncio.gather(*(self._place_one(ask, raw) for raw in split_orders(ask)))
        return Answer(200, orjson.dumps(answers))

    async def _place_one(self, ask: Ask, raw: bytes) -> dict[str, Any]:
        said: dict[str, Any] = {}
        try:
            said["idempotency_key"], order = read_keyed_order(ask, raw)
            whose = Key(ask.caller.party, ask.route, said["idempotency_key"], hashlib.sha256(raw).digest())
            answer = await self._submit(Request(order, ask.cause, whose, partial(_refusal, ask.cause)))
        except Exception as error:
            problem = problems.problem_of(error, CODES)
            answer = Answer(problem.status, problem.body(ask.cause.correlation_id))
            if wait := problem.headers.get("retry-after"):
                said["retry_after"] = int(wait)
        if answer.replayed:
            said["replayed"] = True
        return said | {"status": answer.status, "body": orjson.Fragment(answer.body)}

    async def _submit(self, request: Request) -> Answer:
        answer = await self._group.submit(request, request.key.row)
        if isinstance(answer, Taken):
            return Answer(201, made(answer.order, self._settings), answer.replayed)
        if isinstance(answer, Rejected):
            raise answer
        assert isinstance(answer, Refused), "who was held up has been decided again"
        assert answer.answer.body is not None, "a refusal is stored as it went out"
        return Answer(answer.answer.status, answer.answer.body, answer.replayed)

    async def _connect(self) -> Tx:
        settings, name = self._settings, f"{self._settings.process}-intake"
        patience = {"lock_timeout": f"{PATIENCE_MS}"}
        return await database.connect(settings.dsn, settings.service, name, **database.PLANNED_ONCE, **patience)


def _refusal(because: Cause, refusal: Rejected) -> Decided:
    problem = problems.of_refusal(refusal, CODES)
    return Decided(problem.status, problem.body(because.correlation_id), None)


def made(order: Agreed, settings: Settings) -> bytes:
    """The answer (`OrderMade`), the same bytes for the same order."""
    agreed = order.placement
    said = {
        "order_id": agreed["order_id"],
        "order_no": agreed["order_no"],
        "state": "PLACED" if order.expires_at else "CONFIRMED",
        "payable": agreed["totals"]["payable"],
        "totals": agreed["totals"],
        "lines": [_line(line) for line in agreed["lines"]],
        "supplier_orders": [_part(part) for part in agreed["supplier_orders"]],
    }
    if agreed["payment_id"]:
        said["payment"] = _payment(order, settings)
    if order.touch:
        said["touch"] = order.touch
    return orjson.dumps(said, option=_Z)


def _line(line: Any) -> dict[str, Any]:
    said = {name: line[name] for name in ("line_id", "listing_id", "variant_id", "amount")}
    said |= {"qty": line["quantity"], "split": split_of(line)}
    return said | {"slot_id": line["slot_id"]} if line["slot_id"] else said


def _part(part: Any) -> dict[str, Any]:
    return {name: part[name] for name in ("supplier_order_id", "supplier_id", "line_ids")}


def _payment(order: Agreed, settings: Settings) -> dict[str, Any]:
    assert order.expires_at is not None, "what is to be paid expires"
    payment_id, due = PaymentId(order.placement["payment_id"]), Money(**order.placement["totals"]["payable"])
    url = codes.pay_url(settings.psp_url, settings.signing_key, payment_id, due, order.expires_at)
    return {"payment_id": payment_id, "pay_url": url, "expires_at": order.expires_at}

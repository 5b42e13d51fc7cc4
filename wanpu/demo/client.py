"""The platform as anyone outside reaches it: HTTP with tokens and idempotency keys, patient for a bounded time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from shared.kernel.ids import new_id
from wanpu.reconcile import History
from wanpu.token import mint_token

PATIENCE_SECONDS = 30.0  # for what another service's event has yet to bring
CALL_SECONDS = 10.0  # a service ends a call by its own deadline of 3 s
POLL_SECONDS = 0.2
AT_ONCE = 12  # calls under way: enough to keep two cores busy
WAITS = ("not_ready", "delivery_details_missing", "in_progress", "too_many_requests", "unavailable")

T = TypeVar("T")
Json = dict[str, Any]


class DemoError(Exception):
    """One sentence on what did not happen."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and what came with it."""

    status: int
    body: Json

    @property
    def code(self) -> str:
        """A refusal's code."""
        return str(self.body.get("code", ""))


@dataclass(slots=True)
class Platform:
    """Where everything answers, and what was promised to us; `urls` by name: catalog … phone."""

    urls: Mapping[str, str]
    keys: Path
    loadtest: bool = False  # whether our callers say that they are a load test
    history: History = field(default_factory=History)
    http: httpx.AsyncClient = field(init=False)
    _turns: asyncio.Semaphore = field(init=False)

    async def __aenter__(self) -> Self:
        self.http = httpx.AsyncClient(timeout=CALL_SECONDS, trust_env=False)
        self._turns = asyncio.Semaphore(AT_ONCE)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.http.aclose()

    def caller(self, role: str, party: str) -> Caller:
        """Somebody with a token of their own."""
        return Caller(self, role, party)

    @property
    def operator(self) -> Caller:
        return self.caller("operator", "demo")

    async def send(self, method: str, service: str, path: str, **given: Any) -> Answer:
        """One call; nobody answering counts as 503."""
        async with self._turns:
            try:
                said = await self.http.request(method, self.urls[service] + path, **given)
            except httpx.HTTPError as error:
                return Answer(503, {"code": "unavailable", "detail": repr(error)})
        return Answer(said.status_code, _content(said))


@dataclass
class Caller:
    """One party in one role."""

    platform: Platform
    role: str
    party: str

    @cached_property
    def _token(self) -> str:
        return mint_token(self.platform.keys, self.role, self.party, loadtest=self.platform.loadtest)

    async def get(self, service: str, path: str, **query: str) -> Json:
        """What is there; `DemoError` when it is refused."""
        return _expected(await self.ask("GET", service, path, params=query), f"GET {path}", (200,))

    async def post(self, service: str, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        """Do it, waiting while it is not ready; `DemoError` when it is refused."""
        return _expected(await self.ask("POST", service, path, body, key=key), f"POST {path}", (200, 201, 202))

    async def ask(
        self, method: str, service: str, path: str, body: Json | None = None, *, key: str | None = None, **given: Any
    ) -> Answer:
        """The answer, whatever it is, once it is no longer "not yet"; the same key on every try."""
        headers = {"authorization": f"Bearer {self._token}"}
        if method == "POST":
            headers["idempotency-key"] = key or new_id()
            given["json"] = body if body is not None else {}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = await self.platform.send(method, service, path, headers=headers, **given)
            if answer.code not in WAITS or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(POLL_SECONDS)  # shorter than Retry-After: the demo's patience, not the machine's

    async def order(self, body: Json) -> Answer:
        """Place an order under a new key, and remember how it was answered."""
        key = new_id()
        answer = await self.ask("POST", "orders", "/orders", body, key=key)
        self.platform.history.note(self.party, key, answer.status, answer.body.get("order_id"))
        return answer


async def until(
    what: str,
    look: Callable[[], Awaitable[T | None]],
    seconds: float = PATIENCE_SECONDS,
    pause_seconds: float = POLL_SECONDS,
) -> T:
    """Look again and again until something is found; `DemoError` with `what` when time is over."""
    deadline = time.monotonic() + seconds
    while (found := await look()) is None:
        if time.monotonic() > deadline:
            raise DemoError(f"{what}: not within {seconds:.0f} s")
        await asyncio.sleep(pause_seconds)
    return found


def money(amount: int, currency: str = "CNY") -> Json:
    """Minor units as the platform takes them."""
    return {"amount": amount, "currency": currency}


def _content(said: httpx.Response) -> Json:
    try:
        content = said.json() if said.content else {}
    except ValueError:
        return {"detail": said.text[:500]}
    return content if isinstance(content, dict) else {"items": content}


def _expected(answer: Answer, what: str, statuses: tuple[int, ...]) -> Json:
    if answer.status not in statuses:
        said = answer.body.get("detail", "")
        errors = f" {answer.body['errors']}" if "errors" in answer.body else ""
        raise DemoError(f"{what} was answered {answer.status} {answer.code}: {said}{errors}")
    return answer.body

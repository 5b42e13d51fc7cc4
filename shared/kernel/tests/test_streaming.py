"""A body of megabytes passes through a file: hashed, signed, bounded, and gone when it was answered."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from shared.kernel import webhooks
from shared.kernel.auth import mint
from shared.kernel.http import Call, Routes, Spooled, api
from shared.kernel.tests.edge_fixtures import PRIVATE, PUBLIC, Settings

KEY = webhooks.new_key()
LIMIT = 3_000_000
routes = Routes()
seen: list[Spooled] = []


@routes.post(
    "/mills/{mill}/lists", signed_by="mill", roles={"operator"}, streamed="text/csv", max_body_bytes=LIMIT, status=202
)
async def take_list(call: Call, body: Spooled) -> dict[str, Any]:
    seen.append(body)
    content = body.file.read()
    return {"party": call.party, "size": body.size, "same": hashlib.sha256(content).digest() == body.digest}


@pytest.fixture
async def edge() -> AsyncIterator[httpx.AsyncClient]:
    app = api(Settings(token_public_key=PUBLIC), routes, signers=lambda _, party: [KEY] if party == "swift" else [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as opened:
        yield opened


def operator() -> dict[str, str]:
    return {"authorization": f"Bearer {mint(PRIVATE, 'operator', 'op', 60)}"}


@pytest.mark.parametrize("size", [0, 10, 2_500_000])
async def test_a_streamed_body_arrives_whole_signed_or_with_a_token(edge: httpx.AsyncClient, size: int) -> None:
    body = b"x" * size
    for headers, party in ((webhooks.sign([KEY], body, "m"), "swift"), (operator(), "op")):
        answer = await edge.post("/mills/swift/lists", content=body, headers=headers | {"content-type": "text/csv"})
        assert (answer.status_code, answer.json()) == (202, {"party": party, "size": size, "same": True})
    assert all(each.file.closed for each in seen)


async def test_what_is_forged_too_long_or_no_list_is_refused_before_the_route_sees_it(edge: httpx.AsyncClient) -> None:
    seen.clear()
    signed = webhooks.sign([KEY], b"a", "m")

    def pieces(count: int) -> Iterator[bytes]:
        return (b"x" * 100_000 for _ in range(count))

    async def unannounced(count: int) -> AsyncIterator[bytes]:
        for piece in pieces(count):
            yield piece

    refused: dict[str, list[tuple[dict[str, str], bytes]]] = {
        "signature_invalid": [(signed, b"b"), (signed | {"webhook-timestamp": "1"}, b"a")],
        "unsupported_media_type": [(operator() | {"content-type": "text/html"}, b"a")],
        "body_too_large": [(operator(), b"x" * (LIMIT + 1)), (operator(), b"x" * (LIMIT + 2_000_000))],
        "unauthenticated": [({}, b"a")],
    }
    for code, calls in refused.items():
        for headers, body in calls:
            answer = await edge.post("/mills/swift/lists", content=body, headers=headers)
            assert answer.json()["code"] == code
    for count in (31, 60):
        answer = await edge.post("/mills/swift/lists", content=unannounced(count), headers=operator())
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert (await edge.post("/mills/other/lists", content=b"a", headers=signed)).status_code == 401
    assert seen == []


def test_a_declaration_that_cannot_work_is_said_at_start() -> None:
    wrong = Routes()

    @wrong.post("/lists", anyone=True, streamed="text/csv", once=True)
    async def take(body: Spooled) -> None: ...

    with pytest.raises(TypeError, match="streamed"):
        api(Settings(token_public_key=PUBLIC), wrong)

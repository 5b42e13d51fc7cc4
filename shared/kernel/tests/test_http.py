"""The edge refuses by name, answers a retry with the same bytes, and says in OpenAPI what it does."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any, NewType

import httpx
import pytest
from fastapi import FastAPI
from openapi_spec_validator import validate
from pydantic import AfterValidator, BaseModel, Field
from starlette.responses import HTMLResponse, Response

from shared.contracts.values import Money
from shared.embedded.process import free_port
from shared.kernel import webhooks
from shared.kernel.auth import Role, mint
from shared.kernel.database import Database, Tx
from shared.kernel.errors import NotReady, Rejected
from shared.kernel.http import Body, Call, Id, Listed, Page, Problem, Reply, Routes, above_zero, api
from shared.kernel.service import _server
from shared.kernel.tests.edge_fixtures import OTHER_PRIVATE, PRIVATE, PUBLIC, Settings, count

RoomId = NewType("RoomId", str)
ROOM = "0198c0de-0000-7000-8000-000000000000"
KEY = webhooks.new_key()


class NewShelf(Body):
    room_id: Id[RoomId]
    label: str = Field(min_length=1, max_length=80)
    price: Annotated[Money, AfterValidator(above_zero)]


class ShelfMade(BaseModel):
    label: str
    note: str | None = None


class Order(Body):
    qty: int


class Note(Body):
    text: str = "none"


routes = Routes()


@routes.post("/shelves", roles={"supplier"}, status=201, once=True)
async def build_shelf(call: Call, tx: Tx, body: NewShelf) -> ShelfMade:
    """Build a shelf in a room."""
    await tx.execute("INSERT INTO shelves VALUES ($1)", body.label)
    match body.label:
        case "full":
            raise Rejected("shelf_full", "No room left.", left=Money(amount=1, currency="CNY"))
        case "early":
            raise NotReady()
    return ShelfMade(label=f"{body.label} of {call.party}")


@routes.get("/rooms/{room_id}/shelves", anyone=True)
async def list_shelves(tx: Tx, room_id: RoomId, page: Page, state: str | None = None) -> Listed[ShelfMade]:
    rows = await tx.fetch(
        "SELECT label FROM shelves WHERE label > $1 ORDER BY 1 LIMIT $2", page.after or "", page.fetch
    )
    return page.of([ShelfMade(label=row["label"]) for row in rows], lambda shelf: shelf.label)


@routes.post("/rooms/{room_id}/note", anyone=True)
async def leave_note(room_id: RoomId, body: Note) -> dict[str, str]:
    return {"room_id": room_id, "note": body.text}


@routes.post("/carriers/{carrier}/reports", signed_by="carrier", roles={"operator"})
async def take_report(call: Call, body: Order) -> dict[str, str | None]:
    return {"role": call.role, "party": call.party, "webhook_id": call.webhook_id}


@routes.post("/uploads", anyone=True, max_body_bytes=400_000, status=202)
async def upload(body: bytes) -> dict[str, int]:
    return {"bytes": len(body)}


@routes.post("/buy", anyone=True, form=True, page=True)
async def buy(call: Call, body: Order) -> Response:
    return HTMLResponse(f"<p>{body.qty + 1}")


@routes.get("/why", anyone=True)
async def why(call: Call) -> dict[str, Any]:
    return {"role": call.role, "correlation_id": call.cause.correlation_id, "traceparent": call.cause.traceparent}


@routes.post("/fail/{how}", anyone=True)
async def fail(call: Call, how: str) -> None:
    match how:
        case "bug":
            raise KeyError("a secret")
        case "away":
            raise ConnectionRefusedError("10.0.0.7")
        case "unmapped":
            raise Rejected("nobody_mapped_this")


@routes.post("/maybe", anyone=True)
async def maybe() -> Reply[ShelfMade]:
    return Reply(ShelfMade(label="later"), status=202)


def application(database: Database | None) -> FastAPI:
    return api(
        Settings(token_public_key=PUBLIC),
        routes,
        codes={"shelf_full": 409},
        stored={"shelf_full"},
        database=database,
        signers=lambda signer, party: [KEY] if (signer, party) == ("carrier", "swift") else [],
        error_page=lambda problem: f"<h1>{problem.code}</h1>",
    )


def client_of(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


@pytest.fixture
async def client(db: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(application(db)) as opened:
        yield opened


@pytest.fixture
async def edge() -> AsyncIterator[httpx.AsyncClient]:
    """The same application without its database."""
    async with client_of(application(None)) as opened:
        yield opened


def as_(role: Role, party: str = "s-1", key: str | None = "k1", private: str = PRIVATE) -> dict[str, str]:
    bearer = {"authorization": f"Bearer {mint(private, role, party, 60)}"}
    return bearer | ({"idempotency-key": key} if key else {})


def shelf(**changes: Any) -> dict[str, Any]:
    return {"room_id": ROOM, "label": "a", "price": {"amount": 1, "currency": "CNY"}} | changes


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    problem: dict[str, Any] = answer.json()
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["detail"] and problem["trace_id"]
    return problem


async def test_an_answer_is_replayed_byte_for_byte(client: httpx.AsyncClient, db: Database) -> None:
    first = await client.post("/shelves", json=shelf(), headers=as_("supplier"))
    again = await client.post("/shelves", json=shelf(), headers=as_("supplier"))
    assert (first.status_code, first.json()) == (201, {"label": "a of s-1"})
    assert "idempotency-replayed" not in first.headers
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(db) == 1


async def test_fifty_at_once_with_one_key_do_one_thing(client: httpx.AsyncClient, db: Database) -> None:
    answers = await asyncio.gather(*(client.post("/shelves", json=shelf(), headers=as_("supplier")) for _ in range(50)))
    assert {answer.content for answer in answers} == {b'{"label":"a of s-1"}'}
    assert await count(db) == 1


async def test_two_parties_with_one_key_do_two_things(client: httpx.AsyncClient, db: Database) -> None:
    for party in ("s-1", "s-2"):
        assert (await client.post("/shelves", json=shelf(), headers=as_("supplier", party))).status_code == 201
    assert await count(db) == 2


async def test_a_stored_refusal_is_replayed_as_a_problem(client: httpx.AsyncClient, db: Database) -> None:
    first = await client.post("/shelves", json=shelf(label="full"), headers=as_("supplier"))
    again = await client.post("/shelves", json=shelf(label="full"), headers=as_("supplier"))
    problem = assert_problem(again, 409, "shelf_full")
    assert problem["left"] == {"amount": 1, "currency": "CNY"}
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert await count(db) == 0


async def test_what_is_not_ready_is_not_stored(client: httpx.AsyncClient, db: Database) -> None:
    answer = await client.post("/shelves", json=shelf(label="early"), headers=as_("supplier"))
    assert_problem(answer, 409, "not_ready")
    assert answer.headers["retry-after"] == "1"
    assert await count(db) == await count(db, "idempotency") == 0


async def test_another_body_with_the_key_is_refused(client: httpx.AsyncClient) -> None:
    await client.post("/shelves", json=shelf(), headers=as_("supplier"))
    other = await client.post("/shelves", json=shelf(label="b"), headers=as_("supplier"))
    assert_problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", [None, "x" * 256, "a\tb"])
async def test_a_key_is_required_and_bounded(edge: httpx.AsyncClient, key: str | None) -> None:
    answer = await edge.post("/shelves", json=shelf(), headers=as_("supplier", key=key))
    assert_problem(answer, 400, "idempotency_key_required")


async def test_who_does_not_say_who_they_are_is_asked(edge: httpx.AsyncClient) -> None:
    for headers in ({}, {"authorization": "Basic x"}, as_("supplier", private=OTHER_PRIVATE)):
        answer = await edge.post("/shelves", json=shelf(), headers=headers)
        assert_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_role_that_may_not_call_is_told_who_may(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/shelves", json=shelf(), headers=as_("buyer"))
    assert "supplier" in assert_problem(answer, 403, "forbidden")["detail"]


async def test_the_caller_is_known_before_the_body_is_read(edge: httpx.AsyncClient) -> None:
    assert_problem(await edge.post("/shelves", content=b"{"), 401, "unauthenticated")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"label": 3}, "label"),
        ({"label": ""}, "label"),
        ({"label": "a\0"}, "label"),
        ({"room_id": "1"}, "room_id"),
        ({"price": {"amount": "1", "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": 1.5, "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": True, "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": 10**30, "currency": "CNY"}}, "price.amount"),
        ({"price": {"amount": 0, "currency": "CNY"}}, "price"),
        ({"price": {"amount": -1, "currency": "CNY"}}, "price"),
        ({"price": {"amount": 1, "currency": "CNY", "tip": 1}}, "price.tip"),
        ({"price": None}, "price"),
    ],
)
async def test_a_wrong_field_is_named(edge: httpx.AsyncClient, changes: dict[str, Any], field: str) -> None:
    answer = await edge.post("/shelves", json=shelf(**changes), headers=as_("supplier"))
    errors = assert_problem(answer, 422, "validation_failed")["errors"]
    assert [error["field"] for error in errors] == [field]


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 5_000, b'{"a": "\\ud800"}'])
async def test_bytes_that_are_no_json_are_refused(edge: httpx.AsyncClient, raw: bytes) -> None:
    assert_problem(await edge.post("/shelves", content=raw, headers=as_("supplier")), 400, "malformed_json")


async def test_a_body_that_says_it_is_no_json_is_refused(edge: httpx.AsyncClient) -> None:
    headers = as_("supplier") | {"content-type": "text/plain"}
    assert_problem(await edge.post("/shelves", content=b"{}", headers=headers), 415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_refused_announced_or_not(edge: httpx.AsyncClient) -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1_024

    for content in (b" " * 300_000, drip()):
        answer = await edge.post("/shelves", content=content, headers=as_("supplier"))
        assert_problem(answer, 413, "body_too_large")


async def test_a_route_may_raise_the_limit(edge: httpx.AsyncClient) -> None:
    assert (await edge.post("/uploads", content=b" " * 300_000)).json() == {"bytes": 300_000}
    assert_problem(await edge.post("/uploads", content=b" " * 400_001), 413, "body_too_large")


async def test_a_list_comes_in_pages(client: httpx.AsyncClient, db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO shelves SELECT 'shelf ' || n FROM generate_series(1, 5) n")
    seen: list[str] = []
    after = ""
    for items in (2, 2, 1):
        page = (await client.get(f"/rooms/{ROOM}/shelves?limit=2{after}")).json()
        assert len(page["items"]) == items
        seen += [item["label"] for item in page["items"]]
        after = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == [f"shelf {number}" for number in range(1, 6)]


async def test_another_list_s_cursor_is_refused(client: httpx.AsyncClient, db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO shelves VALUES ('a'), ('b')")
    cursor = (await client.get(f"/rooms/{ROOM}/shelves?limit=1")).json()["next_cursor"]
    assert len((await client.get(f"/rooms/{ROOM}/shelves?cursor={cursor}")).json()["items"]) == 1
    other = ROOM.replace("0198", "0199")
    assert_problem(await client.get(f"/rooms/{other}/shelves?cursor={cursor}"), 400, "cursor_invalid")


@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_no_body_is_an_empty_one_where_no_field_is_required(edge: httpx.AsyncClient, body: bytes) -> None:
    answer = await edge.post(f"/rooms/{ROOM}/note", content=body)
    assert answer.json() == {"room_id": ROOM, "note": "none"}
    assert_problem(await edge.post("/shelves", content=b"", headers=as_("supplier")), 400, "malformed_json")


async def test_an_id_in_a_path_is_read_in_either_case(edge: httpx.AsyncClient) -> None:
    assert (await edge.post(f"/rooms/{ROOM.upper()}/note")).json()["room_id"] == ROOM


async def test_parameters_are_checked(edge: httpx.AsyncClient) -> None:
    path = f"/rooms/{ROOM}/shelves"
    assert_problem(await edge.get(f"{path}?limit=101"), 422, "validation_failed")
    assert_problem(await edge.get(f"{path}?cursor=abc"), 400, "cursor_invalid")
    assert_problem(await edge.get(f"{path}?state=%00"), 422, "validation_failed")
    assert_problem(await edge.get("/rooms/1/shelves"), 404, "not_found")


async def test_a_signed_call_speaks_for_its_signer(edge: httpx.AsyncClient) -> None:
    body = b'{"qty": 1}'
    signed = webhooks.sign([KEY], body, "msg-7")
    answer = await edge.post("/carriers/swift/reports", content=body, headers=signed)
    assert answer.json() == {"role": "signer", "party": "swift", "webhook_id": "msg-7"}
    for path, content in (("/carriers/other/reports", body), ("/carriers/swift/reports", b"{}")):
        assert_problem(await edge.post(path, content=content, headers=signed), 401, "signature_invalid")


async def test_a_route_may_take_a_signature_or_a_role(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/carriers/swift/reports", json={"qty": 1}, headers=as_("operator", "o-1"))
    assert answer.json()["party"] == "o-1"
    assert_problem(await edge.post("/carriers/swift/reports", json={"qty": 1}), 401, "unauthenticated")


async def test_a_form_and_a_page_are_html_also_when_they_fail(edge: httpx.AsyncClient) -> None:
    assert (await edge.post("/buy", data={"qty": "2"})).text == "<p>3"
    wrong = await edge.post("/buy", data={"qty": "two"})
    assert (wrong.status_code, wrong.text) == (422, "<h1>validation_failed</h1>")


async def test_the_cause_goes_on_from_the_callers_trace(edge: httpx.AsyncClient) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await edge.get("/why", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    assert answer.json()["correlation_id"] == trace_id
    assert answer.json()["traceparent"] == answer.headers["traceparent"]


async def test_an_answer_may_choose_its_status(edge: httpx.AsyncClient) -> None:
    answer = await edge.post("/maybe")
    assert (answer.status_code, answer.json()) == (202, {"label": "later"})
    assert (await edge.post("/fail/not")).status_code == 204


async def test_a_bug_says_nothing_of_its_inside(edge: httpx.AsyncClient) -> None:
    for how in ("bug", "unmapped"):
        answer = await edge.post(f"/fail/{how}")
        assert_problem(answer, 500, "internal")
        assert "secret" not in answer.text and "nobody" not in answer.text


async def test_a_database_that_is_away_is_said_so(edge: httpx.AsyncClient) -> None:
    for answer in (await edge.post("/fail/away"), await edge.get(f"/rooms/{ROOM}/shelves")):
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


async def test_the_routers_own_failures_are_problems(edge: httpx.AsyncClient) -> None:
    assert_problem(await edge.get("/nowhere"), 404, "not_found")
    answer = await edge.get("/maybe")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


async def test_every_service_has_health_and_metrics(client: httpx.AsyncClient, edge: httpx.AsyncClient) -> None:
    assert (await client.get("/health/ready")).status_code == 200
    assert (await edge.get("/health/ready")).status_code == 503
    assert (await edge.get("/health/live")).status_code == 200
    assert 'route="/health/live"' not in (await edge.get("/metrics")).text


async def test_openapi_is_valid_and_says_what_the_edge_does(edge: httpx.AsyncClient) -> None:
    document = (await edge.get("/openapi.json")).json()
    validate(document)
    operation = document["paths"]["/shelves"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/NewShelf")
    assert operation["responses"]["201"]["content"]["application/json"]["schema"]["$ref"].endswith("/ShelfMade")
    assert operation["security"] == [{"bearer": []}] and operation["x-roles"] == ["supplier"]
    assert [parameter["name"] for parameter in operation["parameters"]] == ["Idempotency-Key"]
    assert document["paths"]["/carriers/{carrier}/reports"]["post"]["security"] == [{"bearer": []}, {"webhook": []}]
    assert "additionalProperties" in json.dumps(document["components"]["schemas"]["NewShelf"])


async def test_docs_need_nothing_from_elsewhere(edge: httpx.AsyncClient) -> None:
    page = (await edge.get("/docs")).text
    assert "/shelves" in page and "as supplier" in page
    assert "<script" not in page and "http:" not in page and "https:" not in page


def test_a_route_that_does_not_say_who_may_call_fails_at_start() -> None:
    undeclared = Routes()
    undeclared.get("/secrets")(why)
    with pytest.raises(TypeError, match="GET /secrets does not say who may call"):
        api(Settings(), undeclared)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"roles": {"king"}}, "unknown roles"), ({"anyone": True, "roles": {"buyer"}}, "anyone and for some")],
)
def test_a_contradictory_declaration_fails_at_start(options: dict[str, Any], reason: str) -> None:
    wrong = Routes()
    wrong.post("/secrets", **options)(maybe)
    with pytest.raises(TypeError, match=reason):
        api(Settings(), wrong)


def test_a_path_without_its_parameter_fails_at_start() -> None:
    wrong = Routes()
    wrong.get("/rooms/{room_id}", anyone=True)(why)
    with pytest.raises(TypeError, match="room_id"):
        api(Settings(), wrong)


def test_a_problem_cannot_be_renamed_by_its_extra() -> None:
    assert json.loads(Problem(409, "full", "x", {"code": "y", "left": 1}).body())["code"] == "full"


async def test_a_real_server_refuses_a_large_body_and_ends_what_it_began(db: Database) -> None:
    port = free_port()
    server = _server(application(db), "127.0.0.1", port)
    serving = asyncio.create_task(server.serve())
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", transport=httpx.AsyncHTTPTransport(retries=5)
    ) as c:
        assert (await c.get("/health/ready")).status_code == 200
        assert_problem(await c.post("/uploads", content=b" " * 500_000), 413, "body_too_large")
        assert (await c.post("/shelves", json=shelf(), headers=as_("supplier"))).status_code == 201
        async with db.transaction() as tx:
            await tx.execute("LOCK TABLE shelves")
            slow = asyncio.create_task(c.post("/shelves", json=shelf(), headers=as_("supplier", key="k2")))
            await asyncio.wait([slow], timeout=0.3)
            server.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait([serving], timeout=0.3)
            assert not serving.done()
        assert (await slow).status_code == 201
        await serving


def test_the_example_in_the_docstring_names_what_there_is() -> None:
    from shared.kernel import http

    (imported,) = re.findall(r"from shared.kernel.http import (.+)", http.__doc__ or "")
    assert set(imported.split(", ")) <= set(http.__all__)

"""The edge: bytes in, problem+json out, and every route says who may call it. FastAPI underneath.

A service's `http.py` in full:

    from shared.kernel.database import Tx
    from shared.kernel.http import Body, Call, Id, Listed, Page, Routes

    routes = Routes()

    class NewShelf(Body):                                   # a request: strict, no unknown fields, also deeper down
        room_id: Id[RoomId]                                 # UUID text, else 422
        label: str = Field(min_length=1, max_length=80)

    class ShelfMade(BaseModel):                             # an answer; what is None is left out
        shelf_id: ShelfId

    @routes.post("/shelves", roles={"supplier"}, status=201, once=True)
    async def build_shelf(call: Call, tx: Tx, body: NewShelf) -> ShelfMade:
        shelf = await usecases.build_shelf(tx, Build(call.party, **dict(body)), call.cause)
        return ShelfMade(shelf_id=shelf.shelf_id)

    @routes.get("/rooms/{room_id}/shelves", anyone=True)
    async def list_shelves(tx: Tx, room_id: RoomId, page: Page, state: str | None = None) -> Listed[Shelf]:
        return page.of(await usecases.shelves(tx, room_id, page), lambda shelf: shelf.shelf_id)

    @routes.post("/carriers/{carrier}/reports", signed_by="carrier")
    async def take_report(call: Call, tx: Tx, body: Report) -> Taken: ...   # call.party is {carrier}

and its `main.py`: `api = service.api(settings, http.routes, codes=domain.CODES, stored={"shelf_full"})`.

What a function is given, by its parameters:
- `call: Call`: who calls and why (`role, party, loadtest, cause`), the raw `request`, `db`, `idempotency_key`.
- `tx: Tx`: the whole function runs in one transaction, run again on a serialisation failure; it commits when the
  function returns and rolls back when it raises.
- `body`: a `Body` model parsed from JSON (`form=True`: from an HTML form), `bytes` as they came, or, with
  `streamed="text/csv"` and a `max_body_bytes` of megabytes, `Spooled`: a temporary file with its digest.
- `page: Page`: `?cursor=&limit=`; ask the store for `page.fetch` rows after `page.after`, answer
  `page.of(rows, position)`.
- anything else is a path or query parameter, as in FastAPI. A path parameter `…_id` that is no UUID answers 404.

`once=True` requires an Idempotency-Key. With `tx` the answer is stored in that transaction and replayed; a function
without `tx` is given the key and does the same itself. Refusals are stored if `api(stored=…)` lists their code.

A call that comes by the thousand may have a swift edge of its own: see `swift.py` and `Front`.

What it may return: a model (or list, dict), `Reply(value, status=202)`, None (204), or any Starlette `Response` such
as an HTML page. What it raises: `Rejected(code, detail, **extra)`; the service maps its codes in `api(codes=…)`.
"""

from shared.kernel.http.app import api
from shared.kernel.http.bodies import Body, Id, above_zero, not_negative
from shared.kernel.http.call import Call, Caller, Reply
from shared.kernel.http.pages import Listed, Page, PageAsked
from shared.kernel.http.problems import PROBLEM_JSON, Problem
from shared.kernel.http.routes import Routes
from shared.kernel.http.spool import Spooled
from shared.kernel.http.swift import Ask, Front

__all__ = [
    "PROBLEM_JSON",
    "Ask",
    "Body",
    "Call",
    "Caller",
    "Front",
    "Id",
    "Listed",
    "Page",
    "PageAsked",
    "Problem",
    "Reply",
    "Routes",
    "Spooled",
    "above_zero",
    "api",
    "not_negative",
]

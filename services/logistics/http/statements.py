"""Carriers' statements come as CSV; a job tells what became of them."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Header
from pydantic import BaseModel

from services.logistics import usecases
from services.logistics.http.given import Carrier, Ref, require_carrier, settings_of, viewer
from shared.contracts.values import DiscrepancyId, DiscrepancyKind, Money, StatementId
from shared.kernel.database import Tx
from shared.kernel.http import Call, Routes, Spooled

routes = Routes()

MAX_STATEMENT_BYTES = 64 << 20  # a million rows


class JobMade(BaseModel):
    """Poll `GET /jobs/{job_id}`."""

    job_id: StatementId


@routes.post(
    "/carriers/{carrier}/statements",
    roles={"operator"},
    signed_by="carrier",
    streamed="text/csv",
    max_body_bytes=MAX_STATEMENT_BYTES,
    status=202,
)
async def take_statement(
    call: Call, tx: Tx, carrier: Carrier, body: Spooled, statement_ref: Annotated[Ref, Header()]
) -> JobMade:
    """Keep a carrier's statement and look at its rows: the same `statement-ref` and bytes, the same job."""
    settings = settings_of(call)
    require_carrier(settings, carrier)
    upload = usecases.Upload(carrier, statement_ref, body.file, body.digest)
    return JobMade(job_id=StatementId(await usecases.receive_statement(tx, upload, call.cause, settings.rules)))


class FoundView(BaseModel):
    """A row that did not fit."""

    kind: DiscrepancyKind
    waybill: str | None = None
    line: int | None = None
    expected: Money | None = None
    actual: Money | None = None
    discrepancy_id: DiscrepancyId


class BadRowView(BaseModel):
    """A row that can't be read; the header is line 1."""

    line: int
    code: str


class JobView(BaseModel):
    """How far the readable `rows` were looked at; both lists show their first thousand."""

    state: Literal["running", "done", "failed"]
    rows: int
    rows_done: int
    matched: int
    discrepancies: list[FoundView]
    discrepancies_total: int
    bad_rows: list[BadRowView]
    bad_rows_total: int


@routes.get("/jobs/{job_id}", roles={"operator", "carrier"})
async def show_job(call: Call, tx: Tx, job_id: StatementId) -> JobView:
    """What became of a statement: a carrier's own."""
    job = await usecases.job(tx, job_id, viewer(call))
    statement = job.statement
    running: Literal["running", "failed"] = "failed" if job.stuck else "running"
    return JobView(
        state=running if statement.state == "RECEIVED" else "done",
        rows=statement.rows,
        rows_done=statement.rows_done,
        matched=statement.matched,
        discrepancies=[
            FoundView(**{name: getattr(found, name) for name in FoundView.model_fields}) for found in job.discrepancies
        ],
        discrepancies_total=statement.found,
        bad_rows=[BadRowView(line=bad.line, code=bad.code) for bad in job.bad_rows],
        bad_rows_total=statement.bad_rows,
    )

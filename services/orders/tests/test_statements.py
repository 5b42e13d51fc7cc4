"""Statements to parties: each entry once, cut when the period is over, the same bytes ever after."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.orders.domain.lifecycle import Asker
from services.orders.domain.statements import is_settled, period_of
from services.orders.http.paper import amount_text
from services.orders.tests.journey import CHEAP, Edge, Journey
from services.orders.tests.purse import OPERATOR, Purse, cny, supplier
from shared.kernel.errors import Rejected
from shared.kernel.ids import new_id

ANN = Asker("creator", "ann")


@pytest.fixture
def purse(journey: Journey) -> Purse:
    return Purse(journey)


async def book(journey: Journey, at: str, amount: int, *, account: str = "payable:held", currency: str = "CNY") -> None:
    """An entry of the creator ann at a moment of the past, with its balance kept."""
    journal = new_id()
    async with journey.db.transaction() as tx:
        await tx.execute(
            """INSERT INTO journals (journal_id, kind, cause, subject, stream_id, currency, posted_at)
               VALUES ($1::uuid, 'line_delivered', 'event', $1::uuid::text, 'order', $2, $3)""",
            journal,
            currency,
            datetime.fromisoformat(at),
        )
        for place, (name, party, value) in enumerate(((account, "ann", amount), ("losses", None, -amount))):
            await tx.execute(
                """INSERT INTO entries (journal_id, ordinal, account, party, debit, credit)
                   VALUES ($1, $2, $3, $4, $5, $6)""",
                *(journal, place, name, party, max(0, -value), max(0, value)),
            )
        await tx.execute(
            """INSERT INTO balances VALUES ('ann', $1, $2, $3)
               ON CONFLICT (party, account, currency) DO UPDATE SET amount = balances.amount + excluded.amount""",
            *(account, currency, amount),
        )


async def read(edge: Edge, query: str, *, accept: str = "application/json", asker: Asker = ANN) -> httpx.Response:
    headers = {**edge._bearer(asker), "accept": accept}
    return await edge.http.get(f"/statements/{asker.party}?{query}", headers=headers)


async def shown(edge: Edge, query: str) -> dict[str, Any]:
    answer = await read(edge, query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# Periods ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026-11", "2026-11-01", "2026-12-01"),
        ("2026-12", "2026-12-01", "2027-01-01"),
        ("2028-02-29", "2028-02-29", "2028-03-01"),
    ],
)
def test_a_period_is_a_month_or_a_day(name: str, start: str, end: str) -> None:
    period = period_of(name)
    assert (period.start.date().isoformat(), period.end.date().isoformat()) == (start, end)


@pytest.mark.parametrize(
    "name", ["2026", "2026-13", "2026-00", "2026-11-31", "2026-11-00", "0000-01", "9999-12", "x", ""]
)
def test_what_is_no_period_is_refused(name: str) -> None:
    with pytest.raises(Rejected, match="validation_failed"):
        period_of(name)


def test_a_period_is_settled_five_minutes_after_its_end() -> None:
    period = period_of("2026-11")
    assert not is_settled(period, period.end + timedelta(minutes=4))
    assert is_settled(period, period.end + timedelta(minutes=5))


def test_money_is_written_as_people_write_it() -> None:
    written = [amount_text(amount, "CNY") for amount in (12_345, 5, 0, -7, -1_234_567)]
    assert written == ["123.45", "0.05", "0.00", "-0.07", "-12,345.67"]
    assert amount_text(12_345, "JPY") == "12,345"


# What is told -------------------------------------------------------------------------------------------------------


async def test_the_open_period_tells_each_entry_with_its_line_and_cause(purse: Purse, edge: Edge) -> None:
    order = await purse.earned()
    party = supplier(order).party
    month = datetime.now(UTC).strftime("%Y-%m")
    answer = await read(edge, f"period={month}", asker=supplier(order))
    told = answer.json()
    assert (told["open"], told["opening"], told["party"]) == (True, cny(0), party)
    first, *_ = told["items"]
    assert (first["kind"], first["account"]) == ("line_delivered", "payable:held")
    assert (first["order_id"], first["line_id"]) == (order.order_id, order.lines[0].line_id)
    assert (first["order_no"], bool(first["cause"])) == (order.order_no, True)
    assert [item["kind"] for item in told["items"]] == ["line_delivered", "released", "released"]
    assert told["items"][-1]["balance"] == told["closing"] == first["amount"]
    assert {total["kind"]: total["amount"]["amount"] for total in told["totals"]} == {
        "line_delivered": first["amount"]["amount"],
        "released": 0,
    }


async def test_each_period_begins_where_the_one_before_ended(journey: Journey, edge: Edge) -> None:
    for at, amount in (("2026-01-31T23:59:59+00:00", 5), ("2026-02-01T00:00:00+00:00", 7), ("2026-03-09T12:00Z", -2)):
        await book(journey, at, amount)
    found = [await shown(edge, f"period=2026-0{month}") for month in (1, 2, 3, 4)]
    assert [(each["opening"]["amount"], each["closing"]["amount"]) for each in found] == [
        (0, 5),
        (5, 12),
        (12, 10),
        (10, 10),
    ]
    assert [len(each["items"]) for each in found] == [1, 1, 1, 0]
    assert not any(each["open"] for each in found)


async def test_the_days_of_a_month_are_the_month(journey: Journey, edge: Edge) -> None:
    for day in (1, 3, 3, 28):
        await book(journey, f"2026-02-{day:02}T10:00:00+00:00", day)
    days = [await shown(edge, f"period=2026-02-{day:02}") for day in range(1, 29)]
    month = await shown(edge, "period=2026-02")
    assert [item for day in days for item in day["items"]] == month["items"]
    assert days[-1]["closing"] == month["closing"] == cny(35)


async def test_other_currencies_and_other_parties_are_left_out(journey: Journey, edge: Edge) -> None:
    await book(journey, "2026-02-03T00:00:00+00:00", 5)
    await book(journey, "2026-02-04T00:00:00+00:00", 9, currency="USD")
    yuan, dollars = await shown(edge, "period=2026-02"), await shown(edge, "period=2026-02&currency=USD")
    assert (yuan["currency"], yuan["closing"]["amount"], len(yuan["items"])) == ("CNY", 5, 1)
    assert (dollars["currency"], dollars["closing"]["amount"], len(dollars["items"])) == ("USD", 9, 1)


async def test_a_long_statement_is_read_in_pages_with_its_balance(journey: Journey, edge: Edge) -> None:
    for amount in range(1, 8):
        await book(journey, f"2026-02-0{amount}T00:00:00+00:00", amount)
    items, cursor = [], ""
    while cursor is not None:
        page = await shown(edge, f"period=2026-02&limit=3{cursor and '&cursor=' + cursor}")
        items += page["items"]
        cursor = page["next_cursor"]
    assert [item["balance"]["amount"] for item in items] == [1, 3, 6, 10, 15, 21, 28]
    assert page["lines"] == 7


# Closed for ever ----------------------------------------------------------------------------------------------------


async def test_what_comes_later_does_not_change_a_closed_statement(journey: Journey, edge: Edge) -> None:
    await book(journey, "2026-02-03T00:00:00+00:00", 5)
    forms = ("application/json", "text/csv", "text/html")
    before = [await read(edge, "period=2026-02", accept=accept) for accept in forms]
    await book(journey, "2026-02-20T00:00:00+00:00", 9)  # no clock does this: a statement is cut after its last entry
    await book(journey, datetime.now(UTC).isoformat(), 9)
    after = [await read(edge, "period=2026-02", accept=accept) for accept in forms]
    assert [answer.content for answer in before] == [answer.content for answer in after]
    assert after[0].json()["closing"] == cny(5)


async def test_a_closed_statement_can_not_be_changed_in_the_database(journey: Journey, edge: Edge) -> None:
    await book(journey, "2026-02-03T00:00:00+00:00", 5)
    await shown(edge, "period=2026-02")
    for change in (
        "UPDATE party_statements SET closing = 0",
        "DELETE FROM party_statements",
        "TRUNCATE party_statements",
    ):
        with pytest.raises(Exception, match="append-only"):
            await journey.db.pool.execute(change)


async def test_the_digest_is_that_of_the_file(journey: Journey, edge: Edge) -> None:
    for amount in (5, 7):
        await book(journey, "2026-02-03T00:00:00+00:00", amount)
    told = await shown(edge, "period=2026-02")
    file = await read(edge, "period=2026-02", accept="text/csv")
    assert file.headers["content-type"] == "text/csv; charset=utf-8"
    assert told["digest"] == hashlib.sha256(file.content).hexdigest() == file.headers["x-statement-digest"]
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["amount"], row["balance"], row["currency"]) for row in rows] == [("5", "5", "CNY"), ("7", "12", "CNY")]


async def test_the_current_month_is_not_cut(purse: Purse, edge: Edge) -> None:
    order = await purse.delivered()
    month = datetime.now(UTC).strftime("%Y-%m")
    first = (await read(edge, f"period={month}", asker=supplier(order))).json()
    await purse.settle(order)
    await purse.release(order)
    second = (await read(edge, f"period={month}", asker=supplier(order))).json()
    assert (first["lines"], second["lines"]) == (1, 3)
    assert await purse.journey.db.pool.fetchval("SELECT count(*) FROM party_statements") == 0


async def test_the_page_prints_sums_and_lines_and_lets_nothing_in(journey: Journey, edge: Edge) -> None:
    await book(journey, "2026-02-03T04:05:00+00:00", 12_345)
    page = await read(edge, "period=2026-02", accept="text/html,*/*")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for said in ("Statement 2026-02", "123.45", "2026-02-03 04:05", "Delivered", "@page { size: A4"):
        assert said in page.text
    sly = Asker("creator", "<script>alert(1)</script>")
    headers = {**edge._bearer(sly), "accept": "text/html"}
    found = await edge.http.get("/statements/%3Cscript%3Ealert(1)%3C%2Fscript%3E?period=2026-02", headers=headers)
    assert "<script>" not in found.text


# Who may see it -----------------------------------------------------------------------------------------------------


async def test_the_party_operators_and_services_see_it_nobody_else(journey: Journey, edge: Edge) -> None:
    await book(journey, "2026-02-03T00:00:00+00:00", 5)
    for asker, status in ((OPERATOR, 200), (Asker("service", "s"), 200), (Asker("creator", "nosy"), 404)):
        assert (await edge.get(asker, "/statements/ann?period=2026-02")).status_code == status
    assert (await edge.get(Asker("carrier", "sandbox"), "/statements/ann?period=2026-02")).status_code == 403


@pytest.mark.parametrize(
    "query", ["", "period=2026-13", "period=tomorrow", "period=2099-01", "period=2026-02&currency=yuan"]
)
async def test_a_statement_of_no_period_is_refused(edge: Edge, query: str) -> None:
    answer = await read(edge, query)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_platform_revenue_is_the_platforms_own_statement(purse: Purse, edge: Edge) -> None:
    await purse.delivered()
    month = datetime.now(UTC).strftime("%Y-%m")
    told = (await edge.get(OPERATOR, f"/statements/platform?period={month}")).json()
    assert {item["account"] for item in told["items"]} == {"platform_revenue"}
    assert told["closing"]["amount"] == CHEAP // 100

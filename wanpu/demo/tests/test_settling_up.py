"""The acts on money, against a small platform: they wait for what is told, decide each slip, and say what is wrong."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from shared.contracts.event import Topic
from wanpu import keys
from wanpu.demo import cash, client, payouts, tables
from wanpu.demo.cash import Desk
from wanpu.demo.client import DemoError, Json, Platform, money
from wanpu.demo.market import Market
from wanpu.demo.payouts import Payout
from wanpu.demo.shopping import COD_ABOVE, PREPAID, Basket, Fate, Order
from wanpu.demo.tests.test_ledgers import event, share
from wanpu.demo.topics import Told

URLS = {name: f"http://{name}" for name in ("orders", "logistics", "carrier", "bank", "psp")}


@dataclass
class Small:
    """A platform that answers by table and tells what it was made to tell; `calls` are (method, address, body)."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, str, Json]] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    then: dict[str, Callable[[Json], None]] = field(default_factory=dict)

    def answer(self, request: httpx.Request) -> httpx.Response:
        address = f"{request.url.host}{request.url.path}"
        body = json.loads(request.content) if request.content else {}
        self.calls.append((request.method, address, body))
        if address in self.then:
            self.then[address](body)
        found = self.answers.get(f"{request.method} {address}", {})
        status, said = found if isinstance(found, tuple) else (200, found)
        return httpx.Response(status, json=said)

    def asked(self, address: str) -> list[Json]:
        return [body for method, asked, body in self.calls if method == "POST" and asked == address]


class SmallDesk(Desk):
    """Looked after at a small platform."""

    small: Small

    async def told(self, *topics: Topic) -> list[Told]:
        return list(self.small.told)


@pytest.fixture
def small() -> Small:
    return Small()


@pytest.fixture
async def desk(small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallDesk]:
    monkeypatch.setattr(cash, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(payouts, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(client, "POLL_SECONDS", 0.01)
    keys.init(tmp_path)
    async with Platform(URLS, tmp_path) as platform:
        await platform.http.aclose()
        platform.http = httpx.AsyncClient(transport=httpx.MockTransport(small.answer))
        market = Market(platform, names={"s1": "Supplier", "c1": "Creator", "c2": "Another"}, suppliers=["s1"])
        desk = SmallDesk(market, [order("o1", PREPAID), order("o2", COD_ABOVE), order("o3", COD_ABOVE)], "")
        desk.small = small
        yield desk


def order(order_id: str, fate: Fate) -> Order:
    buyer = Platform(URLS, Path()).caller("buyer", "b")
    return Order(order_id, f"no-{order_id}", buyer, fate, "search", Basket(None, ()), None, None)  # type: ignore[arg-type]


def discrepancy(kind: str, waybill: str, **more: Any) -> Json:
    return {"discrepancy_id": f"d-{kind}", "kind": kind, "waybill": waybill, "order_id": "o1", "state": "open", **more}


async def test_a_statement_is_waited_for_until_its_rows_are_matched(desk: SmallDesk, small: Small) -> None:
    item = {"statement_ref": "SB-1", "faults": [{"kind": "short", "waybill": "W1"}]}
    small.answers["POST carrier/control/statements"] = {"items": [item]}
    small.told = [event("StatementMatched", 2, statement_ref="SB-1", matched=7, net=money(100))]
    assert await cash.state(desk, cash.SLIPS) == 7
    assert small.asked("carrier/control/statements") == [{"faults": cash.SLIPS}]
    assert (desk.slips, desk.statements) == ({"W1": "short"}, {"SB-1"})
    assert await cash.state(desk) == 0  # the second time the carrier had nothing new


async def test_every_statement_is_credited_and_waited_for(desk: SmallDesk, small: Small) -> None:
    desk.statements = {"SB-1", "SB-2"}
    small.told = [event("StatementMatched", 2, statement_ref="SB-2", net=money(-800))]  # nothing comes in for it

    def credit(_: Json) -> None:
        credit = {"statement_ref": "SB-1", "complete": True}
        small.told.append(event("BankCreditReceived", 3, **credit))

    small.then["bank/control/statements/SB-1"] = credit
    await cash.credit(desk)
    assert small.asked("bank/control/statements/SB-1") == [{"parts": 2}]


async def test_each_slip_is_decided_and_what_can_not_be_is_left(desk: SmallDesk, small: Small) -> None:
    desk.slips = {"W1": "short", "W2": "duplicate", "W3": "missing"}
    found = [discrepancy("short", "W1"), discrepancy("duplicate", "W2", order_id=None), discrepancy("missing", "W3")]
    stranger = discrepancy("over", "W9", order_id="other")
    small.answers["GET logistics/discrepancies"] = {"items": [*found, stranger], "next_cursor": None}
    small.answers["POST logistics/discrepancies/d-duplicate/resolve"] = (409, {"code": "already_resolved"})
    assert await cash.decide(desk) == 1
    assert small.asked("logistics/discrepancies/d-short/resolve") == [cash.DECISIONS["short"]]
    assert small.asked("logistics/discrepancies/d-duplicate/resolve") == [{"decision": "return_to_carrier"}]
    assert not small.asked("logistics/discrepancies/d-missing/resolve")
    assert not small.asked("logistics/discrepancies/d-over/resolve")


async def test_a_decision_that_is_refused_ends_the_demo_with_a_sentence(desk: SmallDesk, small: Small) -> None:
    desk.slips = {"W1": "short"}
    small.answers["GET logistics/discrepancies"] = {"items": [discrepancy("short", "W1")], "next_cursor": None}
    small.answers["POST logistics/discrepancies/d-short/resolve"] = (422, {"code": "invalid"})
    with pytest.raises(DemoError, match="short of W1"):
        await cash.decide(desk)


async def test_the_list_of_discrepancies_is_read_page_by_page(desk: SmallDesk, small: Small) -> None:
    pages = iter(
        [
            {"items": [discrepancy("short", "W1")], "next_cursor": "c"},
            {"items": [discrepancy("over", "W2")], "next_cursor": None},
        ]
    )
    small.then["logistics/discrepancies"] = lambda _: small.answers.update({"GET logistics/discrepancies": next(pages)})
    assert [each["kind"] for each in await cash.discrepancies(desk)] == ["short", "over"]


async def test_refunds_are_asked_for_where_the_cash_is_right_and_the_supplier_approves(
    desk: SmallDesk, small: Small
) -> None:
    desk.slips = {"W2": "over"}
    small.told = [event("ShipmentCOD", 1, waybill="W2", order_id="o2")]
    for order_id in ("o1", "o3"):
        line = {"line_id": f"l-{order_id}", "kind": "good", "supplier_id": "s1"}
        small.answers[f"GET orders/orders/{order_id}"] = {"lines": [{"kind": "fee"}, line]}
        small.told.append(event("RefundRequested", 1, refund_id=f"r-{order_id}", order_id=order_id))
    for each in desk.orders:
        each.buyer.platform = desk.platform
    assert await payouts.ask_refunds(desk) == 2
    (asked,) = small.asked("orders/orders/o3/refunds")
    assert asked["lines"] == [{"line_id": "l-o3", "qty": 1}]
    assert small.asked("orders/refunds/r-o1/approve") and small.asked("orders/refunds/r-o3/approve")
    assert not small.asked("orders/orders/o2/refunds")


async def test_refunds_are_paid_by_whom_their_route_names_each_once(desk: SmallDesk, small: Small) -> None:
    def refund(refund_id: str, route: str, state: str, position: int = 3) -> Told:
        return event("RefundSubmitted", position, refund_id=refund_id, route=route, state=state)

    small.told = [
        refund("r1", "card", "SUBMITTED"),
        refund("r2", "transfer", "DUE", 2),
        refund("r3", "wallet", "REFUNDED"),
    ]
    small.then["psp/control/refunds/r1"] = lambda _: small.told.extend(
        [refund("r1", "card", "REFUNDED", 4), refund("r2", "transfer", "SUBMITTED", 3)]
    )
    small.then["bank/control/refunds/r2"] = lambda _: small.told.append(refund("r2", "transfer", "REFUNDED", 4))
    assert await payouts.pay_refunds(desk) == {"card": 1, "transfer": 1, "wallet": 1}
    assert len(small.asked("psp/control/refunds/r1")) == len(small.asked("bank/control/refunds/r2")) == 1


async def test_the_provider_is_told_to_settle_until_nothing_is_owed(desk: SmallDesk, small: Small) -> None:
    small.told = [event("PaymentCaptured", 1, payment_id="p", captured=money(10))]

    def settle(_: Json) -> None:
        if len(small.asked("psp/control/settle")) == 2:
            small.told.append(event("PaymentSettled", 2, payment_id="p", gross=money(10)))

    small.then["psp/control/settle"] = settle
    await payouts.settle(desk)
    assert len(small.asked("psp/control/settle")) == 2


async def test_a_hold_of_real_life_is_said_and_not_waited_for(desk: SmallDesk, small: Small) -> None:
    week = datetime.now(UTC) + timedelta(days=7)
    small.told = [share("EARNED", 1, hold_until=week.isoformat())]
    assert await payouts.until_available(desk) == week
    assert await payouts.until_available(desk, {"o1"}) is None


async def test_who_has_something_is_paid_over_the_limit_by_a_second_persons_word(desk: SmallDesk, small: Small) -> None:
    for party, amount in (("s1", 900), ("c1", 0), ("c2", 50)):
        small.answers[f"GET orders/balances/{party}"] = {"available": money(amount)}
    made = iter([("p-c2", "SUBMITTED", "PayoutFailed"), ("p-s1", "REQUESTED", "PayoutReturned")])

    def request(_: Json) -> None:
        payout_id, state, end = next(made)
        small.answers["POST orders/payouts"] = (201, {"payout_id": payout_id, "state": state})
        small.told.append(event(end, 5, payout_id=payout_id))

    small.then["orders/payouts"] = request
    paid = await payouts.pay_out(desk)
    assert [(each.party, each.behaviour, each.approved) for each in paid] == [
        ("c2", "fail", False),
        ("s1", "return", True),
    ]
    assert small.asked("orders/payouts")[1] == {"party": "s1", "amount": money(900)}
    assert small.asked("orders/payouts/p-s1/approve") == [{}]
    assert not small.asked("orders/payouts/p-c2/approve")
    assert small.asked("bank/control/payouts/p-c2") == [{"behaviour": "fail"}]


def test_the_tables_say_where_the_money_is_and_what_was_decided() -> None:
    console = Console(width=120, record=True, file=None)
    sums = {"sandbox": {"collected": 123_456, "remitted": 100_000, "fees": 1_000, "banked": 99_000}}
    decided = discrepancy("short", "W1", decision="bear", bearer="platform", resolved_by="demo")
    decided |= {"expected": money(5_000), "actual": money(4_000), "amount": money(1_000)}
    found = [decided, *(discrepancy("late", f"W{number}") for number in range(20))]
    with console.capture() as shown:
        console.print(tables.cash(sums))
        console.print(tables.discrepancies(found))
        console.print(tables.payouts([Payout("p", "s1", 900, "return", True)], {"s1": "Supplier"}))
    text = shown.get()
    for word in ("1,234.56", "234.56", "bear platform", "10.00", "and 9 more", "sent back", "second person"):
        assert word in text

"""What the demo reads out of the topics: nothing is called settled, available or ended before it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

from wanpu.demo import ledgers
from wanpu.demo.client import Json, money
from wanpu.demo.topics import Told

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
IDS = count()


def event(name: str, position: int = 1, **body: object) -> Told:
    topic, number = "orders.commissions", next(IDS)
    at = NOON + timedelta(seconds=number)
    return Told(f"e{number}", at, f"wanpu.orders.{name}.v1", topic, position, None, {"order_id": "o1", **body})


def share(state: str, position: int, **more: object) -> Told:
    said: Json = {"party": "p1", "line_id": "l1", "waits_for": [], "hold_until": None, **more}
    return event(f"Commission{state.title()}", position, state=state, **said)


def test_a_share_waits_until_the_last_that_is_told_of_it_says_available() -> None:
    earned = share("EARNED", 2, waits_for=["hold", "cash_banked"], hold_until="2026-03-02T12:00:10+00:00")
    found = ledgers.waiting([earned, share("ESTIMATED", 1)], {"o1"})
    assert found is not None
    assert found.count == 1
    assert sorted(found.waits_for) == ["cash_banked", "hold"]
    assert found.hold_until == NOON + timedelta(seconds=10)
    assert ledgers.waiting([share("AVAILABLE", 3), earned], {"o1"}) is None


def test_money_that_the_bank_took_back_is_waited_for_again() -> None:
    assert ledgers.waiting([share("AVAILABLE", 3), share("EARNED", 4, waits_for=["cash_banked"])], {"o1"})


def test_each_partys_share_of_each_line_is_looked_at() -> None:
    told = [share("AVAILABLE", 3), share("EARNED", 2, party="p2"), share("EARNED", 2, line_id="l2")]
    found = ledgers.waiting(told, {"o1"})
    assert found is not None
    assert found.count == 2


def test_the_shares_of_other_orders_are_not_waited_for() -> None:
    assert ledgers.waiting([share("EARNED", 1, order_id="o2")], {"o1"}) is None


def test_a_payment_is_settled_when_all_that_moved_was() -> None:
    captured = event("PaymentCaptured", 1, payment_id="p", captured=money(1000))
    refunded = event("PaymentRefunded", 2, payment_id="p", refunded=money(300))
    settled = event("PaymentSettled", 3, payment_id="p", gross=money(1000))
    kept = event("PaymentSettled", 4, payment_id="p", gross=money(-300))
    assert ledgers.unsettled([captured], {"o1"}) == {"p"}
    assert ledgers.unsettled([captured, settled], {"o1"}) == set()
    assert ledgers.unsettled([captured, settled, refunded], {"o1"}) == {"p"}
    assert ledgers.unsettled([captured, settled, refunded, kept], {"o1"}) == set()
    assert ledgers.unsettled([captured], {"o2"}) == set()


def test_a_refund_is_what_was_told_of_it_last() -> None:
    told = [event("RefundPaid", 4, refund_id="r", state="REFUNDED"), event("RefundDue", 2, refund_id="r", state="DUE")]
    (found,) = ledgers.refunds(told, {"o1"})
    assert found.body["state"] == "REFUNDED"


def test_cash_is_followed_by_carrier() -> None:
    row = {"carrier": "sandbox", "gross": money(1000), "fee": money(100), "net": money(900)}
    told = [
        event("ShipmentCOD", 1, carrier="sandbox", collected=money(1000)),
        event("ShipmentCOD", 1, carrier="other", collected=money(50)),
        event("CodRemitted", 2, **row),
        event("CodBanked", 3, **row),
        event("CodBankingReversed", 4, **row),
        event("CodBanked", 5, **row),
    ]
    assert dict(ledgers.cash(told)["sandbox"]) == {"collected": 1000, "remitted": 1000, "fees": 100, "banked": 900}
    assert ledgers.cash(told)["other"]["banked"] == 0

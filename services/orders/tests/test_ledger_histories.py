"""Random legal histories of orders: whatever happens, in whatever order it is told, the books close."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from services.orders.domain.order import Placed
from services.orders.tests.journey import CHEAP, Journey, Parcel

Act = Callable[[], Awaitable[object]]
HISTORIES = 60  # a second or two each ten; proof.md's 2,000 come with refunds and payouts

BEFORE = ("capture", "capture twice", "wrong amount first", "fail first", "expire", "cancel")
FATES = ("delivered", "called off", "too late", "refused", "returned", "lost", "lost with cash")
MAY_STAND = {"psp_clearing", "carrier_cash", "refund_payable", "payable:held", "platform_revenue"}


def _beginning(journey: Journey, order: Placed, chosen: str) -> list[Act]:
    """What happens before a prepaid order is confirmed or over; every repetition must be harmless."""
    report = journey.report(order)
    acts: dict[str, list[Act]] = {
        "capture": [lambda: journey.take(report)],
        "capture twice": [lambda: journey.take(report), lambda: journey.take(report), lambda: journey.capture(order)],
        "wrong amount first": [lambda: journey.capture(order, amount=1), lambda: journey.take(report)],
        "fail first": [lambda: journey.take(journey.report(order, "failed")), lambda: journey.take(report)],
        "expire": [lambda: journey.expire(order), lambda: journey.take(report)],
        "cancel": [lambda: journey.cancel(order), lambda: journey.take(report)],
    }
    return acts[chosen]


def _streams(journey: Journey, parcel: Parcel, fate: str, *, cod: bool) -> list[list[Act]]:
    """What is told of a parcel, by topic: order exists inside a topic only."""
    told: dict[str, list[Callable[[], object]]] = {
        "delivered": [parcel.handed_over, parcel.delivered],
        "called off": [parcel.cancelled],
        "too late": [parcel.handed_over, parcel.refused_to_cancel, parcel.delivered],
        "refused": [parcel.handed_over, parcel.returned],
        "returned": [parcel.handed_over, lambda: parcel.returned("undeliverable", restock=False)],
        "lost": [parcel.handed_over, lambda: parcel.turned("LOST")],
        "lost with cash": [parcel.handed_over, lambda: parcel.turned("DAMAGED")],
    }
    paid_at_door = cod and fate in ("delivered", "too late", "lost with cash")
    cash = [parcel.collected, parcel.collected] if paid_at_door else []

    def act(make: Callable[[], object]) -> Act:
        return lambda: journey.hear(make())  # type: ignore[arg-type]

    return [[act(make) for make in (parcel.created, *told[fate])], [act(make) for make in cash]]


async def _interleave(data: DataObject, streams: Sequence[list[Act]]) -> None:
    left = [list(stream) for stream in streams if stream]
    while left:
        stream = data.draw(st.sampled_from(left), label="next")
        await stream.pop(0)()
        left = [each for each in left if each]


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_the_books_close_after_any_history(journey: Journey, data: DataObject) -> None:
    cod = data.draw(st.booleans(), label="cod")
    order = await journey.order(*[CHEAP] * data.draw(st.integers(1, 3)), payment="cod" if cod else "prepaid")
    beginning = "capture" if cod else data.draw(st.sampled_from(BEFORE), label="beginning")
    for act in [] if cod else _beginning(journey, order, beginning):
        await act()
    if beginning not in ("expire", "cancel"):
        fates = [data.draw(st.sampled_from(FATES), label="fate") for _ in order.supplier_orders]
        parcels = zip(journey.parcels(order), fates, strict=True)
        asked = {"called off", "too late"} & set(fates)
        if asked:
            await journey.cancel(order)
        await _interleave(data, [each for parcel, fate in parcels for each in _streams(journey, parcel, fate, cod=cod)])
    await _check(journey, order)


async def _check(journey: Journey, order: Placed) -> None:
    assert await journey.state(order) in ("FULFILLED", "CLOSED", "EXPIRED", "CANCELLED")
    assert (await journey.accounts(order)).keys() <= MAY_STAND
    unbalanced = "SELECT journal_id FROM entries GROUP BY journal_id HAVING sum(debit) <> sum(credit)"
    assert await journey.db.pool.fetch(unbalanced) == []
    told = await journey.told_of(order)
    assert max(Counter(told).values()) <= 1, told
    lines = await journey.line_states(order)
    assert [reserved for reserved, _ in await journey.stock(order)] == [0] * len(lines)

"""All checks, in the order of the invariants, over one reading of topics and tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from shared.contracts import TOPICS
from shared.kernel.delivery import Router
from shared.kernel.kafka import behind, read_all
from wanpu.layout import SERVICES
from wanpu.reconcile import dead, effects, events, money, orders, quiet, settled, stock
from wanpu.reconcile.finding import Finding, World
from wanpu.reconcile.history import History
from wanpu.reconcile.kept import snapshot
from wanpu.reconcile.told import Told, fold
from wanpu.routers import router_of

Check = Callable[[World], Awaitable[Finding]]

CHECKS: tuple[Check, ...] = (
    orders.each_order_stands_whole,
    orders.each_order_was_placed_once,
    orders.each_201_is_an_order,
    events.each_committed_event_is_told,
    events.each_consumer_is_at_the_end,
    effects.each_confirmed_part_has_one_parcel,
    effects.no_parcel_travels_for_a_cancelled_line,
    effects.each_collection_is_booked_once,
    effects.each_remittance_is_booked_once,
    effects.each_capture_is_booked_once,
    effects.each_delivered_line_is_earned_once,
    effects.each_stock_delta_is_added_once,
    events.each_event_was_committed,
    events.each_stream_is_in_order,
    stock.reserved_is_what_live_orders_hold,
    stock.nothing_is_oversold,
    money.each_journal_sums_to_zero,
    money.each_ended_order_holds_no_deposit,
    money.shares_sum_to_their_line,
    settled.collected_is_remitted_or_outstanding,
    money.balances_are_what_the_journals_say,
    money.topics_alone_give_the_same_books,
    settled.shares_are_what_the_ledger_says,
    settled.no_payout_is_funded_by_cash_not_banked,
    settled.each_payout_is_booked_once,
    quiet.nothing_is_left_to_do,
    dead.each_dead_letter_can_be_replayed,
    dead.no_stream_stands_still_without_cause,
)


def load_routers() -> dict[str, Router]:
    """Every service's subscriptions."""
    return {service: router_of(service) for service in SERVICES}


async def reconcile(
    dsn: str, bootstrap: str, history: History | None = None, *, routers: Mapping[str, Router] | None = None
) -> list[Finding]:
    """Check everything; `dsn` of a role that may read all schemas (the auditor's)."""
    reactions = routers if routers is not None else load_routers()
    told = await _read_topics(dsn, bootstrap)
    lag = await behind(bootstrap, quiet.groups(reactions))
    async with snapshot(dsn) as kept:  # after the topics: whatever they told was committed before this moment
        world = World(kept, told, reactions, lag, history)
        return [await check(world) for check in CHECKS]


async def _read_topics(dsn: str, bootstrap: str) -> Told:
    async with snapshot(dsn) as kept:
        parked = {(row["topic"], row["partition"], row["offset"]) for row in await kept.parked()}
    topics = {topic.name: topic for topic in TOPICS}
    return await fold(read_all(bootstrap, sorted(topics)), topics, parked)

"""What a load test must leave as it was: balances, and with the auditor's eyes the journals behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from load.market import Market
from load.target import Target
from shared.kernel import database
from wanpu.demo.client import Platform
from wanpu.reconcile.check import load_routers
from wanpu.reconcile.quiet import until_quiet

PLATFORM = "platform"  # the party that has the platform's own share
QUIET_SECONDS = 60.0  # for what the last orders cause to arrive: the services keep up with most of a run
BLIND_SECONDS = 10.0  # the same where nobody can see it arrive

# Of the load test's own: nothing, ever. Driven from the journals and by their parties' index, not from the orders.
_OURS = """
    SELECT (SELECT count(*) FROM orders.journals j
             WHERE EXISTS (SELECT FROM orders.orders o WHERE o.order_id = j.order_id AND o.loadtest)) AS journals,
           (SELECT count(*) FROM orders.entries WHERE party = ANY($1::text[])) AS entries,
           (SELECT count(*) FROM orders.balances WHERE party = ANY($1::text[])) AS balances
"""
_EVERYBODYS = """
    SELECT (SELECT count(*) FROM orders.journals) AS journals, (SELECT count(*) FROM orders.entries) AS entries,
           (SELECT coalesce(sum(amount), 0) FROM orders.balances) AS balances
"""


@dataclass(frozen=True, slots=True)
class Books:
    """Figures by what they say; `ours` are of the load test's own parties and orders, `everybodys` of the platform."""

    ours: Mapping[str, Any] = field(default_factory=dict)
    everybodys: Mapping[str, Any] = field(default_factory=dict)

    def moved(self, after: Books, *, live: bool) -> list[str]:
        """What is no longer as it was; while real buyers order (`live`) the platform's own figures move anyway."""
        before, now = dict(self.ours), dict(after.ours)
        if not live:
            before, now = before | dict(self.everybodys), now | dict(after.everybodys)
        return [f"{name}: {before[name]} before, {now[name]} after" for name in before if before[name] != now[name]]


async def read(platform: Platform, target: Target, market: Market) -> Books:
    """The books as they are now."""
    parties = {"supplier": market.supplier_id, "creator": market.creator_id, "referrer": market.referrer_id}
    ours = {f"balance of the {who}": await _balance(platform, party) for who, party in parties.items()}
    everybodys = {"balance of the platform": await _balance(platform, PLATFORM)}
    if target.dsn:
        connection = await database.connect(target.dsn, "orders", "wanpu-load")
        try:
            mine = await connection.fetchrow(_OURS, list(parties.values()))
            all_of_it = await connection.fetchrow(_EVERYBODYS)
        finally:
            await connection.close()
        ours |= {f"{name} of load tests": count for name, count in dict(mine or {}).items()}
        everybodys |= {f"all {name}": count for name, count in dict(all_of_it or {}).items()}
    return Books(ours, everybodys)


async def settle(target: Target) -> list[str]:
    """Wait until what the orders cause has gone through; what is left after a minute.

    Where the auditor can't look, wait for `BLIND_SECONDS`: nothing is known to be left then.
    """
    if not (target.dsn and target.bootstrap):
        await asyncio.sleep(BLIND_SECONDS)
        return []
    return await until_quiet(target.dsn, target.bootstrap, load_routers(), seconds=QUIET_SECONDS)


async def _balance(platform: Platform, party: str) -> dict[str, Any]:
    """All that the party may read of it, newest entries included."""
    return await platform.operator.get("orders", f"/balances/{party}")

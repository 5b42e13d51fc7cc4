"""Row `commissions`: how soon a party hears of its share, at a steady rate of real orders, every process on.

A share is told of when its parcel is planned, which follows from the order's confirmation. Each event's moment is the
producer's own, when it sends it; its cause's is when that was recorded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bench.end_to_end import CONNECTIONS, QUIET_SECONDS, Town
from bench.report import Figure, Report, Run, cuts
from bench.servers import require_durable
from load.orders import Mix, shots
from load.wire import address_of, open_loop
from shared.contracts.logistics import SHIPMENTS, ShipmentCreated
from shared.contracts.orders import COMMISSIONS, ORDERS, CommissionEstimated, OrderConfirmed
from shared.kernel.kafka import read_all
from wanpu.reconcile import load_routers, until_quiet

RATE = 200.0  # orders a second: the field's mean
SECONDS = 60.0
TARGET_MS = 5_000.0
PARTIES = 3  # supplier, creator, referrer: the platform's own share is told by the ledger


@dataclass(slots=True)
class Heard:
    """Moments by event id (epoch milliseconds), and what each followed from."""

    recorded: dict[str, float] = field(default_factory=dict)
    causes: dict[str, str] = field(default_factory=dict)
    shares: list[tuple[str, float]] = field(default_factory=list)  # cause, and when it was sent

    def take(self, record: Any) -> None:
        """Remember one record of the three topics."""
        headers = {name: value.decode() for name, value in record.headers}
        because = headers.get("ce_causationid", "")
        match headers["ce_type"]:
            case CommissionEstimated.type:
                self.shares.append((because, float(record.timestamp)))
            case ShipmentCreated.type | OrderConfirmed.type:
                self.recorded[headers["ce_id"]] = datetime.fromisoformat(headers["ce_time"]).timestamp() * 1000
                self.causes[headers["ce_id"]] = because

    def taken_ms(self, back: int) -> list[float]:
        """From the cause (0), or the cause's cause (1), to the share's event."""
        return [sent - self.recorded[self._from(cause, back)] for cause, sent in self.shares]

    def _from(self, cause: str, back: int) -> str:
        return cause if back == 0 else self._from(self.causes[cause], back - 1)


async def measure(here: Town, *, rate: float = RATE, seconds: float = SECONDS) -> Report:
    """Order at the rate for so long; then read what was told, and when."""
    before = here.cpu()
    address = address_of(here.stack.urls["WANPU_ORDERS_URL"])
    requests = shots(here.market, here.buyers, address, Mix(cod=1.0))
    run = await open_loop([address], requests, rate=rate, seconds=seconds, connections=CONNECTIONS)
    left = await until_quiet(here.stack.auditor_dsn(), here.stack.bootstrap, load_routers(), seconds=QUIET_SECONDS)
    cost, spent = here.spent(before, run)
    heard = await _heard(here)
    from_cause, from_order = cuts(heard.taken_ms(0)), cuts(heard.taken_ms(1))
    missing = PARTIES * cost.events - len(heard.shares)
    return Report(
        "commissions",
        f"a share's event after its cause at {rate:.0f} real orders/s, everything on",
        [Run(0, "orders → shares", cost, {"answer p99": run.p99 * 1000})],
        await require_durable(here.dsn, "orders"),
        [
            Figure("parcel planned to share told, p99", from_cause["p99"], "ms", TARGET_MS, at_most=True),
            Figure("order confirmed to share told, p99", from_order["p99"], "ms", TARGET_MS, at_most=True),
            Figure("shares not told", missing, "", 0, at_most=True),
        ],
        more={f"{name} CPU ms an order": ms for name, ms in _largest(spent.items())},
        taken_ms=heard.taken_ms(1),
        notes={"left": "; ".join(left) or "nothing", "answers": str(run.answers)},
    )


def _largest(spent: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    return sorted(spent, key=lambda each: -each[1])[:8]


async def _heard(here: Town) -> Heard:
    heard = Heard()
    async for record in read_all(here.stack.bootstrap, [COMMISSIONS.name, SHIPMENTS.name, ORDERS.name]):
        heard.take(record)
    return heard

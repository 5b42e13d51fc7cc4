"""What the topics say of the money: where the cash is, what waits for it, what became of refunds and payouts. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from wanpu.demo.topics import Told

REFUNDS_ENDED = frozenset({"REFUNDED", "REJECTED", "FAILED"})
CASH_STEPS = ("collected", "remitted", "fees", "banked")


def of(events: Iterable[Told], *names: str) -> list[Told]:
    """The events of these names."""
    return [event for event in events if event.name in names]


def latest(events: Iterable[Told], *key: str) -> list[Told]:
    """The last event of each stream, or of each of the things in it that these fields of the body name."""
    newest: dict[tuple[str, ...], Told] = {}
    for event in events:
        name = tuple(str(event.body.get(part)) for part in key)
        if name not in newest or newest[name].position < event.position:
            newest[name] = event
    return list(newest.values())


@dataclass(frozen=True, slots=True)
class Waiting:
    """Shares that were earned and can't be paid out yet."""

    count: int
    waits_for: frozenset[str]
    hold_until: datetime | None

    def __str__(self) -> str:
        return f"{self.count} shares still wait for {', '.join(sorted(self.waits_for)) or 'nothing that is told'}"


def waiting(events: Iterable[Told], order_ids: Collection[str]) -> Waiting | None:
    """What of these orders was earned and is held; None when all of it is available."""
    shares = latest((each for each in events if each.body.get("order_id") in order_ids), "party", "line_id")
    held = [each.body for each in shares if each.body["state"] == "EARNED"]
    if not held:
        return None
    until = [datetime.fromisoformat(body["hold_until"]) for body in held if body.get("hold_until")]
    reasons = frozenset(reason for body in held for reason in body.get("waits_for", ()))
    return Waiting(len(held), reasons, max(until, default=None))


def unsettled(events: Sequence[Told], order_ids: Collection[str]) -> set[str]:
    """Payments of these orders of which something captured or refunded was not settled."""
    owed: Counter[str] = Counter()
    for event in events:
        if event.body.get("order_id") in order_ids:
            owed[event.body["payment_id"]] += _owed(event)
    return {payment_id for payment_id, amount in owed.items() if amount}


def _owed(event: Told) -> int:
    match event.name:
        case "PaymentCaptured":
            return int(event.body["captured"]["amount"])
        case "PaymentRefunded":
            return -int(event.body["refunded"]["amount"])
        case "PaymentSettled":
            return -int(event.body["gross"]["amount"])
        case _:
            return 0


def refunds(events: Iterable[Told], order_ids: Collection[str]) -> list[Told]:
    """The last that was told of each refund of these orders."""
    return latest((each for each in events if each.body.get("order_id") in order_ids), "refund_id")


def cash(events: Iterable[Told]) -> Mapping[str, Counter[str]]:
    """By carrier: what its couriers took, and how far that has come; minor units."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in events:
        for step, amount in _cash(event).items():
            sums[event.body["carrier"]][step] += amount
    return sums


def _cash(event: Told) -> dict[str, int]:
    body = event.body
    match event.name:
        case "ShipmentCOD":
            return {"collected": body["collected"]["amount"]}
        case "CodRemitted":
            return {"remitted": body["gross"]["amount"], "fees": body["fee"]["amount"]}
        case "CodBanked":
            return {"banked": body["net"]["amount"]}
        case "CodBankingReversed":
            return {"banked": -body["net"]["amount"]}
        case _:
            return {}

"""Cash on its way to the bank: the carrier states it, the bank credits it, an operator decides what does not fit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from shared.contracts.event import Topic
from shared.contracts.logistics import COD, STATEMENTS
from wanpu.demo import ledgers
from wanpu.demo.client import DemoError, Json, Platform, until
from wanpu.demo.market import Market
from wanpu.demo.shopping import Order
from wanpu.demo.topics import Told, told

SLIPS: Final = {"short": 1, "over": 1, "duplicate": 1, "fee_differs": 1, "missing": 1}
LOOK_SECONDS: Final = 0.5  # between two readings of a topic: each reads it from its beginning
MONEY_SECONDS: Final = 60.0  # for what several services and the bank do about a sum, one after the other
MISSING_SECONDS: Final = 75.0  # the contract's half a minute, and what the carrier's way took
PAGES: Final = 50  # of a hundred discrepancies: more than a demo finds, also on data of earlier ones
# What the operator decides: what a statement has too much of goes back, small sums are not worth a quarrel.
DECISIONS: Final[dict[str, Json]] = {
    "short": {"decision": "bear", "bearer": "platform", "note": "not worth a quarrel"},
    "over": {"decision": "return_to_carrier"},
    "duplicate": {"decision": "return_to_carrier"},
    "fee_differs": {"decision": "accept", "note": "asked for the contract to be kept"},
    "delivered_without_cash": {"decision": "accept"},
    "late": {"decision": "dismiss"},
}
DECIDED: Final = ("already_resolved", "decision_not_possible")  # it healed while the operator was thinking

T = TypeVar("T")


@dataclass(slots=True)
class Desk:
    """Where the money is looked after: whose orders it is about, and what the carrier's statements had wrong."""

    town: Market
    orders: Sequence[Order]
    bootstrap: str
    slips: dict[str, str] = field(default_factory=dict)  # the fault by waybill, as the carrier made it
    statements: set[str] = field(default_factory=set)

    @property
    def platform(self) -> Platform:
        return self.town.platform

    @property
    def order_ids(self) -> frozenset[str]:
        return frozenset(order.order_id for order in self.orders)

    async def until_told(
        self, what: str, topics: Sequence[Topic], look: Callable[[list[Told]], T | None], seconds: float = MONEY_SECONDS
    ) -> T:
        """Read the topics again and again until something is found in them."""

        async def read() -> T | None:
            return look(await self.told(*topics))

        return await until(what, read, seconds, LOOK_SECONDS)

    async def told(self, *topics: Topic) -> list[Told]:
        """All events of these topics."""
        return await told(self.bootstrap, topics)

    async def control(self, party: str, path: str, body: Json) -> Json:
        """Let an outside party do something; its answer."""
        answer = await self.platform.send("POST", party, f"/control/{path}", json=body)
        if answer.status not in (200, 204):
            raise DemoError(f"the sandbox's {party} did not take {path}: {answer}")
        return answer.body

    async def waybills(self, *faults: str) -> dict[str, str]:
        """The order of each waybill that has one of these faults."""
        collected = ledgers.of(await self.told(COD), "ShipmentCOD")
        named = {each.body["waybill"]: str(each.body["order_id"]) for each in collected}
        return {waybill: order for waybill, order in named.items() if self.slips.get(waybill) in faults}


async def state(desk: Desk, faults: dict[str, int] | None = None) -> int:
    """The carrier states the cash it holds, with these slips; how many rows were matched by themselves."""
    shown = await desk.control("carrier", "statements", {"faults": faults or {}})
    fresh = [each for each in shown["items"] if each["statement_ref"] not in desk.statements]
    desk.statements |= {each["statement_ref"] for each in fresh}
    desk.slips |= {fault["waybill"]: fault["kind"] for each in fresh for fault in each["faults"]}
    matched = [await _matched(desk, each["statement_ref"]) for each in fresh]
    return sum(int(each["matched"]) for each in matched)


async def credit(desk: Desk) -> None:
    """The bank credits every statement in two parts, until all of them are banked."""
    for ref in sorted(desk.statements):
        await desk.control("bank", f"statements/{ref}", {"parts": 2})

    def look(events: list[Told]) -> bool | None:
        ended = {each.body["statement_ref"] for each in events if _is_banked(each)}
        return True if desk.statements <= ended else None

    await desk.until_told("every statement is credited whole", [STATEMENTS], look)


def _is_banked(event: Told) -> bool:
    body = event.body
    nothing = event.name == "StatementMatched" and body["net"]["amount"] <= 0
    return nothing or (event.name == "BankCreditReceived" and body["complete"])


async def _matched(desk: Desk, ref: str) -> Json:
    def look(events: list[Told]) -> Json | None:
        found = [each.body for each in events if each.name == "StatementMatched" and each.body["statement_ref"] == ref]
        return found[0] if found else None

    return await desk.until_told(f"the rows of statement {ref} are matched", [STATEMENTS], look)


async def decide(desk: Desk) -> int:
    """An operator finds each slip on the work list and decides it; how many were decided.

    Raises:
        DemoError: one that was made was not found.
    """
    wanted = {(waybill, kind) for waybill, kind in desk.slips.items() if kind != "missing"}

    async def look() -> list[Json] | None:
        found = await discrepancies(desk)
        return found if wanted <= {(each["waybill"], each["kind"]) for each in found} else None

    found = await until(f"{len(wanted)} slips of the carrier are on the work list", look)
    chosen = [each for each in found if each["state"] == "open" and each["kind"] in DECISIONS]
    return sum(await asyncio.gather(*(_resolve(desk, each) for each in chosen)))


async def _resolve(desk: Desk, found: Json) -> bool:
    path = f"/discrepancies/{found['discrepancy_id']}/resolve"
    answer = await desk.platform.operator.ask("POST", "logistics", path, DECISIONS[found["kind"]])
    if answer.status != 200 and answer.code not in DECIDED:
        raise DemoError(f"a decision about {found['kind']} of {found['waybill']} was answered {answer}")
    return answer.status == 200


async def find_missing(desk: Desk) -> int:
    """Wait until what the carrier left out is found by the rules, on the database's time; how many."""
    wanted = {waybill for waybill, kind in desk.slips.items() if kind == "missing"}

    async def look() -> int | None:
        found = {each["waybill"] for each in await discrepancies(desk) if each["kind"] == "missing"}
        return len(wanted) if wanted <= found else None

    return await until("cash that no statement names is found missing", look, MISSING_SECONDS)


async def discrepancies(desk: Desk) -> list[Json]:
    """What did not fit about our orders, or in our statements, the oldest first."""
    found: list[Any] = []
    query = {"limit": "100"}
    for _ in range(PAGES):
        page = await desk.platform.operator.get("logistics", "/discrepancies", **query)
        found += page["items"]
        if not (cursor := page.get("next_cursor")):
            break
        query["cursor"] = cursor
    return [each for each in found if each.get("order_id") in desk.order_ids or each.get("waybill") in desk.slips]


async def where(desk: Desk) -> dict[str, dict[str, int]]:
    """By carrier: collected, remitted, kept as fees, banked."""
    sums = ledgers.cash(await desk.told(COD))
    return {carrier: {step: steps[step] for step in ledgers.CASH_STEPS} for carrier, steps in sums.items()}

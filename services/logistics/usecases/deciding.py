"""A person decides about a discrepancy, or what it waited for came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from shared.contracts.event import Cause, Event
from shared.contracts.logistics import ShipmentCOD
from shared.contracts.values import Bearer, DiscrepancyKind, Money
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.timers import Timer

from .. import domain
from ..domain import DecisionEffect, DecisionKind, Finding, Judged, Open, Rules
from ..store import cash as cash_store
from ..store import discrepancies as store
from ..store import matching as matching_store
from ..store import shipments, statements
from ..store.discrepancies import About, Discrepancy, Resolution
from ..store.statements import Statement
from .finding import find, resolved
from .matching import Leg, apply, judge, rematch


@dataclass(frozen=True, slots=True)
class Decide:
    """What somebody decided; `by` is that person's party."""

    discrepancy_id: str
    decision: DecisionKind
    by: str
    bearer: Bearer | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """A discrepancy with its row and parcel, all locked."""

    found: Discrepancy
    statement: Statement | None
    leg: Leg | None

    @property
    def open(self) -> Open:
        """As the domain sees it."""
        found, facts = self.found, self.leg.known.facts if self.leg and self.leg.known else None
        cash = facts.cash if facts else None
        return Open(
            source=found.source,
            kind=found.kind,
            expected=found.expected.amount if found.expected else 0,
            actual=found.actual.amount if found.actual else 0,
            net=self.leg.row.net if self.leg else 0,
            free=(facts is not None and not facts.charged) if self.charges else (cash is not None and cash.waits),
            collected=cash is not None and cash.collected is not None,
            prepaid=facts is not None and cash is None and not self.charges,
            charge=self.charges,
        )

    @property
    def row(self) -> tuple[Statement, Leg]:
        """Its statement and row; only findings that have them are decided by what moves a row."""
        assert self.statement is not None and self.leg is not None, "it was found in a statement"
        return self.statement, self.leg

    @property
    def charges(self) -> bool:
        """Its row charges for the way back; one without gross that should have had some is short."""
        return self.leg is not None and self.leg.row.is_charge and self.found.kind == "fee_differs"


async def decide(tx: Tx, command: Decide, because: Cause, rules: Rules) -> Discrepancy:
    """Close a discrepancy by a decision, and do here what it means.

    Raises:
        Rejected: `not_found`, `already_resolved`, `decision_not_possible`, `bearer_required`, `still_differs`,
            `statement_not_banked`.
    """
    case = await _lock(tx, command.discrepancy_id, rules)
    possible = domain.possible(case.open)
    if command.decision not in possible:
        told = ", ".join(possible)
        raise Rejected("decision_not_possible", f"This one can be decided by: {told}.", possible=list(possible))
    bearer = command.bearer if command.decision == "bear" else None
    if command.decision == "bear" and bearer is None:
        raise Rejected("bearer_required", "Say who makes it good: `bearer`.")
    if command.decision == "return_to_carrier" and not _has_come(case):
        raise Rejected("statement_not_banked", "The bank has not credited this statement yet: nothing to give back.")
    moved = domain.decide(case.open, command.decision, bearer)
    events = await _take_effect(tx, case, moved.effect, because, rules)
    how = Resolution(command.decision, command.by, bearer, moved.amount, command.note)
    closed = await store.resolve(tx, [case.found.discrepancy_id], how)
    await outbox.append(tx, [*events, *resolved(closed, because)])
    return closed[0]


def _has_come(case: _Case) -> bool:
    """Whether the money that goes back lies in the bank; what is taken as a parcel's cash may be on its way."""
    return not case.open.is_stray or (case.statement is not None and case.statement.state == "BANKED")


async def _lock(tx: Tx, discrepancy_id: str, rules: Rules) -> _Case:
    """In the order of all who match: carrier, statement, cash, discrepancy."""
    found = await store.select_discrepancy(tx, discrepancy_id)
    if found is None:
        raise Rejected("not_found", "There is no such discrepancy.")
    await statements.lock_carrier(tx, found.carrier or "")
    statement, leg = None, None
    if found.statement_id is not None:
        statement = await statements.select_statement(tx, found.statement_id, locked=True)
    if statement is not None and found.line is not None:
        kept = await statements.select_row(tx, statement.statement_no, found.line)
        (leg,) = await judge(tx, statement, [kept], rules.contract(statement.carrier))
    elif found.shipment_id is not None:
        await cash_store.lock_cash(tx, found.shipment_id)
    found = await store.select_discrepancy(tx, discrepancy_id, locked=True)
    assert found is not None, "discrepancies are never deleted"
    if found.resolved_at is not None:
        raise Rejected("already_resolved", "Somebody has decided this one.", decision=found.decision)
    return _Case(found, statement, leg)


async def _take_effect(tx: Tx, case: _Case, effect: DecisionEffect, because: Cause, rules: Rules) -> list[Event]:
    match effect:
        case "none":
            return []
        case "write_off":
            await _write_off(tx, case)
            return []
        case "rematch":
            return await _retry(tx, case, because, rules)
        case "remit":
            return await _remit(tx, case, because, rules)
        case "collect":
            return await _collect(tx, case, because, rules)
        case _:
            assert_never(effect)


async def _write_off(tx: Tx, case: _Case) -> None:
    assert case.found.shipment_id is not None, "cash has a parcel"
    if not await matching_store.write_off(tx, case.found.shipment_id):
        raise Rejected("decision_not_possible", "The cash came meanwhile.", possible=["dismiss"])


async def _retry(tx: Tx, case: _Case, because: Cause, rules: Rules) -> list[Event]:
    statement, _ = case.row
    told = await rematch(tx, statement, case.found, because, rules.contract(statement.carrier))
    if told is None:
        raise Rejected("still_differs", "Held against its parcel again, the row fits no better.")
    return told


async def _remit(tx: Tx, case: _Case, because: Cause, rules: Rules) -> list[Event]:
    """Take the row as it stands, whatever it differs in."""
    statement, leg = case.row
    taken = Leg(leg.kept, leg.known, Judged("charged" if case.charges else "remitted"))
    return (await apply(tx, statement, [taken], because, rules.contract(statement.carrier), again=True)).told


async def _collect(tx: Tx, case: _Case, because: Cause, rules: Rules) -> list[Event]:
    """The row is the collection that nobody reported; then it is remitted as it stands."""
    statement, leg = case.row
    row, known = leg.row, leg.parcel
    assert known.facts.cash is not None, "cash is due for it"
    due, taken = statement.money(known.facts.cash.due), statement.money(row.gross)
    told = ShipmentCOD(
        **known.ids,
        **{"carrier": statement.carrier, "waybill": row.waybill, "collection_id": statement.row_id(row.line)},
        **{"due": due, "collected": taken, "method": "cash"},
        collected_at=row.collected_at,
        cash_state="COLLECTED",
    )
    remit_by = rules.contract(statement.carrier).remit_by(row.collected_at)
    position = await cash_store.collect(tx, told, remit_by)
    events: list[Event] = [told.at(position, because)]
    events += await find(tx, because, _differences(case, due, taken))
    closed = await store.resolve_about(tx, "delivered_without_cash", [known.shipment_id])
    return events + resolved(closed, because) + await _remit(tx, case, because, rules)


def _differences(case: _Case, due: Money, taken: Money) -> Sequence[tuple[Finding, About]]:
    """A collection of another amount than was due is decided like any other."""
    if due == taken:
        return []
    statement, leg = case.row
    subject = f"{statement.row_id(leg.row.line)}/collection"
    about = About(subject, statement.carrier, leg.row.waybill, leg.parcel.shipment_id)
    kind: DiscrepancyKind = "short" if taken.amount < due.amount else "over"
    return [(Finding(kind, due.amount, taken.amount, due.currency), about)]


async def rematch_rows(tx: Tx, due: Sequence[Timer], rules: Rules) -> None:
    """Something came for parcels that rows of statements did not fit: those that fit now are closed by rule."""
    told: list[Event] = []
    for timer in sorted(due, key=lambda each: each.subject):
        parcel = await shipments.select_shipment(tx, timer.subject)
        if parcel is not None:
            told += await _rematch_parcel(tx, parcel.shipment, timer.cause, rules)
    await outbox.append(tx, told)


async def _rematch_parcel(tx: Tx, parcel: domain.Shipment, because: Cause, rules: Rules) -> list[Event]:
    assert parcel.carrier is not None and parcel.waybill is not None, "a carrier reported it"
    await statements.lock_carrier(tx, parcel.carrier)
    contract, told = rules.contract(parcel.carrier), list[Event]()
    for found in await store.select_open(tx, parcel.carrier, parcel.waybill):
        if found.statement_id is None or found.line is None or found.kind == "late":
            continue
        statement = await statements.select_statement(tx, found.statement_id, locked=True)
        assert statement is not None, "statements are never deleted"
        events = await rematch(tx, statement, found, because, contract)
        if events is not None:
            closed = await store.resolve(tx, [found.discrepancy_id], Resolution("retry"), parcel.shipment_id)
            told += events + resolved(closed, because)
    return told

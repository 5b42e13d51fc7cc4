"""Offers to creators: published, put on other terms, ended by their supplier or by time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.catalog import store
from services.catalog.domain import (
    Actor,
    Adoption,
    HoldWanted,
    Offer,
    Rules,
    Terms,
    check_offerable,
    check_terms,
    check_validity,
    not_found,
)
from services.catalog.usecases.stock import find_variants
from services.catalog.usecases.suppliers import acting_for
from shared.contracts import catalog as told
from shared.contracts.event import Cause
from shared.contracts.values import CreatorId, OfferId, OfferVersion, SupplierId, VariantId
from shared.kernel import outbox, timers
from shared.kernel.database import Tx
from shared.kernel.ids import new_id
from shared.kernel.timers import Timer

EXPIRY = "offer_expiry"  # the timer that ends an offer at its `valid_until`


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """What a supplier says of a new offer."""

    supplier_id: SupplierId
    variant_ids: tuple[VariantId, ...]
    terms: Terms
    adoption: Adoption
    invited: tuple[CreatorId, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    hold_seconds: int | None = None


async def publish_offer(tx: Tx, actor: Actor, wanted: MakeOffer, rules: Rules, because: Cause) -> Offer:
    """Make an offer to creators, its terms being version 1.

    Raises:
        Rejected: `not_found`, `loadtest_only`, `product_withdrawn`, `validity_invalid`, or as `check_terms`.
    """
    await acting_for(tx, actor, wanted.supplier_id)
    variants = await find_variants(tx, Actor(wanted.supplier_id, actor.loadtest), wanted.variant_ids)
    check_offerable(variants.values())
    offer = _new_offer(wanted, rules, await store.offers.clock(tx))
    position = await store.offers.insert(tx, offer)
    if offer.valid_until is not None:
        seconds = (offer.valid_until - offer.as_of).total_seconds()
        await timers.schedule(tx, EXPIRY, [offer.offer_id], seconds, because)
    await outbox.append(tx, [told.OfferPublished(**_state(offer)).at(position, because)])
    return offer


def _new_offer(wanted: MakeOffer, rules: Rules, now: datetime) -> Offer:
    check_validity(wanted.valid_from, wanted.valid_until, now)
    terms = check_terms(wanted.terms, wanted.variant_ids, rules)
    first = OfferVersion(version=1, terms=terms, effective_from=now, hold_seconds=wanted.hold_seconds)
    return Offer(
        offer_id=OfferId(new_id()),
        supplier_id=wanted.supplier_id,
        variant_ids=wanted.variant_ids,
        versions=(first,),
        last_version=1,
        adoption=wanted.adoption,
        invited=wanted.invited,
        valid_from=wanted.valid_from,
        valid_until=wanted.valid_until,
        notice_seconds=rules.notice_seconds,
        as_of=now,
    )


@dataclass(frozen=True, slots=True)
class NewTerms:
    """What a supplier says of an offer that it has made."""

    offer_id: str
    terms: Terms
    hold: HoldWanted = "unchanged"


async def change_terms(tx: Tx, actor: Actor, wanted: NewTerms, rules: Rules, because: Cause) -> Offer:
    """Announce new terms, at once or after the notice (see `Offer.with_terms`); the same again changes nothing.

    Raises:
        Rejected: `not_found`, `loadtest_only`, `offer_ended`, `terms_kind_fixed`, or as `check_terms`.
    """
    before = await _lock(tx, actor, wanted.offer_id)
    after = before.with_terms(check_terms(wanted.terms, before.variant_ids, rules), wanted.hold, rules)
    if after is not before:
        position = await store.offers.insert_terms(tx, after)
        event = told.OfferTermsChanged(**_state(after), new_version=after.announced.version)
        await outbox.append(tx, [event.at(position, because)])
    return after


async def end_offer(tx: Tx, actor: Actor, offer_id: str, because: Cause) -> Offer:
    """End an offer, once; what it has sold stands. Its timer is left alone: it finds the offer ended."""
    before = await _lock(tx, actor, offer_id)
    after = before.ended()
    if after is not before:
        await _end(tx, [after], {after.offer_id: because})
    return after


async def end_expired(tx: Tx, due: Sequence[Timer]) -> None:
    """End the offers whose time is over."""
    causes = {timer.subject: timer.cause for timer in due}
    offers = await store.offers.lock(tx, sorted(causes))
    await _end(tx, [offer.ended() for offer in offers if offer.state == "active"], causes)


async def see_offer(tx: Tx, actor: Actor, offer_id: str) -> Offer:
    """An offer as it is, for its supplier or an operator."""
    offer = await store.offers.select(tx, offer_id)
    if offer is None:
        raise not_found()
    actor.check_owns(offer.supplier_id)
    return offer


async def _lock(tx: Tx, actor: Actor, offer_id: str) -> Offer:
    for offer in await store.offers.lock(tx, [offer_id]):
        await acting_for(tx, actor, offer.supplier_id)
        return offer
    raise not_found()


async def _end(tx: Tx, ended: Sequence[Offer], because: dict[str, Cause]) -> None:
    positions = await store.offers.end(tx, ended)
    events = [
        told.OfferEnded(**_state(offer), ended_at=offer.ended_at).at(positions[offer.offer_id], because[offer.offer_id])
        for offer in ended
    ]
    await outbox.append(tx, events)


def _state(offer: Offer) -> dict[str, Any]:
    """The whole state that each event about an offer carries."""
    same = ("offer_id", "supplier_id", "state", "variant_ids", "versions", "adoption", "invited", "notice_days")
    validity = {"valid_from": offer.valid_from, "valid_until": offer.valid_until}
    return {name: getattr(offer, name) for name in same} | validity | {"version": offer.in_force.version}

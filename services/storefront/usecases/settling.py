"""What a change of an offer does to the shops that adopted it: an end ends, terms without a rest pause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.storefront import store
from services.storefront.domain import Adoption, Offer
from services.storefront.usecases.telling import state_of
from shared.contracts.event import Cause, Event
from shared.contracts.storefront import AdoptionEnded, ListingPaused
from shared.contracts.values import ListingId, OfferId, Terms
from shared.kernel import database, outbox, timers
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.timers import Timer

SETTLE_OFFER = "settle_offer"
BATCH = 500  # adoptions in one transaction: an offer that 100,000 shops adopted is settled in turns
ROUNDS = "/"  # in a timer's subject, between the offer and the adoption the next turn starts after


async def settle_offers(tx: Tx, causes: Mapping[OfferId, Cause]) -> None:
    """Bring the adoptions of these offers in line with the terms in force now, and come back for announced ones."""
    turns = [_Turn(tx, offer_id, causes[offer_id]) for offer_id in sorted(causes)]
    await outbox.append(tx, [event for turn in turns for event in await turn.settle()])


async def settle_due_offers(tx: Tx, due: Sequence[Timer]) -> None:
    """The moment announced terms take effect, or the next turn for an offer with many adoptions."""
    told: list[Event] = []
    for timer in sorted(due, key=lambda each: each.subject):
        offer_id, _, after = timer.subject.partition(ROUNDS)
        told += await _Turn(tx, OfferId(offer_id), timer.cause, after or None).settle()
    await outbox.append(tx, told)


@dataclass(frozen=True, slots=True)
class _Turn:
    """One batch of one offer's adoptions."""

    tx: Tx
    offer_id: OfferId
    cause: Cause
    after: str | None = None

    async def settle(self) -> list[Event]:
        offer = await store.select_offer_for_share(self.tx, self.offer_id)
        if offer is None:
            return []
        adoptions = await store.lock_adoptions_of_offer(self.tx, offer.offer_id, self.after, BATCH)
        await self._come_back(offer, adoptions)
        if offer.state == "ended":
            return [await self._end(adoption) for adoption in adoptions]
        terms = await self._terms(offer)
        return [event for adoption in adoptions if terms for event in await self._pause(adoption, terms)]

    async def _come_back(self, offer: Offer, adoptions: Sequence[Adoption]) -> None:
        """Set a timer for the adoptions left over, and one for the next announced terms."""
        if len(adoptions) == BATCH:
            subject = f"{offer.offer_id}{ROUNDS}{adoptions[-1].adoption_id}"
            await timers.schedule(self.tx, SETTLE_OFFER, [subject], 0, self.cause)
        now = await database.now(self.tx)
        if self.after is None and (change := offer.next_change(now)) is not None:
            seconds = (change - now).total_seconds()
            await timers.schedule(self.tx, SETTLE_OFFER, [offer.offer_id], seconds, self.cause)

    async def _terms(self, offer: Offer) -> Terms | None:
        try:
            return offer.in_force(await database.now(self.tx)).terms
        except Rejected:  # none in force yet: the timer comes back
            return None

    async def _end(self, adoption: Adoption) -> Event:
        await store.update_adoption_state(self.tx, adoption.adoption_id, "ended", among=("active", "paused"))
        ended = replace(adoption, state="ended", version=adoption.version + 1, events=adoption.events + 1)
        return AdoptionEnded(**state_of(ended)).at(ended.events, self.cause)

    async def _pause(self, adoption: Adoption, terms: Terms) -> list[Event]:
        """One event a listing, each with the state after it."""
        underpriced = adoption.underpriced(terms)
        if underpriced:
            await store.update_listings_paused(self.tx, adoption.adoption_id, underpriced)
        events: list[Event] = []
        for listing_id in underpriced:
            adoption = _without(adoption, listing_id)
            paused = ListingPaused(**state_of(adoption), listing_id=listing_id, reason="price_below_floor")
            events.append(paused.at(adoption.events, self.cause))
        return events


def _without(adoption: Adoption, listing_id: ListingId) -> Adoption:
    listings = tuple(
        replace(each, state="paused") if each.listing_id == listing_id else each for each in adoption.listings
    )
    return replace(adoption, listings=listings, version=adoption.version + 1, events=adoption.events + 1)

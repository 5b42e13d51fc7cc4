"""Creators take offers into their shops, price them, pause and end them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.storefront import store
from services.storefront.domain import Adoption, Listing, Offer, check_price, price_list
from services.storefront.domain.adoptions import AdoptionState
from services.storefront.usecases.shops import own_storefront
from services.storefront.usecases.telling import state_of
from shared.contracts.event import Cause
from shared.contracts.storefront import (
    AdoptionEnded,
    AdoptionPaused,
    AdoptionResumed,
    ListingPriced,
    OfferAdopted,
)
from shared.contracts.storefront import AdoptionState as AdoptionTold
from shared.contracts.values import AdoptionId, ListingId, Money, OfferId, StorefrontId, VariantId
from shared.kernel import database, ids, outbox
from shared.kernel.database import Tx
from shared.kernel.errors import NotReady, Rejected

ARRIVAL_SECONDS = 10.0  # an id this young may name what has not arrived here yet


@dataclass(frozen=True, slots=True)
class Adopt:
    """An offer as `party` wants to take it into a shop; `prices` for each variant under wholesale terms."""

    party: str
    storefront_id: StorefrontId
    offer_id: OfferId
    prices: Sequence[tuple[VariantId, Money]] = ()


async def adopt_offer(tx: Tx, command: Adopt, cause: Cause) -> Adoption:
    """Take an offer into a shop, with a listing a variant, on the terms in force.

    Raises:
        Rejected: `not_found`, `not_ready`, `offer_ended`, `not_invited`, `already_adopted`, or as `price_list`.
    """
    shop = await own_storefront(tx, command.party, command.storefront_id)
    offer = await _offer(tx, command.offer_id)
    agreed = offer.admit(shop.creator_id, await database.now(tx))
    prices = price_list(agreed.terms, offer.variant_ids, command.prices)
    adoption = Adoption(
        AdoptionId(ids.new_id()),
        *(shop.storefront_id, shop.creator_id, offer.offer_id, agreed.version, offer.supplier_id),
        tuple(Listing(ListingId(ids.new_id()), variant_id, price) for variant_id, price in prices.items()),
    )
    if not await store.insert_adoption(tx, adoption):
        raise Rejected("already_adopted", "This storefront has adopted the offer; end that adoption to start anew.")
    await outbox.append(tx, [OfferAdopted(**state_of(adoption)).at(adoption.events, cause)])
    return adoption


async def _offer(tx: Tx, offer_id: OfferId) -> Offer:
    if (offer := await store.select_offer_for_share(tx, offer_id)) is not None:
        return offer
    age = ids.age_seconds(offer_id)
    if age is not None and abs(age) < ARRIVAL_SECONDS:
        raise NotReady()
    raise Rejected("not_found", "There is no such offer.")


async def pause_adoption(tx: Tx, party: str, adoption_id: AdoptionId, cause: Cause) -> Adoption:
    """Take an adoption's listings off sale for the time being."""
    await _require_own(tx, party, adoption_id)
    return await _move(tx, adoption_id, "paused", AdoptionPaused, cause)


async def resume_adoption(tx: Tx, party: str, adoption_id: AdoptionId, cause: Cause) -> Adoption:
    """Put a paused adoption on sale again. Raises `offer_ended` beside what the others raise."""
    adoption = await _require_own(tx, party, adoption_id)
    await _active_offer(tx, adoption)
    return await _move(tx, adoption_id, "active", AdoptionResumed, cause)


async def end_adoption(tx: Tx, party: str, adoption_id: AdoptionId, cause: Cause) -> Adoption:
    """Give an adoption up for good."""
    await _require_own(tx, party, adoption_id)
    return await _move(tx, adoption_id, "ended", AdoptionEnded, cause)


_BEFORE: Mapping[AdoptionState, tuple[AdoptionState, ...]] = {
    "paused": ("active",),
    "active": ("paused",),
    "ended": ("active", "paused"),
}


async def _require_own(tx: Tx, party: str, adoption_id: AdoptionId | None) -> Adoption:
    adoption = adoption_id and await store.select_adoption(tx, adoption_id)
    if not adoption or adoption.creator_id != party:
        raise Rejected("not_found", "You have adopted no such thing.")
    return adoption


async def _active_offer(tx: Tx, adoption: Adoption) -> Offer:
    """The offer, its row shared before the adoption's is locked: the order in which reactions lock them."""
    offer = await store.select_offer_for_share(tx, adoption.offer_id)
    assert offer is not None, "an adopted offer has arrived, and none is ever deleted"
    offer.require_active(await database.now(tx))
    return offer


async def _move(
    tx: Tx, adoption_id: AdoptionId, to: AdoptionState, event: type[AdoptionTold], cause: Cause
) -> Adoption:
    moved = await store.update_adoption_state(tx, adoption_id, to, among=_BEFORE[to])
    now = await store.select_adoption(tx, adoption_id)
    assert now is not None
    if not moved:
        raise Rejected("illegal_transition", f"It is {now.state}; only {' or '.join(_BEFORE[to])} can become {to}.")
    await outbox.append(tx, [event(**state_of(now)).at(now.events, cause)])
    return now


@dataclass(frozen=True, slots=True)
class SetPrice:
    """The price `party` wants to ask for a listing."""

    party: str
    listing_id: ListingId
    price: Money


async def price_listing(tx: Tx, command: SetPrice, cause: Cause) -> tuple[Listing, int]:
    """Price a listing under wholesale terms, which also lifts its pause; gives it and the version in force.

    Raises:
        Rejected: `not_found`, `offer_ended`, `illegal_transition` (adoption ended), or as `check_price`.
    """
    adoption_id = await store.select_adoption_id(tx, command.listing_id)
    seen = await _require_own(tx, command.party, adoption_id)
    offer = await _active_offer(tx, seen)
    adoption = await store.lock_adoption(tx, seen.adoption_id)
    if adoption is None or adoption.state == "ended":
        raise Rejected("illegal_transition", "The adoption has ended; adopt the offer again.")
    agreed = offer.in_force(await database.now(tx))
    before = adoption.listing(command.listing_id)
    check_price(agreed.terms, before.variant_id, command.price)
    if (before.price, before.state) != (command.price, "active"):
        await _set_price(tx, adoption, before, command.price, cause)
    return replace(before, price=command.price, state="active"), agreed.version


async def _set_price(tx: Tx, adoption: Adoption, before: Listing, price: Money, cause: Cause) -> None:
    await store.update_listing_price(tx, adoption.adoption_id, before.listing_id, price)
    now = await store.select_adoption(tx, adoption.adoption_id)
    assert now is not None
    prices = {"price_before": before.price or price, "price_after": price}
    priced = ListingPriced(**state_of(now), listing_id=before.listing_id, **prices)
    await outbox.append(tx, [priced.at(now.events, cause)])

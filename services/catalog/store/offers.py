"""Offers and the versions of their terms. The offer's row is held while its versions are read or written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from services.catalog.domain import Offer, Terms
from shared.contracts.values import CreatorId, OfferId, OfferVersion, SupplierId, VariantId
from shared.contracts.values import Terms as AnyTerms
from shared.kernel.database import Row, Tx, columns

_TERMS: TypeAdapter[Terms] = TypeAdapter(AnyTerms)

# Not now(), which is when the transaction began: whoever waited for the row before would look like someone to come.
_CLOCK = "SELECT clock_timestamp()"


async def clock(tx: Tx) -> datetime:
    """The database's time at this moment; ask when the row is held."""
    moment: datetime = await tx.fetchval(_CLOCK)
    return moment


_INSERT = """
    INSERT INTO offers (offer_id, supplier_id, variant_ids, adoption, invited, valid_from, valid_until, notice_seconds)
    VALUES ($1, $2, $3::uuid[], $4, $5::uuid[], $6, $7, $8)
    RETURNING events
"""


async def insert(tx: Tx, offer: Offer) -> int:
    """Write a new offer with its first version and return its position, which is 1."""
    events: int = await tx.fetchval(
        _INSERT,
        offer.offer_id,
        offer.supplier_id,
        offer.variant_ids,
        offer.adoption,
        offer.invited,
        offer.valid_from,
        offer.valid_until,
        offer.notice_seconds,
    )
    await _insert_version(tx, offer)
    return events


_INSERT_VERSION = """
    INSERT INTO offer_versions (offer_id, version, terms, effective_from, hold_seconds) VALUES ($1, $2, $3, $4, $5)
"""


async def _insert_version(tx: Tx, offer: Offer) -> None:
    new = offer.announced
    terms = new.terms.model_dump(mode="json")
    await tx.execute(_INSERT_VERSION, offer.offer_id, new.version, terms, new.effective_from, new.hold_seconds)


_COLUMNS = """
    SELECT offer_id, supplier_id, state, variant_ids, adoption, invited, valid_from, valid_until, notice_seconds,
           ended_at, (SELECT max(version) FROM offer_versions v WHERE v.offer_id = o.offer_id) AS last_version
      FROM offers o
"""
_LOCK = "SELECT offer_id FROM offers WHERE offer_id = ANY ($1::uuid[]) ORDER BY offer_id FOR UPDATE"
_SELECT_MANY = _COLUMNS + "WHERE offer_id = ANY ($1::uuid[]) ORDER BY offer_id"

# In force and scheduled: from the highest version whose time has come at $2 upwards, without replaced ones.
_SELECT_VERSIONS = """
    SELECT v.offer_id, v.version, v.terms, v.effective_from, v.hold_seconds
      FROM offer_versions v
     WHERE v.offer_id = ANY ($1::uuid[]) AND v.replaced_at IS NULL
       AND v.version >= (SELECT max(f.version) FROM offer_versions f
                          WHERE f.offer_id = v.offer_id AND f.replaced_at IS NULL AND f.effective_from <= $2)
     ORDER BY v.offer_id, v.version
"""


async def select(tx: Tx, offer_id: str) -> Offer | None:
    """The offer as it is."""
    offers = await _read(tx, [offer_id])
    return offers[0] if offers else None


async def lock(tx: Tx, offer_ids: Sequence[str]) -> list[Offer]:
    """These offers in the order of their ids, held until the transaction ends, then read."""
    await tx.execute(_LOCK, offer_ids)
    return await _read(tx, offer_ids)


async def _read(tx: Tx, offer_ids: Sequence[str]) -> list[Offer]:
    rows = await tx.fetch(_SELECT_MANY, offer_ids)
    versions: dict[str, list[OfferVersion]] = {row["offer_id"]: [] for row in rows}
    now = await clock(tx)
    for row in await tx.fetch(_SELECT_VERSIONS, offer_ids, now):
        versions[row["offer_id"]].append(_version(row))
    return [_offer(row, versions[row["offer_id"]], now) for row in rows]


def _version(row: Row) -> OfferVersion:
    terms = _TERMS.validate_python(row["terms"])
    same = {name: row[name] for name in ("version", "effective_from", "hold_seconds")}
    return OfferVersion(terms=terms, **same)


def _offer(row: Row, versions: Sequence[OfferVersion], now: datetime) -> Offer:
    same: dict[str, Any] = {name: row[name] for name in ("adoption", "valid_from", "valid_until", "ended_at", "state")}
    return Offer(
        offer_id=OfferId(row["offer_id"]),
        supplier_id=SupplierId(row["supplier_id"]),
        variant_ids=tuple(map(VariantId, row["variant_ids"])),
        versions=tuple(versions),
        last_version=row["last_version"],
        invited=tuple(map(CreatorId, row["invited"])),
        notice_seconds=row["notice_seconds"],
        as_of=now,
        **same,
    )


_ADVANCE = """
    UPDATE offers SET version = version + 1, events = events + 1 WHERE offer_id = $1 AND state = 'active'
    RETURNING events
"""
_REPLACE_SCHEDULED = """
    UPDATE offer_versions SET replaced_at = $2
     WHERE offer_id = $1 AND effective_from > $2 AND replaced_at IS NULL
"""


async def insert_terms(tx: Tx, changed: Offer) -> int:
    """Write an offer's announced version in the place of a scheduled one; returns the next position of its stream."""
    events: int = await tx.fetchval(_ADVANCE, changed.offer_id)
    await tx.execute(_REPLACE_SCHEDULED, changed.offer_id, changed.as_of)
    await _insert_version(tx, changed)
    return events


_END = """
    UPDATE offers o SET state = 'ended', ended_at = e.ended_at, version = o.version + 1, events = o.events + 1
      FROM unnest($1::uuid[], $2::timestamptz[]) AS e (offer_id, ended_at)
     WHERE o.offer_id = e.offer_id AND o.state = 'active'
    RETURNING o.offer_id, o.events
"""


async def end(tx: Tx, ended: Sequence[Offer]) -> dict[str, int]:
    """Write that these offers have ended and return the next position of each one's stream."""
    rows = [(offer.offer_id, offer.ended_at) for offer in ended]
    return {row["offer_id"]: row["events"] for row in await tx.fetch(_END, *columns(rows, 2))}

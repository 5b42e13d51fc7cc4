"""Whose a line's money is: divided once at placement, and taken back share by share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, assert_never

from shared.contracts.values import CommissionTerms, Money, PartyKind, Terms, VariantId, WholesaleTerms
from shared.kernel.errors import Rejected

WHOLE = 1_000_000  # rates are parts per million
PLATFORM = "platform"  # the platform's name as a party


# Tuples, because ten of these are made for each order: a frozen dataclass takes three times as long (decision 6).
class Amount(NamedTuple):
    """Minor units of a currency."""

    amount: int
    currency: str


class Part(NamedTuple):
    """One party's part of a line; an exact one has no rate."""

    party_kind: PartyKind
    party: str
    rate_ppm: int | None
    amount: Amount


Split = tuple[Part, ...]  # in the fixed order supplier, creator, referrer, platform; sums to the line


class Parties(NamedTuple):
    """Who takes part in a line; without a referrer their share stays with its payer."""

    supplier: str
    creator: str
    referrer: str | None = None


def divide(terms: Terms, parties: Parties, amount: Amount | Money, *, variant_id: VariantId, qty: int) -> Split:
    """The frozen split of a line of `amount`.

    Raises:
        Rejected: `split_exceeds_line`, `price_below_floor`, `currency_mismatch`, or `unknown_listing` when wholesale
            terms name no floor for the variant.
    """
    match terms:
        case CommissionTerms():
            return _commission(terms, parties, amount)
        case WholesaleTerms():
            return _wholesale(terms, parties, amount, _floor(terms, variant_id, amount.currency) * qty)
        case _:
            assert_never(terms)


def reverse(remaining: Split, amount: int) -> Split:
    """What remains of each share once `amount` minor units more are taken back.

    Largest remainder over the remaining shares: no share is ever paid by a refund or taken below
    zero, and all are exactly zero once everything is taken back.

    Raises:
        Rejected: `refund_exceeds_line` when more is taken than is left.
    """
    shares = [share.amount.amount for share in remaining]
    if not 0 <= amount <= sum(shares):
        raise Rejected("refund_exceeds_line", f"Take back from 0 to {sum(shares)} minor units.", remaining=sum(shares))
    return _with_amounts(
        remaining, [share - part for share, part in zip(shares, apportion(amount, shares), strict=True)]
    )


def apportion(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` divided in proportion to `weights`, exactly, by largest remainder; ties go to the first."""
    if (total := sum(weights)) == 0:
        return [0] * len(weights)
    parts = [amount * weight // total for weight in weights]
    if left := amount - sum(parts):
        remainders = [-(amount * weight % total) for weight in weights]
        for place in sorted(range(len(weights)), key=remainders.__getitem__)[:left]:
            parts[place] += 1
    return parts


def _with_amounts(split: Split, amounts: Sequence[int]) -> Split:
    """The same parties with other amounts."""
    return tuple(
        part._replace(amount=part.amount._replace(amount=amount)) for part, amount in zip(split, amounts, strict=True)
    )


def _commission(terms: CommissionTerms, parties: Parties, amount: Amount | Money) -> Split:
    earners: list[tuple[PartyKind, str, int]] = [("creator", parties.creator, terms.creator_ppm)]
    if parties.referrer is not None:
        earners.append(("referrer", parties.referrer, terms.referrer_ppm))
    earners.append(("platform", PLATFORM, terms.platform_ppm))
    rest = WHOLE - sum(ppm for _, _, ppm in earners)
    if rest < 0:
        raise Rejected(
            "split_exceeds_line", "The offer's rates add up to more than the line; its supplier must lower one."
        )
    rated: list[tuple[PartyKind, str, int]] = [("supplier", parties.supplier, rest), *earners]
    amounts = apportion(amount.amount, [ppm for _, _, ppm in rated])
    currency = amount.currency
    return tuple([Part(*who, Amount(part, currency)) for who, part in zip(rated, amounts, strict=True)])


def _wholesale(terms: WholesaleTerms, parties: Parties, amount: Amount | Money, floor: int) -> Split:
    """The supplier's part is exact; creator and platform share what is over, in millionths of a minor unit."""
    over = amount.amount - floor
    platform = amount.amount * terms.platform_ppm
    if over * WHOLE < platform:
        raise Rejected("price_below_floor", "The price leaves nothing for the creator, who must raise it.")
    creator_part, platform_part = apportion(over, [over * WHOLE - platform, platform])

    currency = amount.currency
    return (
        Part("supplier", parties.supplier, None, Amount(floor, currency)),
        Part("creator", parties.creator, None, Amount(creator_part, currency)),
        Part("platform", PLATFORM, terms.platform_ppm, Amount(platform_part, currency)),
    )


def _floor(terms: WholesaleTerms, variant_id: VariantId, currency: str) -> int:
    for floor in terms.floors:
        if floor.variant_id == variant_id:
            if floor.price.currency != currency:
                raise Rejected("currency_mismatch", f"The offer's floor is in {floor.price.currency}.")
            return floor.price.amount
    raise Rejected("unknown_listing", "The offer has no wholesale price for this variant any more.")

"""The risk of cash on delivery as a rule: no database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.orders.domain.risk import UNKNOWN, WHOLE, Band, History, Policy, assess, check_cash
from services.orders.settings import Settings
from shared.kernel.errors import Rejected

BANDS: tuple[Band, ...] = ("auto", "code", "prepaid")
USUAL = Policy()

counts = st.integers(0, 50) | st.integers(0, 2_000_000)
histories = st.builds(History, counts, counts)
ppm = st.integers(0, WHOLE)
weights = st.integers(1, 10_000)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    code_from, prepaid_from = sorted((draw(ppm), draw(ppm)))
    return Policy(code_from, prepaid_from, draw(st.integers(1, 20)), draw(ppm), draw(weights), draw(weights))


def strictness(band: Band) -> int:
    return BANDS.index(band)


def refused_once_more(history: History) -> History:
    return history._replace(refused=history.refused + 1)


def delivered_once_more(history: History) -> History:
    return history._replace(delivered=history.delivered + 1)


# One outcome counts for the buyer, for the region, or (as it happens) for both: none may turn the wrong way.
OUTCOMES = [(True, False), (False, True), (True, True)]


@pytest.mark.parametrize(("buyers", "regions"), OUTCOMES)
@given(buyer=histories, region=histories, policy=policies())
def test_one_more_refusal_never_lowers_a_score_or_loosens_a_band(
    buyers: bool, regions: bool, buyer: History, region: History, policy: Policy
) -> None:
    before = assess(buyer, region, policy)
    after = assess(
        refused_once_more(buyer) if buyers else buyer, refused_once_more(region) if regions else region, policy
    )
    assert after.score_ppm >= before.score_ppm
    assert strictness(after.band) >= strictness(before.band)


@pytest.mark.parametrize(("buyers", "regions"), OUTCOMES)
@given(buyer=histories, region=histories, policy=policies())
def test_one_more_delivery_never_raises_a_score_or_tightens_a_band(
    buyers: bool, regions: bool, buyer: History, region: History, policy: Policy
) -> None:
    before = assess(buyer, region, policy)
    after = assess(
        delivered_once_more(buyer) if buyers else buyer, delivered_once_more(region) if regions else region, policy
    )
    assert after.score_ppm <= before.score_ppm
    assert strictness(after.band) <= strictness(before.band)


@given(one=histories, other=histories, region=histories, policy=policies())
def test_of_two_buyers_the_likelier_refuser_is_not_trusted_more(
    one: History, other: History, region: History, policy: Policy
) -> None:
    """Those who have refused too few to be refused outright are in bands of their own."""
    if (one.refused < policy.min_refused) == (other.refused < policy.min_refused):
        first, second = sorted((assess(one, region, policy), assess(other, region, policy)), key=lambda r: r.score_ppm)
        assert strictness(first.band) <= strictness(second.band)


@given(buyer=histories, region=histories, policy=policies())
def test_a_score_is_a_chance_and_its_band_keeps_the_limits(buyer: History, region: History, policy: Policy) -> None:
    risk = assess(buyer, region, policy)
    assert 0 <= risk.score_ppm <= WHOLE
    assert (risk.band == "auto") == (risk.score_ppm < policy.code_from)
    if risk.band == "prepaid":
        assert risk.score_ppm >= policy.prepaid_from
        assert buyer.refused >= policy.min_refused


@given(region=histories, policy=policies(), delivered=counts)
def test_a_buyer_of_few_parcels_is_never_refused_outright(region: History, policy: Policy, delivered: int) -> None:
    assert assess(History(delivered, policy.min_refused - 1), region, policy).band != "prepaid"


def test_nobody_known_is_as_usual_and_confirmed_by_the_amount_alone() -> None:
    assert assess(UNKNOWN, UNKNOWN, USUAL) == ("auto", USUAL.usual, UNKNOWN, UNKNOWN)


@pytest.mark.parametrize(
    ("buyer", "region", "band"),
    [
        (History(0, 1), UNKNOWN, "code"),
        (History(3, 1), UNKNOWN, "auto"),
        (History(0, 2), UNKNOWN, "code"),
        (History(0, 3), UNKNOWN, "prepaid"),
        (History(3, 3), UNKNOWN, "code"),
        (History(2, 3), UNKNOWN, "code"),
        (History(1, 3), UNKNOWN, "prepaid"),
        (UNKNOWN, History(9, 1), "auto"),
        (UNKNOWN, History(600, 400), "code"),
        (UNKNOWN, History(0, 1_000_000), "code"),
        (History(5, 0), History(600, 400), "auto"),
    ],
)
def test_what_the_usual_settings_make_of_a_history(buyer: History, region: History, band: Band) -> None:
    assert assess(buyer, region, USUAL).band == band


def test_only_the_last_band_refuses_cash() -> None:
    allowed = [assess(UNKNOWN, UNKNOWN, USUAL), assess(History(0, 1), UNKNOWN, USUAL), None]
    assert [check_cash(risk) for risk in allowed] == allowed
    with pytest.raises(Rejected) as refusal:
        check_cash(assess(History(0, 9), UNKNOWN, USUAL))
    assert (refusal.value.code, refusal.value.extra) == ("cod_not_available", {"reason": "refusals"})


# Settings -----------------------------------------------------------------------------------------------------------


def test_the_settings_are_the_usual_policy_unless_told_otherwise_or_off() -> None:
    assert Settings().rules.risk == USUAL
    told = Settings(cod_risk_code_from=1, cod_risk_prepaid_from=2, cod_risk_min_parcels=3, cod_risk_usual=4)
    assert told.rules.risk == Policy(1, 2, 3, 4)
    weighed = Settings(cod_risk_region_weight=5, cod_risk_buyer_weight=6).risk
    assert (weighed.region_weight, weighed.buyer_weight) == (5, 6)
    assert Settings(cod_risk=False).rules.risk is None


def test_bands_out_of_order_are_no_settings() -> None:
    with pytest.raises(ValidationError, match="WANPU_COD_RISK_CODE_FROM"):
        Settings(cod_risk_code_from=500_001)

"""A bearer token is believed only if the operator's key signed it, it says who, and it has not expired."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey

from shared.kernel.auth import Claims, Verifier, mint
from shared.kernel.errors import Rejected
from shared.kernel.tests.edge_fixtures import OTHER_PRIVATE, PRIVATE, PUBLIC


def signed(**claims: Any) -> str:
    return jwt.encode({"alg": "Ed25519"}, claims, OKPKey.import_key(PRIVATE), algorithms=["Ed25519"])


def refused(token: str) -> bool:
    with pytest.raises(Rejected) as refusal:
        Verifier(PUBLIC).verify(token)
    return refusal.value.code == "unauthenticated"


def test_a_minted_token_says_whom_it_speaks_for() -> None:
    claims = Verifier(PUBLIC).verify(mint(PRIVATE, "buyer", "b-1", 60, loadtest=True))
    assert claims == Claims("buyer", "b-1", claims.expires_at, loadtest=True)


def test_both_names_of_the_algorithm_are_read() -> None:
    token = signed(role="buyer", party="b-1", exp=int(time.time()) + 60)
    assert Verifier(PUBLIC).verify(token).party == "b-1"


def test_another_key_is_refused() -> None:
    assert refused(mint(OTHER_PRIVATE, "operator", "o", 60))


def test_an_expired_token_is_refused_also_when_it_is_remembered() -> None:
    verifier = Verifier(PUBLIC)
    token = mint(PRIVATE, "buyer", "b-1", 60)
    verifier.verify(token)
    assert refused(mint(PRIVATE, "buyer", "b-1", -1))
    for digest, claims in verifier._good.items():
        verifier._good[digest] = Claims(claims.role, claims.party, time.time() - 1)
    with pytest.raises(Rejected, match="expired"):
        verifier.verify(token)
    assert len(verifier) == 0


def test_a_signature_by_the_public_key_as_a_secret_is_refused() -> None:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "HS256"}, {"role": "operator", "party": "o", "exp": time.time() + 60})
    )
    assert refused(f"{head}.{body}.{base64.urlsafe_b64encode(b'x' * 32).decode().rstrip('=')}")
    other = jwt.encode({"alg": "HS256"}, {"role": "operator", "party": "o"}, OctKey.generate_key(256))
    assert refused(other)


@pytest.mark.parametrize("token", ["", "x", "..", "a.b.c", "é.ü.ö", "x" * 10_000, "eyJhbGciOiJub25lIn0.e30."])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refused(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"role": "buyer", "party": "b"},
        {"role": "buyer", "party": "b", "exp": "tomorrow"},
        {"role": "king", "party": "b", "exp": 9e9},
        {"role": ["buyer"], "party": "b", "exp": 9e9},
        {"role": "buyer", "party": "", "exp": 9e9},
        {"role": "buyer", "party": "b" * 129, "exp": 9e9},
        {"role": "buyer", "party": 7, "exp": 9e9},
    ],
)
def test_a_token_that_says_less_than_it_must_is_refused(claims: dict[str, Any]) -> None:
    assert refused(signed(**claims))


def test_only_so_many_tokens_are_remembered() -> None:
    verifier = Verifier(PUBLIC, remembered=3)
    for number in range(9):
        verifier.verify(mint(PRIVATE, "buyer", str(number), 60))
    assert len(verifier) == 3


def test_a_role_nobody_knows_is_not_minted() -> None:
    with pytest.raises(ValueError, match="role"):
        mint(PRIVATE, "king", "k", 60)  # type: ignore[arg-type]

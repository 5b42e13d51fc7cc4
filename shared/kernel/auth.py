"""Bearer tokens: JWTs signed with EdDSA by the operator's key, checked offline with the public one."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSAlgModel, JWSRegistry  # type: ignore[attr-defined]

from shared.kernel.errors import Rejected

Role = Literal["supplier", "creator", "buyer", "carrier", "operator", "service"]
ROLES: Final = frozenset(get_args(Role))

ALGORITHM = "EdDSA"  # the name most libraries write; RFC 9864 calls the same, over the one curve we use, Ed25519
ACCEPTED = (ALGORITHM, "Ed25519")
REMEMBERED = 20_000  # verified tokens kept, about 400 bytes each: 8 MB hold the buyers of a busy quarter of an hour
MAX_CHARACTERS = 4_096  # ours have 300; a longer one is not worth hashing
PARTY_CHARACTERS = 128  # a party is part of keys and log lines


@dataclass(frozen=True, slots=True)
class Claims:
    """Whom a verified token speaks for, until when (`expires_at`: seconds since 1970)."""

    role: Role
    party: str
    expires_at: float
    loadtest: bool = False


def mint(private_pem: str, role: Role, party: str, ttl_seconds: int, *, loadtest: bool = False) -> str:
    """A signed token for one party in one role, valid for so many seconds from now."""
    if role not in ROLES or not 0 < len(party) <= PARTY_CHARACTERS:
        raise ValueError(f"a token needs a role of {sorted(ROLES)} and a party of 1 to {PARTY_CHARACTERS} characters")
    claims: dict[str, Any] = {"role": role, "party": party, "exp": int(time.time()) + ttl_seconds}
    if loadtest:
        claims["loadtest"] = True
    return jwt.encode({"alg": ALGORITHM}, claims, OKPKey.import_key(private_pem), registry=_REGISTRY)


class _EdDSA(JWSRegistry):
    """Nothing but EdDSA, by either name, and no warning that the older name is the older one."""

    def get_alg(self, name: str) -> JWSAlgModel:
        if name not in ACCEPTED:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY = _EdDSA()


class Verifier:
    """Checks tokens against one public key (PEM) and remembers, by digest, those it has found good until they expire.

    The digest, not the token, is kept: a dump of this process holds nothing that can be replayed.
    """

    def __init__(self, public_pem: str, *, remembered: int = REMEMBERED) -> None:
        self._key = OKPKey.import_key(public_pem)
        self._remembered = remembered
        self._good: OrderedDict[bytes, Claims] = OrderedDict()

    def __len__(self) -> int:
        return len(self._good)

    def verify(self, token: str) -> Claims:
        """The token's claims.

        Raises:
            Rejected: `unauthenticated` when it is forged, expired or says less than it must.
        """
        if len(token) > MAX_CHARACTERS:
            raise _refused("it is too long")
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        claims = self._good.get(digest) or self._remember(digest, self._check(token))
        if claims.expires_at <= time.time():
            self._good.pop(digest, None)
            raise _refused("it has expired")
        return claims

    def _remember(self, digest: bytes, claims: Claims) -> Claims:
        self._good[digest] = claims
        if len(self._good) > self._remembered:
            self._good.popitem(last=False)  # the oldest is the nearest to its end: no bookkeeping on a hit
        return claims

    def _check(self, token: str) -> Claims:
        try:
            decoded = jwt.decode(token, self._key, registry=_REGISTRY)
        except (JoseError, ValueError):  # ValueError: base64, UTF-8 or JSON of a forger
            raise _refused("it is forged") from None
        return _claims(decoded.claims)


def _claims(given: Mapping[str, Any]) -> Claims:
    role, party, expires_at = given.get("role"), given.get("party"), given.get("exp")
    if (
        not isinstance(role, str)
        or role not in ROLES
        or not isinstance(party, str)
        or not 0 < len(party) <= PARTY_CHARACTERS
    ):
        raise _refused("it names no known role and party")
    if isinstance(expires_at, bool) or not isinstance(expires_at, int | float):
        raise _refused("it has no expiry")
    return Claims(cast(Role, role), party, float(expires_at), given.get("loadtest") is True)


def _refused(reason: str) -> Rejected:
    return Rejected("unauthenticated", f"The bearer token was refused: {reason}. Ask for a new one.")

"""One request as a route sees it: who calls, why, with which key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from fastapi import Request

from shared.contracts.event import Cause
from shared.kernel.auth import Role
from shared.kernel.database import Database
from shared.kernel.errors import Rejected
from shared.kernel.idempotency import MAX_KEY_CHARACTERS

T = TypeVar("T")

_KEY = re.compile(rf"[\x21-\x7e](?:[\x20-\x7e]{{0,{MAX_KEY_CHARACTERS - 2}}}[\x21-\x7e])?")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom the request speaks for: a token's role and party, a signer, or anyone (party empty)."""

    role: Role | Literal["signer", "anyone"]
    party: str
    loadtest: bool = False


ANYONE = Caller("anyone", "")


@dataclass(frozen=True, slots=True)
class Call:
    """What a route is told about its request; `webhook_id` names a signed call over its retries."""

    request: Request
    caller: Caller
    cause: Cause
    webhook_id: str | None = None

    @property
    def role(self) -> str:
        return self.caller.role

    @property
    def party(self) -> str:
        return self.caller.party

    @property
    def loadtest(self) -> bool:
        return self.caller.loadtest

    @property
    def db(self) -> Database:
        """The service's database, for a route that opens its own transactions. Raises `Transient` while it is away."""
        db: Database = self.request.app.state.database()
        return db

    @property
    def idempotency_key(self) -> str:
        """The Idempotency-Key. Raises `idempotency_key_required` when it is missing or no printable text."""
        return idempotency_key(self.request.headers.get("idempotency-key", ""))


def idempotency_key(given: str) -> str:
    """A header's Idempotency-Key. Raises `idempotency_key_required` when it is missing or no printable text."""
    if not _KEY.fullmatch(given):
        wanted = f"an Idempotency-Key of 1 to {MAX_KEY_CHARACTERS} printable ASCII characters"
        raise Rejected("idempotency_key_required", f"Send {wanted}, the same when you try again.")
    return given


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer whose status is decided by what happened, such as 202 instead of 200."""

    value: T
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)

"""Who calls: a bearer token, a signature, or anyone; decided before anything else of the request is looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fastapi import Request

from shared.kernel import webhooks
from shared.kernel.auth import Verifier
from shared.kernel.errors import Rejected
from shared.kernel.http import bodies
from shared.kernel.http.call import ANYONE, Caller
from shared.kernel.http.routes import Route
from shared.kernel.http.spool import check_media_type, spool

Signers = Callable[[str, str], Sequence[str]]  # (signer, party) → the keys valid now


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """Admits a request to a route or refuses it; `verifier` is made at first use."""

    verifier: Callable[[], Verifier]
    signers: Signers

    async def admit(self, route: Route, request: Request) -> tuple[Caller, str | None]:
        """The caller, and the call's webhook id if it was signed.

        Raises:
            Rejected: `unauthenticated`, `signature_invalid`, `forbidden`.
        """
        if route.access.signed_by and (webhooks.SIGNATURE in request.headers or not route.access.roles):
            return await self._signer(route, route.access.signed_by, request)
        return self.bearer(route, request.headers.get("authorization")), None

    def bearer(self, route: Route, header: str | None) -> Caller:
        """Whom the Authorization header speaks for. Raises `unauthenticated`, `forbidden`."""
        if header is None and route.access.anyone:
            return ANYONE
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Rejected("unauthenticated", "Send `Authorization: Bearer <token>`; `wanpu token` mints one.")
        claims = self.verifier().verify(token.strip())
        if not route.access.anyone and claims.role not in route.access.roles:
            allowed = ", ".join(sorted(route.access.roles))
            raise Rejected("forbidden", f"This call is for: {allowed}.")
        return Caller(claims.role, claims.party, claims.loadtest)

    async def _signer(self, route: Route, signer: str, request: Request) -> tuple[Caller, str]:
        party = request.path_params.get(signer, signer)
        if route.streamed:
            return Caller("signer", party), await self._streamed(route, signer, request)
        raw = await bodies.read(request, route.max_body_bytes)
        request.state.raw = raw
        message_id = webhooks.verify(self.signers(signer, party), request.headers, raw)
        return Caller("signer", party), message_id

    async def _streamed(self, route: Route, signer: str, request: Request) -> str:
        """The call's id, after its body was spooled."""
        signature = webhooks.Streamed(self.signers(signer, request.path_params.get(signer, signer)), request.headers)
        check_media_type(request, route.streamed)
        request.state.spooled = await spool(request, route.max_body_bytes, signature)
        return signature.verify()

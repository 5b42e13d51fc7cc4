"""What the routes of logistics are given and show alike."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from services.logistics import usecases
from services.logistics.settings import Settings
from shared.kernel.errors import Rejected
from shared.kernel.http import Call

Carrier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
# What carriers print: letters, digits, dashes; no blanks, which get lost on the way.
Waybill = Annotated[str, StringConstraints(pattern=r"^[!-~]{1,64}$")]
Ref = Annotated[str, StringConstraints(pattern=r"^[!-~]([ -~]{0,126}[!-~])?$")]  # a statement's, as headers carry it
BankRef = Annotated[str, StringConstraints(pattern=r"^[!-.0-~]{1,128}$")]  # without a slash: it stands in an address


def viewer(call: Call) -> usecases.Viewer:
    """Who looks."""
    return usecases.Viewer(call.role, call.party)


def settings_of(call: Call) -> Settings:
    """The service's settings."""
    settings: Settings = call.request.app.state.settings
    return settings


def require_carrier(settings: Settings, carrier: str) -> None:
    """Raises `unknown_carrier`."""
    if not settings.knows_carrier(carrier):
        raise Rejected("unknown_carrier", "No such carrier reports to us; name one that has a key here.")

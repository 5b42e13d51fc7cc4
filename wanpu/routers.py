"""What each service subscribes to, as its worker has it."""

from __future__ import annotations

import inspect
from importlib import import_module

from shared.embedded.process import StackError
from shared.kernel.delivery import Router
from wanpu.layout import SERVICES


def router_of(service: str) -> Router:
    """A service's reactions, with the settings of this environment.

    Raises:
        StackError: there is no such service.
    """
    if service not in SERVICES:
        raise StackError(f"there is no service {service!r}: choose one of {', '.join(SERVICES)}")
    reactions = import_module(f"services.{service}.consumers").reactions
    takes_settings = bool(inspect.signature(reactions).parameters)
    given = [import_module(f"services.{service}.settings").Settings.load()] if takes_settings else []
    router: Router = reactions(*given)
    return router

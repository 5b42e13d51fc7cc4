"""What a service declares of a route, and what is wrong with a declaration, said at start."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Path
from pydantic import AfterValidator, TypeAdapter
from starlette.responses import Response

from shared.kernel.auth import ROLES, Role
from shared.kernel.database import Tx
from shared.kernel.http.bodies import MAX_BODY_BYTES
from shared.kernel.http.call import Call, Reply
from shared.kernel.http.spool import Spooled

Function = Callable[..., Awaitable[Any]]
F = TypeVar("F", bound=Function)

_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_PATH_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call: these roles, whoever signs as `signed_by`, or anyone."""

    roles: frozenset[Role] = frozenset()
    anyone: bool = False
    signed_by: str | None = None

    @property
    def declared(self) -> bool:
        return self.anyone or bool(self.roles) or self.signed_by is not None


@dataclass(frozen=True, slots=True)
class Route:
    """One declared route with the parts of its function that the edge fills in."""

    method: str
    path: str
    function: Function
    access: Access
    status: int = 200
    once: bool = False
    form: bool = False
    page: bool = False
    max_body_bytes: int = MAX_BODY_BYTES
    takes: Any = None  # model of a body that the function parses by itself: for OpenAPI
    answers: Any = None  # and of a raw response
    streamed: str = ""  # media type of a body that is too large to be held: `body: Spooled`

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        return dict(inspect.signature(self.function, eval_str=True).parameters)

    @property
    def given(self) -> list[inspect.Parameter]:
        """Path and query parameters, which FastAPI reads; an id in the path must be a UUID."""
        named = _PATH_PARAMETER.findall(self.path)
        signer = [name for name in named if name not in self.parameters]  # read by the doorkeeper, told in OpenAPI
        text = inspect.Parameter.KEYWORD_ONLY
        return [inspect.Parameter(name, text, annotation=Annotated[str, Path()]) for name in signer] + [
            _uuid_parameter(parameter) if name in named and name.endswith("_id") else parameter
            for name, parameter in self.parameters.items()
            if name != "body" and not self._is(parameter, Call) and not self._is(parameter, Tx)
        ]

    @staticmethod
    def _is(parameter: inspect.Parameter, wanted: Any) -> bool:
        return bool(parameter.annotation == wanted)

    def name_of(self, wanted: Any) -> str | None:
        """The name of the parameter that is to receive a `Call` or a `Tx`."""
        return next((name for name, parameter in self.parameters.items() if self._is(parameter, wanted)), None)

    @property
    def body_type(self) -> Any:
        """Type of the parameter `body`; None when there is none."""
        parameter = self.parameters.get("body")
        return None if parameter is None else parameter.annotation

    @property
    def answer_type(self) -> Any:
        """What goes out: the function's return type, without `Reply`; None for a raw response or no content."""
        if self.answers is not None:
            return self.answers
        returned = typing.get_type_hints(self.function, include_extras=True).get("return")
        if typing.get_origin(returned) is Reply:
            (returned,) = typing.get_args(returned)
        is_response = isinstance(returned, type) and issubclass(returned, Response)
        return None if is_response or returned in (None, type(None)) else returned

    def check(self) -> None:
        """Raise `TypeError`, naming the route, when its declaration lacks something."""
        if not self.access.declared:
            raise TypeError(f"{self.label} does not say who may call it: add roles={{…}}, anyone=True or signed_by=…")
        if unknown := self.access.roles - ROLES:
            raise TypeError(f"{self.label} names unknown roles {sorted(unknown)}; there are {sorted(ROLES)}")
        if self.access.anyone and (self.access.roles or self.access.signed_by):
            raise TypeError(f"{self.label} is for anyone and for some: leave one of them out")
        if missing := set(_PATH_PARAMETER.findall(self.path)) - set(self.parameters) - {self.access.signed_by}:
            raise TypeError(f"{self.label} has no parameter for {sorted(missing)} of its path")
        if (self.body_type is Spooled) != bool(self.streamed) or (self.streamed and self.once):
            raise TypeError(f"{self.label}: streamed='text/csv' goes with `body: Spooled` and without once=True")
        if self.body_type not in (None, bytes, Spooled):
            TypeAdapter(self.body_type)


def _uuid_parameter(parameter: inspect.Parameter) -> inspect.Parameter:
    """Read in either case, handed on in lower case, as the database writes it."""
    by_pattern = Path(pattern=_UUID, json_schema_extra={"format": "uuid"})
    return parameter.replace(annotation=Annotated[str, by_pattern, AfterValidator(str.lower)])


class Routes:
    """A service's routes, collected while its `http.py` is imported. Give a page's routes `page=True`: their
    failures are pages too."""

    def __init__(self) -> None:
        self.declared: list[Route] = []

    def get(
        self,
        path: str,
        *,
        roles: Collection[Role] = (),
        anyone: bool = False,
        page: bool = False,
        answers: Any = None,
    ) -> Callable[[F], F]:
        """Declare a GET, which changes nothing."""
        return self._declare("GET", path, Access(frozenset(roles), anyone), page=page, answers=answers)

    def post(
        self,
        path: str,
        *,
        roles: Collection[Role] = (),
        anyone: bool = False,
        signed_by: str | None = None,
        **options: Any,
    ) -> Callable[[F], F]:
        """Declare a POST; options as in `Route`, from `status` to `streamed`."""
        return self._declare("POST", path, Access(frozenset(roles), anyone, signed_by), **options)

    def _declare(self, method: str, path: str, access: Access, **options: Any) -> Callable[[F], F]:
        def declare(function: F) -> F:
            self.declared.append(Route(method, path, function, access, **options))
            return function

        return declare

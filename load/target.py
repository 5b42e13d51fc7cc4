"""Where a load test goes: a stack that runs, one of its own, or any whose addresses and operator's keys are at hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from load.wire import Address, address_of
from shared.embedded.process import StackError
from wanpu.demo import place
from wanpu.jobs import POSTGRES_DSN
from wanpu.layout import SERVICES, Ports
from wanpu.local.stack import WORKERS_NICE
from wanpu.local.state import StackState, read_state
from wanpu.servers import Servers

Stack = Literal["embedded", "compose"]

INTAKE_FIRST = {WORKERS_NICE: "5"}  # as by docker-compose.yml's cpu_shares: what is measured is answering
ORDERS_URL = "WANPU_ORDERS_URL"  # several, space separated, are served in turns


@dataclass(frozen=True, slots=True)
class Target:
    """Where everything answers; without the auditor's `dsn` the books are seen through the API alone."""

    urls: dict[str, str]
    intake: tuple[Address, ...]
    keys: Path
    dsn: str | None
    bootstrap: str | None

    @classmethod
    def of(cls, where: place.Place) -> Target:
        return cls(where.urls, (address_of(where.urls["orders"]),), where.keys, where.auditor_dsn, where.bootstrap)


@contextmanager
def reach(stack: Stack, data: Path, say: place.Say, *, start: bool = True) -> Iterator[Target]:
    """The deployment that the environment names, else the stack asked for; an embedded one is started if none runs.

    Raises:
        StackError: it can't be reached or started, or its keys are not here.
    """
    running = read_state(data)
    if os.environ.get(ORDERS_URL):
        yield _named(Servers.of(data))
    elif stack == "compose":
        with place.compose(say) as where:
            yield Target.of(where)
    elif running.is_live:
        yield _running(running, Servers.of(data))
    elif not start:
        raise StackError(f"no stack runs on {data}: start one by `make up ARGS=--detach`, or name one by {ORDERS_URL}")
    else:
        with place.embedded(say, env=INTAKE_FIRST) as where:
            yield Target.of(where)


def _named(servers: Servers) -> Target:
    """By `WANPU_CATALOG_URL`, `WANPU_STOREFRONT_URL`, `WANPU_ORDERS_URL …`; keys in `WANPU_KEYS_DIR`."""
    usual = Ports().urls()
    names = {service: f"WANPU_{service.upper()}_URL" for service in SERVICES}
    urls = {service: os.environ.get(name) or usual[name] for service, name in names.items()}
    intake = urls["orders"].split()
    audited = POSTGRES_DSN in os.environ
    return Target(
        urls=urls | {"orders": intake[0]},
        intake=tuple(map(address_of, intake)),
        keys=servers.secrets,
        dsn=servers.auditor_dsn() if audited else None,
        bootstrap=servers.bootstrap if audited else None,
    )


def _running(state: StackState, servers: Servers) -> Target:
    urls = place.by_name(state.urls)
    return Target(urls, (address_of(urls["orders"]),), servers.secrets, servers.auditor_dsn(), servers.bootstrap)

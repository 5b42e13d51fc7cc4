"""Where a load test goes: a stack that runs, one of its own, or any whose addresses and operator's keys are at hand."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from load.wire import Address, address_of
from shared.embedded.process import StackError
from wanpu.demo import place
from wanpu.jobs import KAFKA_BOOTSTRAP, POSTGRES_DSN
from wanpu.local.stack import WORKERS_NICE
from wanpu.local.state import StackState, read_state
from wanpu.servers import Servers

Stack = Literal["embedded", "compose"]

INTAKE_FIRST = {WORKERS_NICE: "5"}  # as by docker-compose.yml's cpu_shares: what is measured is answering
ORDERS_URL = "WANPU_ORDERS_URL"  # several, space separated, are served in turns
URLS = {"catalog": "WANPU_CATALOG_URL", "storefront": "WANPU_STOREFRONT_URL", "orders": ORDERS_URL}
AUDITED = (POSTGRES_DSN, KAFKA_BOOTSTRAP)


@dataclass(frozen=True, slots=True)
class Target:
    """Where what we call answers; without the auditor's `dsn` the books are seen through the API alone."""

    urls: dict[str, str]
    intake: tuple[Address, ...]
    keys: Path
    dsn: str | None
    bootstrap: str | None
    what: str = "a deployment"

    @classmethod
    def of(cls, where: place.Place, what: str) -> Target:
        intake = (address_of(where.urls["orders"]),)
        return cls(where.urls, intake, where.keys, where.auditor_dsn, where.bootstrap, what)

    @property
    def is_audited(self) -> bool:
        """Whether journals can be looked at, and events seen to arrive."""
        return bool(self.dsn and self.bootstrap)

    @property
    def orders_urls(self) -> list[str]:
        return [f"http://{host}:{port}" for host, port in self.intake]


@contextmanager
def reach(stack: Stack, data: Path, say: place.Say, *, start: bool = True) -> Iterator[Target]:
    """The deployment that the environment names, else the stack asked for; an embedded one is started if none runs.

    Raises:
        StackError: it can't be reached or started, its keys are not here, or two are named, or half of one.
    """
    running = read_state(data)
    if named := [name for name in URLS.values() if os.environ.get(name)]:
        if stack == "compose":
            raise StackError(f"compose and {', '.join(named)} name two deployments: unset the latter, or leave compose")
        with place.until_signal():
            yield _named(Servers.of(data))
    elif stack == "compose":
        with place.compose(say) as where:
            yield Target.of(where, "docker compose's stack")
    elif running.is_live:
        with place.until_signal():
            yield _running(running, Servers.of(data))
    elif not start:
        raise StackError(f"no stack runs on {data}: start one by `make up ARGS=--detach`, or name one by {ORDERS_URL}")
    else:
        with place.embedded(say, env=INTAKE_FIRST) as where:
            yield Target.of(where, "a stack of its own")


def _named(servers: Servers) -> Target:
    """By `WANPU_CATALOG_URL`, `WANPU_STOREFRONT_URL`, `WANPU_ORDERS_URL`; keys in `WANPU_KEYS_DIR`."""
    _all_or_none(URLS.values())
    audited = _all_or_none(AUDITED)
    said = {service: os.environ[name].strip().rstrip("/") for service, name in URLS.items()}
    intake = said["orders"].split()
    try:
        addresses = [address_of(url) for url in (*intake, said["catalog"], said["storefront"])]
    except ValueError as error:
        raise StackError(str(error)) from error
    return Target(
        urls=said | {"orders": intake[0].rstrip("/")},
        intake=tuple(addresses[: len(intake)]),
        keys=servers.secrets,
        dsn=servers.auditor_dsn() if audited else None,
        bootstrap=servers.bootstrap if audited else None,
        what=f"the deployment that {', '.join(URLS.values())} name",
    )


def _all_or_none(names: Collection[str]) -> bool:
    """Whether the environment has all of these; the usual addresses would be those of another deployment."""
    missing = [name for name in names if not os.environ.get(name, "").strip()]
    if missing and any(os.environ.get(name) for name in names):
        raise StackError(f"half a deployment is named: also name {', '.join(missing)}, or unset the rest of it")
    return not missing


def _running(state: StackState, servers: Servers) -> Target:
    urls = place.by_name(state.urls)
    intake = (address_of(urls["orders"]),)
    what = f"the stack that runs on {servers.data}"
    return Target(urls, intake, servers.secrets, servers.auditor_dsn(), servers.bootstrap, what)

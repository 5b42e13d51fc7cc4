"""F11 of docs/guarantees.md: whatever becomes of the first request, a key is one order and one answer."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

import httpx

from load.wire import Address
from shared.embedded.process import LOOPBACK
from shared.kernel.ids import new_id
from tests.failures.platform import Site, on_platform, open_market
from tests.failures.proxy import Proxy
from tests.failures.rig import require, until
from wanpu.demo.client import Json
from wanpu.demo.market import Shop
from wanpu.demo.shopping import Basket, body_of
from wanpu.reconcile import History
from wanpu.token import mint_token

AT_ONCE = 50
ROUNDS = 5
QUIET_SECONDS = 60.0
READY_SECONDS = 30.0
CRASH = "http.before_response:1"  # between the commit and the answer, at the process's first order

_A_DAY_OLDER = "UPDATE idempotency SET created_at = created_at - interval '1 day' WHERE party = $1"


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it came."""

    status: int
    content: bytes
    replayed: bool
    code: str = ""


@dataclass(slots=True)
class Asker:
    """Somebody who asks for one order by one key, and says so to any process, in any words."""

    client: httpx.AsyncClient
    token: str
    party: str
    body: Json
    history: History
    key: str = field(default_factory=new_id)

    async def ask(self, at: Address, body: Json | None = None) -> Said | None:
        """None when no answer came."""
        headers = {"authorization": f"Bearer {self.token}", "idempotency-key": self.key}
        try:
            url = f"http://{at[0]}:{at[1]}/orders"
            answer = await self.client.post(url, json=body or self.body, headers=headers)
        except httpx.TransportError:
            self.history.note(self.party, self.key, None)
            return None
        told = answer.json()
        if body is None:
            self.history.note(self.party, self.key, answer.status_code, told.get("order_id"))
        replayed = answer.headers.get("idempotency-replayed") == "true"
        return Said(answer.status_code, answer.content, replayed, told.get("code", ""))


@dataclass(slots=True)
class Crowd:
    """New askers, all in one shop."""

    site: Site
    shop: Shop
    client: httpx.AsyncClient
    history: History = field(default_factory=History)

    def asker(self, party: str | None = None, key: str | None = None) -> Asker:
        party = party or f"buyer-{new_id()}"
        plenty = next(each for each in self.shop.listings if each.variant.sku == "plenty")
        body = body_of(Basket(self.shop, ((plenty, 1),)), party, self.site.chance.choice(("cod", "prepaid")), None)
        token = mint_token(self.site.place.keys, "buyer", party)
        return Asker(self.client, token, party, body, self.history, key or new_id())


def f11_keys(seed: int) -> str:
    """One key at once, in other words, after a fault, after a crash, on another day, by another party."""
    return on_platform(_f11, seed)


async def _f11(site: Site) -> str:
    await site.double(["orders"])
    shop = await open_market(site)
    limits = httpx.Limits(max_connections=2 * AT_ONCE)
    async with httpx.AsyncClient(timeout=15, trust_env=False, limits=limits) as client:
        crowd = Crowd(site, shop, client)
        told = [
            await _at_once(crowd),
            await _in_other_words(crowd),
            await _after_a_fault(crowd),
            await _after_a_crash(crowd),
            await _on_another_day(crowd),
            await _by_two_parties(crowd),
        ]
    await site.drained(time.monotonic(), QUIET_SECONDS)
    checks = await site.hold(crowd.history)
    return f"{'; '.join(told)}; {checks} checks hold"


async def _at_once(crowd: Crowd) -> str:
    """Fifty times at once over both processes: the first is answered, the others hear the same."""
    addresses = list(islice(cycle(crowd.site.orders), AT_ONCE))
    for _ in range(ROUNDS):
        asker = crowd.asker()
        said = await asyncio.gather(*(asker.ask(at) for at in addresses))
        _require_one_answer(said, 201, replays=AT_ONCE - 1)
    wrong = crowd.asker()
    wrong.body["lines"][0]["unit_price"]["amount"] += 1
    _require_one_answer([await wrong.ask(at) for at in addresses[:4]], 409, replays=3)
    return f"{ROUNDS} keys {AT_ONCE} times at once: one order and one answer each; a refusal is repeated to the byte"


async def _in_other_words(crowd: Crowd) -> str:
    asker = crowd.asker()
    said = [await asker.ask(crowd.site.orders[0])]
    other = {**asker.body, "payment": "prepaid" if asker.body["payment"] == "cod" else "cod"}
    for at in crowd.site.orders:
        refused = await asker.ask(at, other)
        reused = refused is not None and (refused.status, refused.code) == (422, "idempotency_key_reused")
        require(reused, f"another body was answered {refused}")
        said.append(await asker.ask(at))
    _require_one_answer(said, 201, replays=2)
    return "422 for another body"


async def _after_a_fault(crowd: Crowd) -> str:
    """The database is away for one process: 503, and the key is as good as new."""
    site, asker = crowd.site, crowd.asker()
    async with Proxy(site.stack.ports.postgres, site.chance).listening() as proxy:
        behind = await _start(site, 3, {"WANPU_POSTGRES_DSN": site.orders_dsn_at(proxy.port)})
        proxy.refuses = True
        proxy.cut()
        failed = await asker.ask(behind)
        require(failed is not None and failed.status == 503, f"without a database the answer was {failed}")
        said = [await asker.ask(at) for at in site.orders[:2]]
        proxy.refuses = False
        await until("the process has its database again", lambda: _is_ready(crowd, behind), READY_SECONDS)
        said.append(await asker.ask(behind))
    _require_one_answer(said, 201, replays=2)
    return "an order after a 503"


async def _after_a_crash(crowd: Crowd) -> str:
    """The process dies between commit and answer."""
    site, asker = crowd.site, crowd.asker()
    mortal = await _start(site, 4, {"WANPU_FAILPOINT": CRASH})
    require(await asker.ask(mortal) is None, f"the process answered at {CRASH}")
    said = [await asker.ask(at) for at in site.orders[:2]]
    _require_one_answer(said, 201, replays=2)
    return "the answer after a crash between commit and response"


async def _on_another_day(crowd: Crowd) -> str:
    asker, (first, second, *_) = crowd.asker(), crowd.site.orders
    said = [await asker.ask(first)]
    tx = await crowd.site.superuser()
    aged = await tx.execute(_A_DAY_OLDER, asker.party)
    await tx.close()
    require(aged == "UPDATE 1", f"the key's row was not found: {aged}")
    said += [await asker.ask(second), await asker.ask(first)]
    _require_one_answer(said, 201, replays=2)
    return "the same a day later"


async def _by_two_parties(crowd: Crowd) -> str:
    key = new_id()
    said = await asyncio.gather(*(crowd.asker(key=key).ask(at) for at in crowd.site.orders[:2]))
    fresh = [each is not None and each.status == 201 and not each.replayed for each in said]
    require(all(fresh) and said[0] != said[1], f"one key of two parties was answered {said}")
    return "two orders for two parties"


def _require_one_answer(said: Sequence[Said | None], status: int, replays: int) -> None:
    """All the same bytes, so many of them marked as replays."""
    kinds = Counter((each.status, each.content) if each else None for each in said)
    marked = sum(each is not None and each.replayed for each in said)
    one = len(kinds) == 1 and all(each is not None and each.status == status for each in said)
    require(one and marked == replays, f"{marked} of {len(said)} are marked as replays: {list(kinds.items())[:3]}")


async def _start(site: Site, number: int, env: Mapping[str, str]) -> Address:
    spare = site.spare("orders", "api", number, env=env)
    await site.start(spare)
    return LOOPBACK, spare.ports[0]


async def _is_ready(crowd: Crowd, at: Address) -> bool:
    try:
        return (await crowd.client.get(f"http://{at[0]}:{at[1]}/health/ready")).status_code == 200
    except httpx.TransportError:
        return False

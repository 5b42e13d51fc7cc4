"""Who orders while things break: each order's key with its bytes, how it was answered, and what is still open."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import orjson

from load.wire import Address, Shot, Shown, closed_loop
from shared.kernel.ids import new_id
from tests.failures.rig import require
from wanpu.demo.client import Json
from wanpu.demo.market import Shop
from wanpu.demo.shopping import Basket, body_of
from wanpu.reconcile import History
from wanpu.token import mint_token

BUYERS = 1_000
AT_ONCE = 32
SETTLE_SECONDS = 60.0
PAUSE_SECONDS = 0.5
SAMPLE = 50  # of the orders that stand: one in so many is asked for again
MAY_COME = frozenset({"in_progress", "not_ready"})  # refusals that decide nothing


class Wish(NamedTuple):
    """An order that somebody wants: whose it is, its key, and the request's bytes."""

    party: str
    key: str
    request: bytes

    @property
    def shot(self) -> Shot:
        return Shot(self.request, self)


class Buyers:
    """So many different people with their tokens."""

    def __init__(self, keys: Path, number: int = BUYERS) -> None:
        run = new_id()[-8:]
        self.parties = [f"buyer-{run}-{place}" for place in range(number)]
        self._tokens = {party: mint_token(keys, "buyer", party) for party in self.parties}

    def wish(self, party: str, basket: Basket, payment: str) -> Wish:
        """An order under a new key."""
        key = new_id()
        return Wish(party, key, self.request(party, key, body_of(basket, party, payment, None)))

    def request(self, party: str, key: str, body: Json) -> bytes:
        """The bytes of `POST /orders`."""
        content = orjson.dumps(body)
        head = (
            f"POST /orders HTTP/1.1\r\nhost: orders\r\nauthorization: Bearer {self._tokens[party]}\r\n"
            f"idempotency-key: {key}\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


def demand(buyers: Buyers, shop: Shop, chance: random.Random, cod: float = 0.5) -> Iterator[Wish]:
    """Orders without end: one or two pieces of what there is in plenty, so many of them cash on delivery."""
    plenty = [each for each in shop.listings if each.variant.sku == "plenty"]
    while True:
        basket = Basket(shop, ((chance.choice(plenty), chance.choice((1, 1, 2))),))
        yield buyers.wish(chance.choice(buyers.parties), basket, "cod" if chance.random() < cod else "prepaid")


def shots(wishes: Iterator[Wish]) -> Iterator[Shot]:
    return (wish.shot for wish in wishes)


@dataclass(slots=True)
class Book:
    """The driver's own book: every attempt, and by key what was decided; `open` keys are to be asked again."""

    history: History = field(default_factory=History)
    seen: list[Shown] = field(default_factory=list)
    open: dict[str, Wish] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    sample: list[Wish] = field(default_factory=list)
    decided: dict[str, bytes] = field(default_factory=dict)  # digests of the answers
    changed: list[str] = field(default_factory=list)
    refused: list[Json] = field(default_factory=list)

    def note(self, shown: Shown) -> None:
        """Take an answer down; a 429 leaves nothing open that was not open before."""
        wish: Wish = shown.tag
        body = orjson.loads(shown.body) if shown.body else {}
        code = str(body.get("code", ""))
        self.history.note(wish.party, wish.key, shown.status or None, body.get("order_id"))
        self.codes[f"{shown.status} {code}".strip()] += 1
        if shown.status in (0, 429) or shown.status >= 500 or code in MAY_COME:
            if shown.status != 429:
                self.open[wish.key] = wish
        else:
            self.open.pop(wish.key, None)
            self._decide(wish, shown)
            if shown.status != 201:
                self.refused.append(body)
        shown.body = None
        self.seen.append(shown)

    def _decide(self, wish: Wish, shown: Shown) -> None:
        digest = hashlib.sha256(shown.body or b"").digest()
        if self.decided.setdefault(wish.key, digest) != digest:
            self.changed.append(wish.key)
        if shown.status == 201 and len(self.decided) % SAMPLE == 0:
            self.sample.append(wish)

    async def settle(self, addresses: Sequence[Address]) -> int:
        """Ask for what is open again, with its key, until each is decided; then for a sample of what stands."""
        again, deadline = len(self.open), time.monotonic() + SETTLE_SECONDS
        while self.open:
            await self.ask(addresses, list(self.open.values()))
            require(not self.open or time.monotonic() < deadline, f"{len(self.open)} keys are never decided: {self}")
            await asyncio.sleep(PAUSE_SECONDS if self.open else 0)
        await self.ask(addresses, list(self.sample))
        require(not self.changed, f"{len(self.changed)} keys got another answer the second time: {self.changed[:3]}")
        return again

    async def ask(self, addresses: Sequence[Address], wishes: Sequence[Wish], connections: int = AT_ONCE) -> None:
        """Ask for these, some at once."""
        await closed_loop(addresses, shots(iter(wishes)), connections=connections, sink=self.note)

    def of(self, chosen: Callable[[Shown], bool]) -> list[Shown]:
        return [shown for shown in self.seen if chosen(shown)]

    def __str__(self) -> str:
        return ", ".join(f"{count} × {code}" for code, count in self.codes.most_common())


def p99(shown: Sequence[Shown]) -> float:
    """Seconds from the moment each was due; 0 when there is none."""
    taken = sorted(each.answered_at - each.due_at for each in shown)
    return taken[len(taken) * 99 // 100] if taken else 0.0
